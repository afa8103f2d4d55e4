"""The regressor as arrows from discovered landmarks to annotated points (fig. 7)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, UInt8

from warpmarks.plots.average_image import with_contrast
from warpmarks.plots.colours import landmark_colours
from warpmarks.plots.markers import draw_landmarks, marker_diameter
from warpmarks.plots.predictions import PREDICTED
from warpmarks.plots.sheet import Sheet, Tile, draw_dots, in_points

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

LEAST = 0.2
"""Arrows of smaller shares are left out, as in the paper."""

_OUTLINE = "#101418"
_NAMED = 12  # points up to which there is room for their names
_LONGEST = 24  # letters of a name


def draw_regressor(
    image: UInt8[np.ndarray, "height width 3"],
    landmarks: Float[np.ndarray, "landmarks 2"],
    points: Float[np.ndarray, "points 2"],
    influences: Float[np.ndarray, "points landmarks"],
    names: Sequence[str],
    *,
    longer_side: int = 760,
) -> "matplotlib.figure.Figure":
    """Arrows from the landmarks to each point that they decide, on an image.

    An arrow is as thick as the landmark's share in the point, and has the landmark's colour.

    Args:
        image: to draw on.
        landmarks: discovered, in its pixels.
        points: that the regressor predicts from them, in its pixels.
        influences: share of each landmark in each point; see `Regressor.influences`.
        names: of the points.
        longer_side: of the picture, in pixels.
    """
    height, width = image.shape[:2]
    scale = longer_side / max(height, width)
    tile = Tile(0, 0, max(1, round(scale * width)), max(1, round(scale * height)))
    sheet = Sheet(tile.height, tile.width)
    (image,) = with_contrast(image)
    faded = np.round(0.62 * image + 0.38 * 255 * 0.82).astype(np.uint8)
    sheet.paste(faded, tile)
    figure, axes = sheet.figure()
    sources, targets = tile.place(landmarks, height, width), tile.place(points, height, width)
    diameter = 0.8 * marker_diameter(tile, max(len(landmarks), len(points)))
    draw_dots(
        axes,
        targets[tile.holds(targets)],
        1.75 * diameter,
        c=PREDICTED,
        edgecolors=_OUTLINE,
        linewidths=in_points(max(1.0, 0.12 * diameter)),
        zorder=2,
    )
    draw_landmarks(axes, tile, sources)
    _draw_arrows(axes, sources, targets, influences, diameter)
    if len(points) <= _NAMED:
        _write_names(axes, tile, targets, names, diameter)
    return figure


def _draw_arrows(
    axes: "matplotlib.axes.Axes",
    sources: Float[np.ndarray, "landmarks 2"],
    targets: Float[np.ndarray, "points 2"],
    influences: Float[np.ndarray, "points landmarks"],
    diameter: float,
) -> None:
    from matplotlib.patches import FancyArrowPatch

    colours = landmark_colours(len(sources))
    for point, landmark in zip(*np.nonzero(influences >= LEAST), strict=True):
        share = float(influences[point, landmark])
        start, end = sources[landmark], targets[point]
        if not (np.isfinite(start).all() and np.isfinite(end).all()):
            continue
        width = 1.1 * diameter * share
        for thickness, colour, order in (
            (width + 0.22 * diameter, _OUTLINE, 5.0),
            (width, colours[landmark] / 255, 5.1),
        ):
            axes.add_patch(
                FancyArrowPatch(
                    (float(start[0]), float(start[1])),
                    (float(end[0]), float(end[1])),
                    arrowstyle=f"-|>,head_length={0.45 * diameter:.2f},"
                    f"head_width={0.2 * diameter + 0.35 * thickness:.2f}",
                    mutation_scale=in_points(1.0),
                    shrinkA=0,
                    shrinkB=0,
                    linewidth=in_points(thickness),
                    color=colour,
                    zorder=order,
                    capstyle="round",
                    joinstyle="round",
                )
            )


def _write_names(
    axes: "matplotlib.axes.Axes",
    tile: Tile,
    targets: Float[np.ndarray, "points 2"],
    names: Sequence[str],
    diameter: float,
) -> None:
    from matplotlib.patheffects import withStroke

    for name, (x, y), inside in zip(names, targets, tile.holds(targets), strict=True):
        if not inside:
            continue
        right = x < tile.left + 0.72 * tile.width
        axes.annotate(
            name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…",
            (float(x), float(y)),
            xytext=(in_points((1.2 if right else -1.2) * diameter), in_points(-1.0 * diameter)),
            textcoords="offset points",
            fontsize=in_points(19),
            color="white",
            fontweight="bold",
            ha="left" if right else "right",
            va="top",
            path_effects=[withStroke(linewidth=in_points(5), foreground=_OUTLINE)],
            parse_math=False,
            zorder=6,
        )
