"""``warpmarks fit``: annotated images to a regressor from the landmarks of a run."""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from warpmarks.cli.options import Device, DeviceChoice, Overwrite, Run, Threads
from warpmarks.errors import InputError
from warpmarks.limits import ENOUGH_LANDMARKS, FEW_LANDMARKS
from warpmarks.wording import counted

if TYPE_CHECKING:
    from warpmarks.datasets.annotated import AnnotatedSet
    from warpmarks.detectors.detector import Detector
    from warpmarks.evaluation.few_labels import LabelDraw, LabelledPool, Spread
    from warpmarks.regression.promise import Promise
    from warpmarks.system.progress import Progress


class Method(StrEnum):
    """Ways of `warpmarks.regression.fitting`."""

    AUTO = "auto"
    LINEAR = "linear"
    WARPS = "warps"
    GEOMETRIC = "geometric"


AnnotatedSource = Annotated[
    Path,
    typer.Argument(
        metavar="SET",
        show_default=False,
        help="An annotated image set: a folder with images/ and landmarks.csv.",
    ),
]
MethodOption = Annotated[
    Method,
    typer.Option(
        help="auto chooses for the number of annotated images. linear: the paper's map, with the "
        "least mean distance. warps: by least squares, with randomly warped copies of the images, "
        "as in the paper. "
        "geometric: each point an affine combination of landmarks near it, and a free rest.",
    ),
]
Normaliser = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        show_default="the set's, else box",
        help="What errors are divided by: inter-ocular, outer-eye-corners, box, box-side, image, "
        "or two points such as 1:2.",
    ),
]


def fit(
    run: Run,
    source: AnnotatedSource,
    output: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            show_default=False,
            help="The regressor to make: a bare name is one inside the run, anything with a / a "
            "path.",
        ),
    ],
    split: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", show_default="all annotated images", help="Fit on this split only."
        ),
    ] = None,
    labels: Annotated[
        int | None,
        typer.Option(
            show_default="all", help="Fit on so many annotated images, drawn with --seed."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draw.")] = 0,
    draws: Annotated[
        int,
        typer.Option(
            min=1,
            help="With --labels: draw so many times, with this seed and the following ones, and "
            "tell mean and spread; the first draw's fit is saved.",
        ),
    ] = 1,
    method: MethodOption = Method.AUTO,
    bias: Annotated[
        bool, typer.Option("--bias", help="Fit with an offset; the paper's map has none.")
    ] = False,
    normaliser: Normaliser = None,
    json: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            show_default=False,
            help="Write the figures as JSON; -, or nothing, prints them in the place of the table.",
        ),
    ] = None,
    overwrite: Overwrite = False,
    device: DeviceChoice = Device.AUTO,
    threads: Threads = None,
) -> None:
    """Learn to predict annotated points from a run's landmarks, and say how well to expect it."""
    if draws > 1 and labels is None:
        raise InputError(
            "--draws was given without --labels: all annotated images can be drawn in one way only"
        )
    import sys

    from warpmarks.cli.devices import prepare
    from warpmarks.cli.listing import read_told
    from warpmarks.cli.outputs import check_json, print_record
    from warpmarks.cli.progress import terminal_progress
    from warpmarks.cli.promise import print_draws, print_promise
    from warpmarks.detectors.detector import Detector
    from warpmarks.evaluation.few_labels import LabelledPool
    from warpmarks.regression.promise import promise_of
    from warpmarks.regression.storage import refuse_existing, regressor_path
    from warpmarks.system.files import write_json

    to_stdout = check_json(json, overwrite=overwrite)
    path = regressor_path(output, run)
    refuse_existing(path, overwrite=overwrite)
    detector = Detector.load(run, device=prepare(device, threads))
    annotated = read_told(source, split=split, normaliser=normaliser)
    seeds = range(seed, seed + draws)
    with terminal_progress() as progress:
        pool = LabelledPool(detector, annotated, method=method.value, bias=bias, progress=progress)
        pool.locate([labels], seeds)
        fits = [pool.fit(labels, one, progress=progress) for one in seeds]
        first = fits[0]
        promise = promise_of(first.fit, first.examples)
        without = _without_bias(pool, first, labels) if bias else None
        record = _record(run, annotated, first, promise, without, drawn=labels is not None)
        elsewhere = [pool.errors_elsewhere(one) for one in fits] if draws > 1 else []
        page = _save(path, run, first, detector, annotated, record, overwrite, progress)
    spreads = {}
    if draws > 1:
        spreads = _spreads(fits, elsewhere)
        record["draws"] = {
            "count": draws,
            **{name: own.record() for name, (own, _) in spreads.items()},
            "mean_shape": {name: plain.record() for name, (_, plain) in spreads.items()},
        }
    if to_stdout:
        print_record(record)
    else:
        print_promise(
            promise,
            first.fit.regressor,
            annotated.name,
            without=without,
            left_out=annotated.left_out,
            draw=f"draw 1 of {draws} (seed {seed}): " if draws > 1 else "",
        )
        if spreads:
            print_draws(spreads, draws, seed, annotated.scheme.normaliser.words)
    told = sys.stderr if to_stdout else sys.stdout
    if json is not None and not to_stdout:
        write_json(json, record)
        print(f"figures: {json}", file=told)
    drawn = f" (seed {seed})" if labels is not None else ""
    for note in _notes(run, detector, first, record):
        print(note, file=told)
    print(f"regressor: {path}{drawn}" + (f"; report: {page}" if page else ""), file=told)


def _notes(
    run: Path, detector: "Detector", first: "LabelDraw", record: dict[str, Any]
) -> Iterator[str]:
    """Sentences on what may be wrong with the images or with what is promised."""
    from warpmarks.regression.repeated import told_of_repeated
    from warpmarks.regression.standing_out import told_of_standing_out

    yield from told_of_standing_out(record["standing_out"], all_in="--json")
    if repeated := told_of_repeated(first.examples):
        yield repeated
    if detector.record.kind == "supervised":
        yield (
            f"{run} was trained on annotations: where these images were among them, the errors are "
            "too low for others."
        )
    elif detector.num_landmarks <= FEW_LANDMARKS:
        yield (
            f"{run} has {counted(detector.num_landmarks, 'landmark')}: points are told nearer from "
            f"more of them, such as {ENOUGH_LANDMARKS} (warpmarks train --landmarks)."
        )


def _spreads(
    fits: "Sequence[LabelDraw]", elsewhere: Sequence[tuple[float, float]]
) -> "dict[str, tuple[Spread, Spread]]":
    """Errors over draws in %, and beside each those of the mean shape."""
    from warpmarks.evaluation.few_labels import Spread
    from warpmarks.regression.promise import promise_of

    overall = [promise_of(one.fit, one.examples).overall for one in fits]
    errors = {
        "leave_one_out": [(one.percent, one.mean_shape_percent) for one in overall],
        "images_of_other_draws": [(100 * own, 100 * plain) for own, plain in elsewhere],
    }
    return {
        name: (Spread.of([own for own, _ in pairs]), Spread.of([plain for _, plain in pairs]))
        for name, pairs in errors.items()
    }


def _without_bias(pool: "LabelledPool", first: "LabelDraw", labels: int | None) -> "Promise":
    """What the same images promise without an offset."""
    from warpmarks.regression.promise import promise_of

    plain = pool.fit(labels, first.seed, bias=False)
    return promise_of(plain.fit, plain.examples)


def _record(
    run: Path,
    annotated: "AnnotatedSet",
    first: "LabelDraw",
    promise: "Promise",
    without: "Promise | None",
    *,
    drawn: bool,
) -> dict[str, Any]:
    """What is kept with the regressor and printed as JSON."""
    from warpmarks.regression.repeated import count_pictures
    from warpmarks.regression.standing_out import standing_out

    normaliser = annotated.scheme.normaliser
    record = {
        "run": run.resolve().name,
        "set": annotated.name,
        "labels": len(first.examples),
        "different_pictures": count_pictures(first.examples),
        "seed": first.seed if drawn else None,
        "method": first.fit.regressor.method,
        "chosen": dict(first.fit.chosen),
        "bias": first.fit.regressor.offset is not None,
        "normaliser": normaliser.text,
        "normaliser_words": normaliser.words,
        "promise": promise.record(),
        "standing_out": [one.record() for one in standing_out(first.fit, first.examples)],
    }
    return record if without is None else record | {"promise_without_bias": without.record()}


def _save(
    path: Path,
    run: Path,
    drawn: "LabelDraw",
    detector: "Detector",
    annotated: "AnnotatedSet",
    about: dict[str, Any],
    overwrite: bool,
    progress: "Progress",
) -> Path | None:
    """The regressor with its picture; the run's report where it lies in the run."""
    from warpmarks.evaluation.regressor_picture import draw_regressor_picture
    from warpmarks.regression.storage import FOLDER, save_regressor
    from warpmarks.report.run_report import rebuild_report

    regressor = drawn.fit.regressor
    progress.start("Drawing pictures", None)
    save_regressor(
        regressor,
        path,
        about=about,
        overwrite=overwrite,
        beside=lambda folder: draw_regressor_picture(
            folder, regressor, detector, drawn.examples, annotated.images
        ),
    )
    if path.resolve().parent != (run / FOLDER).resolve():
        return None
    return rebuild_report(run, annotated.images, detector=detector, progress=progress)
