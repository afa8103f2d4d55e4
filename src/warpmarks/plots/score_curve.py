"""How far off the points are of which a detector is surest: error against the share kept."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from warpmarks.plots.axes import draw_legend, dressed_figure
from warpmarks.plots.sheet import in_points
from warpmarks.plots.themes import LIGHT, Theme

if TYPE_CHECKING:
    import matplotlib.figure

_HEIGHT, _WIDTH = 520, 820


def draw_score_curve(
    shares: Float[np.ndarray, " shares"],
    by_score: Float[np.ndarray, " shares"],
    at_best: Float[np.ndarray, " shares"],
    *,
    normaliser: str,
    theme: Theme = LIGHT,
) -> "matplotlib.figure.Figure":
    """A curve of what scores come to, and of what the best of all scores would.

    Args:
        shares: of the points that are kept, in %.
        by_score: mean error of those with the highest scores, in % of the normaliser; nan where
            there are none.
        at_best: mean error of those of least error, likewise.
        normaliser: what 100 % is.
        theme: light or dark.
    """
    figure, axes = dressed_figure(
        _HEIGHT,
        _WIDTH,
        theme,
        x_label="% of points kept, the surest first",
        y_label=f"error in % of {normaliser}",
    )
    for index, (name, errors) in enumerate((("by score", by_score), ("at best", at_best))):
        known = np.isfinite(errors)
        axes.plot(
            shares[known],
            errors[known],
            color=theme.series[index],
            linewidth=in_points(4.0 if index == 0 else 3.0),
            label=name,
            zorder=4 - index,
        )
    axes.set_xlim(0, 100)
    axes.set_ylim(bottom=0)
    draw_legend(axes, theme)
    figure.tight_layout(pad=0.8)
    return figure
