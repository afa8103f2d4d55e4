"""The table of an evaluation, for people."""

import math
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from warpmarks.cli.tables import print_table
from warpmarks.wording import counted

if TYPE_CHECKING:
    from warpmarks.evaluation.evaluate import SetEvaluation
    from warpmarks.evaluation.few_labels import Spread
    from warpmarks.metrics.bootstrap import Interval


WORSE = 1.02
"""Times the error of the mean shape, from which on an error is called worse."""


def print_scores(
    evaluation: "SetEvaluation",
    run: str,
    console: Console | None = None,
    *,
    without_bias: bool = False,
) -> None:
    """Errors of each point and of all, with their intervals and the mean shape beside them.

    Args:
        evaluation: what is told.
        run: its name.
        console: where to print.
        without_bias: whether the points are predicted by a map that could have an offset.
    """
    console = console or Console(highlight=False, soft_wrap=True)
    landmarks, mean_shape = evaluation.landmarks, evaluation.mean_shape
    how = evaluation.predictions.how
    console.print(
        f"{run} on {evaluation.set_name}: {counted(len(evaluation.examples), 'image')}, "
        f"{counted(evaluation.examples.landmarks.shape[1], 'landmark')}, "
        + (f"regressor {how}" if how else "which the network was trained to find"),
        markup=False,
    )
    table = Table(title=f"error in % of {evaluation.scheme.normaliser.words}", title_justify="left")
    table.add_column("point")
    for name in ("images", "error", "95 % interval", "pixels", "mean shape"):
        table.add_column(name, justify="right")
    for point, mean in zip(landmarks.points, mean_shape.points, strict=True):
        table.add_row(
            point.name,
            f"{point.images:,}",
            _percent(point.mean),
            _interval(point.interval),
            number(point.pixels),
            _percent(mean.mean),
        )
    table.add_section()
    table.add_row(
        "all",
        f"{sum(math.isfinite(error) for error in landmarks.image_errors):,}",
        _percent(landmarks.mean),
        _interval(landmarks.interval),
        number(landmarks.pixels),
        _percent(mean_shape.mean),
        style="bold",
    )
    print_table(console, table)
    print_table(console, _summary(evaluation))
    if warning := beside_mean_shape(landmarks.mean, mean_shape.mean, without_bias=without_bias):
        console.print(warning)
    if evaluation.both_ways is not None:
        console.print(f"forward and backward maps {evaluation.both_ways.how}", markup=False)
    if evaluation.predictions.caution:
        console.print(evaluation.predictions.caution, markup=False)


def _summary(evaluation: "SetEvaluation") -> Table:
    landmarks, mean_shape = evaluation.landmarks, evaluation.mean_shape
    table = Table(box=None, pad_edge=False, show_header=True, header_style="")
    table.add_column("")
    table.add_column("landmarks", justify="right")
    table.add_column("mean shape", justify="right")
    both = (landmarks, mean_shape)
    threshold = f"{100 * landmarks.threshold:g} %"
    table.add_row("median error", *(f"{_percent(score.median)} %" for score in both))
    table.add_row(f"area under the curve to {threshold}", *(f"{one.area:.3f}" for one in both))
    table.add_row(f"images beyond {threshold}", *(f"{100 * one.failures:.1f} %" for one in both))
    for alpha in landmarks.correct:
        shares = (f"{100 * score.correct[alpha]:.1f} %" for score in both)
        table.add_row(f"PCK@{alpha:g}", *shares)
    by_score = evaluation.by_score
    if by_score is not None and math.isfinite(by_score[0]) and math.isfinite(by_score[-1]):
        for which, error in (("lowest", by_score[0]), ("highest", by_score[-1])):
            words = f"error of the quarter with the {which} scores"
            table.add_row(words, f"{_percent(error)} %", "")
    ways = evaluation.both_ways
    if ways is not None:
        table.add_row("forward error", f"{_percent(ways.forward)} %", "")
        table.add_row("backward error", f"{_percent(ways.backward)} %", "")
    return table


def _interval(interval: "Interval") -> str:
    if not math.isfinite(interval.low):
        return "-"
    return f"{_percent(interval.low)} to {_percent(interval.high)}"


def _percent(share: float) -> str:
    return number(100 * share)


def beside_mean_shape(error: float, mean_shape: float, *, without_bias: bool) -> str:
    """A warning where landmarks predict points no better than the mean shape; else nothing."""
    if not error >= mean_shape:
        return ""
    found = (
        "predict these points worse than"
        if error > WORSE * mean_shape
        else "tell no more of these points than"
    )
    bias = ", or take --bias, which can fall back to it" if without_bias else ""
    return (
        f"The landmarks {found} the mean shape does: train on images of this kind, annotate "
        f"more{bias}."
    )


def number(value: float) -> str:
    """With two decimals; - where there is none."""
    return f"{value:.2f}" if math.isfinite(value) else "-"


def with_spread(spread: "Spread") -> str:
    """A mean over draws with its standard deviation, where there are several."""
    deviation = f" ± {number(spread.deviation)}" if spread.deviation >= 0 else ""
    return f"{number(spread.mean)}{deviation}"
