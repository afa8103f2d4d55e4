"""``warpmarks evaluate --labels``: error against the number of annotated images."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from warpmarks.cli.scores import with_spread
from warpmarks.cli.tables import print_table
from warpmarks.errors import InputError
from warpmarks.wording import counted

if TYPE_CHECKING:
    from warpmarks.datasets.annotated import AnnotatedSet
    from warpmarks.detectors.detector import Detector
    from warpmarks.evaluation.label_curve import LabelCurve


def tell_label_curve(
    detector: "Detector",
    run: Path,
    fitted_on: "AnnotatedSet",
    scored: "AnnotatedSet",
    labels: str,
    *,
    draws: int,
    seed: int,
    method: str,
    bias: bool,
    supervised: Sequence[Path],
    folder: Path | None,
    json: Path | None,
) -> None:
    """Fit on draws of each number of images, score, draw and print.

    Raises:
        InputError: a number that cannot be drawn, a run that is not supervised, or images that do
            not allow a fit.
    """
    from warpmarks.cli.outputs import hand_over
    from warpmarks.cli.progress import terminal_progress
    from warpmarks.evaluation.evaluation_folder import holds_evaluation, key_of, place_in
    from warpmarks.evaluation.few_labels import LabelledPool, errors_by_labels, parse_counts
    from warpmarks.evaluation.label_curve import LabelCurve, save_label_curve, score_supervised
    from warpmarks.evaluation.locating import locate_annotated
    from warpmarks.report.run_report import rebuild_report

    counts = parse_counts(labels, len(fitted_on.images.names), source="--labels")
    fitted_on = replace(fitted_on, scheme=scored.scheme)
    with terminal_progress() as progress:
        others = tuple(
            score_supervised(other, scored, device=str(detector.device), progress=progress)
            for other in supervised
        )
        examples = locate_annotated(detector, scored, progress=progress)
        normaliser = scored.scheme.normaliser
        examples.lengths(normaliser, source=str(scored.source))
        pool = LabelledPool(detector, fitted_on, method=method, bias=bias, progress=progress)
        found = errors_by_labels(pool, examples, counts, draws=draws, seed=seed, progress=progress)
        curve = LabelCurve(
            scored.name,
            fitted_on.name,
            len(examples),
            normaliser.text,
            normaliser.words,
            tuple(found),
            others,
            pool.told_of_shared(examples),
        )
        way = f"{scored.name} labels of {fitted_on.name} {method}"
        key = key_of(way, scored.source)
        place = folder or place_in(run, way, key)
        replaced = folder is None and holds_evaluation(place)
        save_label_curve(place, curve, detector=detector.digest, key=key)
        page = None
        if folder is None:
            page = rebuild_report(run, scored.images, detector=detector, progress=progress)
    name = run.resolve().name
    if json is None or str(json) != "-":
        print_label_curve(curve, name)
    about = {
        "run": name,
        "detector": detector.digest,
        "method": method,
        "bias": bias,
        "seed": seed,
    }
    hand_over(about | curve.record(), json, place, page, replaced=replaced)


def check_label_flags(
    labels: str | None,
    fit_split: str | None,
    supervised: Sequence[Path],
    *,
    draws: int | None,
    threshold: float | None,
) -> None:
    """Raise where --labels lacks what it needs, or others lack --labels or do nothing with it.

    Raises:
        InputError: see above, or --labels is no list of numbers.
    """
    from warpmarks.evaluation.few_labels import parse_counts

    if labels is None and supervised:
        raise InputError(
            "--supervised was given without --labels: give the numbers of annotated images to "
            "compare with, such as --labels 1,5,10,all"
        )
    if labels is None and draws is not None:
        raise InputError(
            "--draws was given without --labels: give the numbers of annotated images to draw, "
            "such as --labels 1,5,10,all"
        )
    if labels is not None and threshold is not None:
        raise InputError(
            "--threshold was given with --labels, which tells mean errors alone: leave it out"
        )
    if labels is not None and fit_split is None:
        raise InputError(
            "--labels draws annotated images from another split: name it with --fit-split, such as "
            "train"
        )
    if labels is not None:
        parse_counts(labels, None, source="--labels")


def print_label_curve(curve: "LabelCurve", run: str) -> None:
    """A row for each number of annotated images."""
    from warpmarks.evaluation.few_labels import Spread

    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"{run} on {curve.set_name}: {counted(curve.images, 'image')}, fitted on draws from "
        f"{curve.fit_name}",
        markup=False,
    )
    table = Table(
        title=f"error in % of {curve.normaliser_words}, mean ± standard deviation over draws",
        title_justify="left",
    )
    table.add_column("annotated images", justify="right")
    table.add_column("draws", justify="right")
    table.add_column("error", justify="right")
    table.add_column("mean shape", justify="right")
    if curve.supervised:
        table.add_column("supervised network", justify="right")
    counts = {one.labels: one for one in curve.counts}
    for labels in sorted(counts.keys() | {one.labels for one in curve.supervised}):
        row = [f"{labels:,}", "", "", ""]
        if (one := counts.get(labels)) is not None:
            row[1] = f"{len(one.errors)}"
            row[2] = with_spread(Spread.of(100 * one.errors))
            row[3] = with_spread(Spread.of(100 * one.mean_shape))
        if curve.supervised:
            errors = [100 * each.error for each in curve.supervised if each.labels == labels]
            row.append(with_spread(Spread.of(errors)) if errors else "")
        table.add_row(*row)
    print_table(console, table)
    if curve.caution:
        console.print(curve.caution, markup=False)
    for other in curve.supervised:
        if other.caution:
            console.print(f"{other.run}: {other.caution}", markup=False)
