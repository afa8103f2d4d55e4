"""The cumulative error curve: how many images stay under which error."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from warpmarks.plots.axes import FONT, draw_legend, dressed_figure
from warpmarks.plots.sheet import in_points
from warpmarks.plots.themes import LIGHT, Theme

if TYPE_CHECKING:
    import matplotlib.figure

_HEIGHT, _WIDTH = 520, 820
_SHOWN_SHARE = 0.97  # of the images of the best curve; the few worst would squeeze the others


def draw_error_curve(
    curves: Sequence[tuple[str, Float[np.ndarray, " images"]]],
    *,
    threshold: float,
    normaliser: str,
    theme: Theme = LIGHT,
) -> "matplotlib.figure.Figure":
    """A step curve for each predictor; the area of the first up to the threshold is tinted.

    Args:
        curves: name and errors of the images in % of the normaliser; nan is left out; at most
            three.
        threshold: in %, up to which the area is taken.
        normaliser: what 100 % is.
        theme: light or dark.
    """
    figure, axes = dressed_figure(
        _HEIGHT, _WIDTH, theme, x_label=f"error in % of {normaliser}", y_label="% of images"
    )
    known = [(name, np.sort(errors[np.isfinite(errors)])) for name, errors in curves]
    shown = [min(float(np.quantile(errors, _SHOWN_SHARE)) for _, errors in known)]
    shown += [float(np.median(errors)) for _, errors in known]
    right = max(1.25 * threshold, *shown)
    for index, (name, errors) in enumerate(known):
        shares = 100 * np.arange(len(errors) + 1) / len(errors)
        # From 0 % at no error to the share that it has at the right edge.
        axes.step(
            [0.0, *errors, max(right, errors[-1])],
            [*shares, shares[-1]],
            where="post",
            color=theme.series[index],
            linewidth=in_points(4.0 if index == 0 else 3.0),
            label=name,
            zorder=4 - index,
        )
        if index == 0:
            under = int((errors <= threshold).sum())
            axes.fill_between(
                [0.0, *errors[:under], threshold],
                [*shares[: under + 1], shares[under]],
                step="post",
                color=theme.series[0],
                alpha=0.14,
                linewidth=0,
            )
    axes.axvline(threshold, color=theme.soft_ink, linewidth=in_points(1.5), linestyle=(0, (5, 4)))
    axes.annotate(
        f"{threshold:g} %",
        (threshold, _widest_gap(100 * (errors <= threshold).mean() for _, errors in known)),
        xytext=(in_points(7), 0),
        textcoords="offset points",
        va="center",
        color=theme.soft_ink,
        fontsize=in_points(FONT),
    )
    axes.set(xlim=(0, right), ylim=(0, 101))
    draw_legend(axes, theme)
    figure.tight_layout(pad=0.8)
    return figure


def _widest_gap(shares: Iterable[float]) -> float:
    """The middle of the widest gap between curves that pass here, and the axes, in %."""
    heights = np.sort([0.0, *shares, 100.0])
    widest = int(np.diff(heights).argmax())
    return float(heights[widest : widest + 2].mean())
