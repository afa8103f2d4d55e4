"""The error of each point with its interval, beside that of the mean shape."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from warpmarks.plots.axes import FONT, draw_legend, dressed_figure
from warpmarks.plots.sheet import in_points
from warpmarks.plots.themes import LIGHT, Theme

if TYPE_CHECKING:
    import matplotlib.figure

_WIDTH, _FRAME = 820, 120
_FEW = 24  # points up to which rows are high enough to be read at once
_LONGEST = 28  # letters of a name


def draw_point_errors(
    names: Sequence[str],
    errors: Float[np.ndarray, " points"],
    lows: Float[np.ndarray, " points"],
    highs: Float[np.ndarray, " points"],
    mean_shape: Float[np.ndarray, " points"],
    *,
    normaliser: str,
    theme: Theme = LIGHT,
) -> "matplotlib.figure.Figure":
    """A row for each point: a dot, its interval, and a ring for the mean shape.

    Args:
        names: of the points.
        errors: mean error of each in %; nan where it is annotated nowhere.
        lows: lower ends of the intervals; nan where there is none.
        highs: upper ends.
        mean_shape: errors of the mean-shape predictor.
        normaliser: what 100 % is.
        theme: light or dark.
    """
    rows = np.arange(len(names))[::-1]
    row, font, dot = (34, FONT, 13.0) if len(names) <= _FEW else (22, 0.75 * FONT, 10.0)
    figure, axes = dressed_figure(
        _FRAME + row * len(names), _WIDTH, theme, x_label=f"error in % of {normaliser}", y_label=""
    )
    axes.grid(visible=False, axis="y")
    axes.hlines(rows, errors, mean_shape, color=theme.grid, linewidth=in_points(2), zorder=1)
    axes.plot(
        mean_shape,
        rows,
        linestyle="",
        marker="o",
        markersize=in_points(0.9 * dot),
        markerfacecolor=theme.paper,
        markeredgecolor=theme.series[1],
        markeredgewidth=in_points(2.5),
        label="mean shape",
        zorder=2,
    )
    axes.hlines(rows, lows, highs, color=theme.series[0], linewidth=in_points(4), zorder=3)
    axes.plot(
        errors,
        rows,
        linestyle="",
        marker="o",
        markersize=in_points(dot),
        color=theme.series[0],
        markeredgewidth=0,
        label="from the landmarks",
        zorder=4,
    )
    for index in np.flatnonzero(np.isnan(errors)):
        axes.annotate(
            "annotated on none of the images",
            (0, rows[index]),
            xytext=(in_points(10), 0),
            textcoords="offset points",
            va="center",
            color=theme.soft_ink,
            fontsize=in_points(font),
        )
    shown = [name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…" for name in names]
    axes.set_yticks(rows, shown, parse_math=False)
    axes.tick_params(axis="y", labelcolor=theme.ink, labelsize=in_points(font))
    largest = float(np.nanmax(np.concatenate([highs, errors, mean_shape])))
    axes.set(xlim=(0, 1.06 * largest), ylim=(-0.7, len(names) - 0.3))
    draw_legend(axes, theme)
    figure.tight_layout(pad=0.8)
    return figure
