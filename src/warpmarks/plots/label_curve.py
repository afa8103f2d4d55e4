"""Error against the number of annotated images: table 4 as a curve."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from warpmarks.plots.axes import draw_legend, dressed_figure
from warpmarks.plots.sheet import in_points
from warpmarks.plots.themes import LIGHT, Theme

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

_HEIGHT, _WIDTH = 560, 900
_ONE_LINE = 40  # pixels of a legend that the height has room for
_MARKERS = ("o", "s", "D", "^", "v", "p", "<", ">")
_DASHES = ("solid", (0, (3, 1)), (0, (1, 1)))
_BANDS = 3  # series whose spreads are bands; those of more would lie over each other
_APART = 1.03  # number of images over that of the series before it, where spreads are bars


@dataclass(frozen=True)
class LabelSeries:
    """A way of predicting points, for several numbers of annotated images.

    Attributes:
        name: of the way.
        labels: numbers of annotated images, from 1.
        errors: mean error for each, in %.
        spreads: standard deviation over draws of the images, in %; 0 or nan where there is none.
    """

    name: str
    labels: Sequence[int]
    errors: Float[np.ndarray, " labels"]
    spreads: Float[np.ndarray, " labels"]


def draw_label_curve(
    series: Sequence[LabelSeries],
    *,
    normaliser: str,
    mean_shape: LabelSeries | float | None = None,
    theme: Theme = LIGHT,
) -> "matplotlib.figure.Figure":
    """Error against annotated images, on a logarithmic axis, with the spread over draws.

    Of more than three series the spreads are bars, each a little to the right of the one before,
    and the axis of errors begins below the lowest instead of at 0.

    Args:
        series: each has a colour and marker of its own if they are at most eight.
        normaliser: what 100 % is.
        mean_shape: error of the mean shape, dashed: for several numbers of annotated images, or
            one in %, across.
        theme: light or dark.
    """
    few = len(series) <= _BANDS
    figure, axes = dressed_figure(
        _HEIGHT, _WIDTH, theme, x_label="annotated images", y_label=f"error in % of {normaliser}"
    )
    for index, one in enumerate(series):
        aside = 1.0 if few else _APART ** (index - (len(series) - 1) / 2)
        _draw_series(axes, one, index, theme, band=few, aside=aside)
    axes.set_xscale("log")
    counts = sorted({count for one in series for count in one.labels})
    _label_counts(axes, counts)
    top = max(float((one.errors + np.nan_to_num(one.spreads)).max()) for one in series)
    if mean_shape is not None:
        top = max(top, _draw_mean_shape(axes, mean_shape, theme))
    bottom = 0.0
    if not few:
        low = min(float((one.errors - np.nan_to_num(one.spreads)).min()) for one in series)
        bottom = max(0.0, low - 0.12 * (top - low))
    axes.set_ylim(bottom, top + 0.12 * (top - bottom))
    room = 1.25 if few else 1.25 * _APART ** (len(series) / 2)
    axes.set_xlim(counts[0] / room, counts[-1] * room)
    names = draw_legend(axes, theme).get_window_extent().height
    height = _HEIGHT + max(0, round(names) - _ONE_LINE)
    figure.set_size_inches(_WIDTH / figure.dpi, height / figure.dpi)
    figure.tight_layout(pad=0.8)
    return figure


def _draw_series(
    axes: "matplotlib.axes.Axes",
    one: LabelSeries,
    index: int,
    theme: Theme,
    *,
    band: bool,
    aside: float,
) -> None:
    """A series by its index, its numbers of images times ``aside``."""
    colour = theme.series[index % len(theme.series)]
    spreads = np.nan_to_num(one.spreads)
    labels = aside * np.array(one.labels, dtype=float)
    if spreads.any() and band:
        low, high = one.errors - spreads, one.errors + spreads
        axes.fill_between(labels, low, high, color=colour, alpha=0.16, linewidth=0)
    elif spreads.any():
        axes.errorbar(
            labels,
            one.errors,
            spreads,
            fmt="none",
            ecolor=colour,
            elinewidth=in_points(1.5),
            alpha=0.6,
        )
    axes.plot(
        labels,
        one.errors,
        color=colour,
        label=one.name,
        linewidth=in_points(3.0),
        linestyle=_DASHES[index // len(theme.series) % len(_DASHES)],
        marker=_MARKERS[index % len(_MARKERS)],
        markersize=in_points(10 if band else 12),
        markeredgecolor=theme.paper,
        markeredgewidth=in_points(1.5),
        solid_joinstyle="round",
    )


def _draw_mean_shape(
    axes: "matplotlib.axes.Axes", mean_shape: LabelSeries | float, theme: Theme
) -> float:
    """Its line, behind the others; returns how high it reaches."""
    look: dict[str, Any] = {
        "color": theme.soft_ink,
        "linewidth": in_points(2),
        "linestyle": (0, (5, 4)),
        "label": "mean shape",
        "zorder": 1,
    }
    if isinstance(mean_shape, float):
        axes.axhline(mean_shape, **look)
        return mean_shape
    axes.plot(mean_shape.labels, mean_shape.errors, marker=".", markersize=in_points(8), **look)
    return float(mean_shape.errors.max())


def _label_counts(axes: "matplotlib.axes.Axes", counts: list[int]) -> None:
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    # Counts that lie within a fifth of each other on this axis would be written over each other.
    kept = [count for i, count in enumerate(counts) if i == 0 or count > 1.35 * counts[i - 1]]
    axes.xaxis.set_major_locator(FixedLocator(kept))
    axes.xaxis.set_major_formatter(FixedFormatter([f"{count:,}" for count in kept]))
    axes.xaxis.set_minor_locator(NullLocator())
