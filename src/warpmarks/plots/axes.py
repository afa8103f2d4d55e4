"""The look of every drawing against numbers: paper, ink, a quiet grid, a legend above."""

from typing import TYPE_CHECKING

from warpmarks.plots.sheet import in_points, new_figure
from warpmarks.plots.themes import Theme

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure
    import matplotlib.legend

FONT = 20.0  # pixels of the picture
_ROOM = 0.88  # of its width, for a legend: more would push the axes aside


def dressed_figure(
    height: int, width: int, theme: Theme, *, x_label: str, y_label: str
) -> tuple["matplotlib.figure.Figure", "matplotlib.axes.Axes"]:
    """A figure of so many pixels on the theme's paper, and its only axes, dressed."""
    figure = new_figure(height, width)
    figure.set_facecolor(theme.paper)
    axes = figure.subplots()
    dress(axes, theme, x_label=x_label, y_label=y_label)
    return figure, axes


def dress(axes: "matplotlib.axes.Axes", theme: Theme, *, x_label: str, y_label: str) -> None:
    """Colours, grid and labels of the axes."""
    size = in_points(FONT)
    axes.set_facecolor(theme.paper)
    axes.set_axisbelow(True)
    axes.grid(color=theme.grid, linewidth=in_points(1.5))
    axes.tick_params(colors=theme.soft_ink, labelsize=size, which="both", length=0)
    axes.set_xlabel(x_label, color=theme.soft_ink, fontsize=size)
    axes.set_ylabel(y_label, color=theme.soft_ink, fontsize=size)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(theme.soft_ink)


def draw_legend(
    axes: "matplotlib.axes.Axes", theme: Theme, *, columns: int = 3
) -> "matplotlib.legend.Legend":
    """Names of the series and of what is tinted, above the drawing at its right.

    In as many columns, or in fewer where long names leave no room for so many.
    """
    from matplotlib.patches import Patch

    legend = _legend(axes, theme, columns)
    while columns > 1 and legend.get_window_extent().width > _ROOM * axes.figure.bbox.width:
        columns -= 1
        legend = _legend(axes, theme, columns)
    for handle in legend.legend_handles:
        if isinstance(handle, Patch):  # a tint alone could hardly be seen so small
            handle.set(edgecolor=theme.soft_ink, linewidth=in_points(1.5))
    return legend


def _legend(axes: "matplotlib.axes.Axes", theme: Theme, columns: int) -> "matplotlib.legend.Legend":
    return axes.legend(
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=columns,
        frameon=False,
        fontsize=in_points(FONT),
        labelcolor=theme.ink,
        handlelength=1.2,
        columnspacing=1.2,
        borderaxespad=0.1,
    )
