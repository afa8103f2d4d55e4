"""``warpmarks evaluate``: what the landmarks of a run are worth on annotated images."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from warpmarks.cli.fit import Method, MethodOption
from warpmarks.cli.options import Device, DeviceChoice, Overwrite, Run, Threads
from warpmarks.errors import InputError
from warpmarks.wording import counted

if TYPE_CHECKING:
    from warpmarks.datasets.annotated import AnnotatedSet
    from warpmarks.points import PointScheme

DRAWS, THRESHOLD = 10, 10.0
"""Where --draws and --threshold are not given."""


def evaluate(
    run: Run,
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SET",
            show_default=False,
            help="An annotated image set: a folder with images/ and landmarks.csv.",
        ),
    ],
    split: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", show_default="all annotated images", help="Score this split only."
        ),
    ] = None,
    regressor: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            show_default=False,
            help="A regressor that `warpmarks fit` saved: its name inside the run, or its path.",
        ),
    ] = None,
    fit_split: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            show_default=False,
            help="In place of a regressor: fit one on this split of the set, and do not keep it.",
        ),
    ] = None,
    cross_validation: Annotated[
        int | None,
        typer.Option(
            min=2,
            metavar="FOLDS",
            show_default=False,
            help="In place of a regressor: score each part of the images with one that was fitted "
            "on the others. Folds are drawn over pictures, whoever they show.",
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            show_default=False,
            help="With --fit-split: fit on so many of its annotated images, such as 1,5,10,20,all, "
            "and tell the error for each number (the paper's table 4).",
        ),
    ] = None,
    draws: Annotated[
        int | None,
        typer.Option(
            min=1,
            show_default=f"{DRAWS}",
            help="With --labels: draws of each number of images, seeded by --seed and on.",
        ),
    ] = None,
    supervised: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="RUN",
            show_default=False,
            help="With --labels: a run of `warpmarks supervise` to set beside; repeatable.",
        ),
    ] = None,
    method: MethodOption = Method.AUTO,
    bias: Annotated[
        bool, typer.Option("--bias", help="Fit with an offset; the paper's map has none.")
    ] = False,
    normaliser: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            show_default="the regressor's or supervised run's, else the set's",
            help="What errors are divided by: inter-ocular, outer-eye-corners, box, box-side, "
            "image, or two points such as 1:2.",
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            show_default=f"{THRESHOLD:g}",
            help="In % of the normaliser: the area under the curve is taken up to there, and "
            "images beyond it have failed; not with --labels.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of intervals, folds and draws.")] = 0,
    json: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            show_default=False,
            help="Write all figures as JSON; -, or nothing, prints them in the place of the table.",
        ),
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            show_default="RUN/evaluations/..., which the run's report shows",
            help="Folder for pictures and evaluation.json.",
        ),
    ] = None,
    overwrite: Overwrite = False,
    device: DeviceChoice = Device.AUTO,
    threads: Threads = None,
) -> None:
    """Score annotated points that are predicted from a run's landmarks, beside the mean shape.

    A run of `warpmarks supervise` needs none of --regressor, --fit-split and --cross-validation.
    """
    from warpmarks.cli.devices import prepare
    from warpmarks.cli.label_curve import check_label_flags, tell_label_curve
    from warpmarks.cli.listing import read_told
    from warpmarks.cli.outputs import check_json, check_output_folder
    from warpmarks.cli.scoring import Scored, Way, score_and_tell
    from warpmarks.detectors.detector import Detector
    from warpmarks.regression.storage import load_for

    way = Way(regressor, fit_split, cross_validation, method, bias, seed)
    check_label_flags(labels, fit_split, supervised or (), draws=draws, threshold=threshold)
    way.check()
    check_json(json, overwrite=overwrite)
    if pictures is not None:
        check_output_folder(pictures, overwrite=overwrite, flag="--pictures")
    detector = Detector.load(run, device=prepare(device, threads))
    if way.is_detection:
        way.check_detection(detector)
    saved = load_for(detector.digest, regressor, run) if regressor is not None else None
    annotated = read_told(source, split=split, normaliser=normaliser)
    fitted_on = read_told(source, split=fit_split) if fit_split is not None else None
    if fitted_on is not None:
        _check_apart(fitted_on, annotated)
    if labels is not None:
        assert fitted_on is not None
        tell_label_curve(
            detector,
            run,
            fitted_on,
            annotated,
            labels,
            draws=DRAWS if draws is None else draws,
            seed=seed,
            method=method.value,
            bias=bias,
            supervised=supervised or (),
            folder=pictures,
            json=json,
        )
        return
    direct = detector.record.scheme if way.is_detection else None
    scheme = _scheme(
        annotated,
        direct if saved is None else saved.scheme,
        f"the regressor {regressor}" if regressor else str(run),
        normaliser,
    )
    limit = (THRESHOLD if threshold is None else threshold) / 100
    scored = Scored(run, detector, annotated, scheme, way, saved, fitted_on)
    score_and_tell(scored, threshold=limit, pictures=pictures, json=json)


def _check_apart(fitted_on: "AnnotatedSet", scored: "AnnotatedSet") -> None:
    shared = set(fitted_on.images.names) & set(scored.images.names)
    if shared:
        raise InputError(
            f"--fit-split would fit on {counted(len(shared), 'image')} that are scored "
            f"({fitted_on.name} and {scored.name}, {min(shared)}), whose errors would say nothing: "
            "name another --split to score, or use --cross-validation 5"
        )


def _scheme(
    annotated: "AnnotatedSet",
    known: "PointScheme | None",
    who: str,
    normaliser: str | None,
) -> "PointScheme":
    """The set's scheme, or that of who predicts; the normaliser is the user's if one was given."""
    from warpmarks.points import name_key, numbered_names

    if known is None:
        return annotated.scheme
    numbers = numbered_names(known.count)
    here, there = annotated.scheme.names, known.names
    if len(here) != len(there):
        raise InputError(
            f"{who} predicts {counted(len(there), 'point')}, but {annotated.source} "
            f"has {len(here)}: score it on a set with its points, or fit a regressor to this one"
        )
    differ = [i for i in range(len(here)) if name_key(here[i]) != name_key(there[i])]
    if differ and numbers in (here, there):
        sides = (annotated.source, who)
        nameless, other = sides if here == numbers else sides[::-1]
        print(
            f"the points of {nameless} have no names: they are taken in the order of {other}",
            file=sys.stderr,
        )
    elif differ:
        first = differ[0]
        raise InputError(
            f"{who} predicts the point {there[first]!r} where {annotated.source} "
            f"has {here[first]!r}: bring the set's points into the same order and names"
        )
    if normaliser is not None:
        return replace(known, normaliser=annotated.scheme.normaliser)
    return known
