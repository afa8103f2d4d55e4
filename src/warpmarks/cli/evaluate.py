"""``warpmarks evaluate``: what the landmarks of a run are worth on annotated images."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from warpmarks.cli.fit import Method, MethodOption
from warpmarks.cli.options import Device, DeviceChoice, Overwrite, Run, Threads
from warpmarks.errors import InputError
from warpmarks.wording import counted

if TYPE_CHECKING:
    from warpmarks.datasets.annotated import AnnotatedSet
    from warpmarks.detectors.detector import Detector
    from warpmarks.evaluation.predicting import Predictions
    from warpmarks.points import PointScheme
    from warpmarks.regression.examples import Examples
    from warpmarks.regression.regressor import Regressor
    from warpmarks.system.progress import Progress

DRAWS, THRESHOLD = 10, 10.0
"""Where --draws and --threshold are not given."""

WAYS = "--regressor NAME, --fit-split NAME or --cross-validation FOLDS"


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
    from warpmarks.cli.outputs import check_json, check_output_folder, hand_over
    from warpmarks.cli.progress import terminal_progress
    from warpmarks.cli.scores import print_scores
    from warpmarks.detectors.detector import Detector
    from warpmarks.evaluation.evaluate import evaluate_predictions
    from warpmarks.evaluation.evaluation_folder import holds_evaluation, key_of, place_in
    from warpmarks.evaluation.locating import locate_annotated
    from warpmarks.evaluation.record import evaluation_record, save_evaluation
    from warpmarks.regression.storage import load_for
    from warpmarks.report.run_report import rebuild_report

    check_label_flags(labels, fit_split, supervised or (), draws=draws, threshold=threshold)
    _check_ways(regressor, fit_split, cross_validation, bias=bias, method=method)
    to_stdout = check_json(json, overwrite=overwrite)
    if pictures is not None:
        check_output_folder(pictures, overwrite=overwrite, flag="--pictures")
    detector = Detector.load(run, device=prepare(device, threads))
    finds_points = regressor is None and fit_split is None and cross_validation is None
    if finds_points:
        _check_points_found(detector, bias=bias, method=method)
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
    direct = detector.record.scheme if finds_points else None
    scheme = _scheme(
        annotated,
        direct if saved is None else saved.scheme,
        f"the regressor {regressor}" if regressor else str(run),
        normaliser,
    )
    with terminal_progress() as progress:
        examples = locate_annotated(detector, annotated, progress=progress)
        predictions, training = _predict(
            run,
            detector,
            examples,
            scheme,
            saved,
            regressor,
            fitted_on,
            cross_validation,
            source=str(annotated.source),
            method=method.value,
            bias=bias,
            seed=seed,
            progress=progress,
        )
        evaluation = evaluate_predictions(
            examples,
            scheme,
            predictions,
            set_name=annotated.name,
            source=str(annotated.source),
            threshold=(THRESHOLD if threshold is None else threshold) / 100,
            seed=seed,
            training=training,
        )
        named = f"{annotated.name} {_way(regressor, fit_split, cross_validation)}"
        key = key_of(named, annotated.source)
        folder = pictures or place_in(run, named, key)
        replaced = pictures is None and holds_evaluation(folder)
        progress.start("Drawing pictures", None)
        save_evaluation(
            folder,
            evaluation,
            annotated.images,
            detector=detector.digest,
            key=key,
        )
        page = (
            rebuild_report(run, annotated.images, detector=detector, progress=progress)
            if pictures is None
            else None
        )
    name = run.resolve().name
    with_bias = bias if saved is None else saved.offset is not None
    if not to_stdout:
        print_scores(evaluation, name, without_bias=not finds_points and not with_bias)
    about = {
        "run": name,
        "detector": detector.digest,
        "bias": None if finds_points else with_bias,
        "seed": seed,
    }
    hand_over(about | evaluation_record(evaluation), json, folder, page, replaced=replaced)


def _way(regressor: str | None, fit_split: str | None, cross_validation: int | None) -> str:
    """How points are predicted, for the name of the folder."""
    if regressor is not None:
        return regressor
    if fit_split is not None:
        return f"fit {fit_split}"
    return "found" if cross_validation is None else f"{cross_validation} folds"


def _check_ways(
    regressor: str | None,
    fit_split: str | None,
    cross_validation: int | None,
    *,
    bias: bool,
    method: Method,
) -> None:
    given = sum(way is not None for way in (regressor, fit_split, cross_validation))
    if given > 1:
        raise InputError(f"points can be predicted in one way only: give one of {WAYS}")
    if bias and regressor is not None:
        raise InputError("--bias was given with --regressor, which is fitted already: leave it out")
    if method is not Method.AUTO and regressor is not None:
        raise InputError(
            "--method was given with --regressor, which is fitted already: leave it out"
        )
    if method is Method.WARPS and cross_validation is not None:
        raise InputError(
            "--method warps is not known for --cross-validation: take --fit-split, or another "
            "method"
        )


def _check_points_found(detector: "Detector", *, bias: bool, method: Method) -> None:
    """Only a supervised run finds the annotated points themselves."""
    if detector.record.kind != "supervised":
        raise InputError(
            "nothing says how annotated points follow from landmarks: give one of " + WAYS
        )
    if bias or method is not Method.AUTO:
        raise InputError(
            f"{'--bias' if bias else '--method'} was given, but a supervised run is scored without "
            f"a fit: leave it out, or give one of {WAYS}"
        )


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
    from dataclasses import replace

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


def _predict(
    run: Path,
    detector: "Detector",
    examples: "Examples",
    scheme: "PointScheme",
    saved: "Regressor | None",
    name: str | None,
    fitted_on: "AnnotatedSet | None",
    cross_validation: int | None,
    *,
    source: str,
    method: str,
    bias: bool,
    seed: int,
    progress: "Progress",
) -> "tuple[Predictions, Examples | None]":
    """The predictions, and the images that they were learned from where these are at hand."""
    from dataclasses import replace

    import numpy as np

    from warpmarks.evaluation.few_labels import LabelledPool
    from warpmarks.evaluation.predicting import points_found, predict_by_folds, predict_with
    from warpmarks.regression.repeated import told_of_shared
    from warpmarks.runs.folder import RunFolder

    if saved is not None:
        how = f"fitted on {counted(saved.fitted_on, 'image')} (regressor {name}, {saved.method})"
        return predict_with(saved, examples, how=how), None
    if fitted_on is not None:
        pool = LabelledPool(
            detector,
            replace(fitted_on, scheme=scheme),
            method=method,
            bias=bias,
            progress=progress,
        )
        pool.locate([None], [seed])
        drawn = pool.fit(None, seed, progress=progress)
        training, fitted = drawn.examples, drawn.fit.regressor
        how = f"fitted on {counted(len(training), 'image')} of {fitted_on.name} ({fitted.method})"
        predicted = predict_with(fitted, examples, how=how)
        return replace(predicted, caution=told_of_shared(examples, training)), training
    if cross_validation is None:
        return points_found(examples, RunFolder(run).read_names()), None
    generator = np.random.default_rng(seed)
    examples.lengths(scheme.normaliser, source=source)
    predicted = predict_by_folds(
        examples, scheme, cross_validation, generator, method=method, bias=bias
    )
    return predicted, None
