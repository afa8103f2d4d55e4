"""The regressor as arrows from discovered landmarks to annotated points (fig. 7)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, UInt8

from warpmarks.plots.average_image import with_contrast
from warpmarks.plots.colours import landmark_colours
from warpmarks.plots.markers import marker_diameter
from warpmarks.plots.predictions import PREDICTED
from warpmarks.plots.sheet import Sheet, Tile, draw_dots, in_points

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

LEAST = 0.2
"""Arrows of smaller shares are left out, as in the paper."""

_OUTLINE = "#101418"
_BEYOND = np.full(3, 150, np.uint8)  # what lies around the image
_NAMED = 12  # points up to which there is room for their names
_LONGEST = 24  # letters of a name
_THIN = 3  # lines of a point that no landmark decides by itself


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

    An arrow is as thick as the landmark's share in the point, and has the landmark's colour. A
    point in which no landmark has a share that counts has thin lines from the three largest.

    The picture is enlarged where landmarks or points lie at the edge of the image or beyond.

    Args:
        image: to draw on.
        landmarks: discovered, in its pixels.
        points: that the regressor predicts from them, in its pixels.
        influences: share of each landmark in each point; see `Regressor.influences`.
        names: of the points.
        longer_side: of the image in the picture, in pixels.
    """
    height, width = image.shape[:2]
    scale = longer_side / max(height, width)
    tile = Tile(0, 0, max(1, round(scale * width)), max(1, round(scale * height)))
    diameter = 0.5 * marker_diameter(tile, max(len(landmarks), len(points)))
    marks = np.concatenate(
        [tile.place(landmarks, height, width), tile.place(points, height, width)]
    )
    tile, sheet = _with_room(tile, marks, 1.5 * diameter + 2)
    (image,) = with_contrast(image)
    faded = np.round(0.62 * image + 0.38 * 255 * 0.82).astype(np.uint8)
    sheet.paste(faded, tile)
    figure, axes = sheet.figure()
    sources, targets = tile.place(landmarks, height, width), tile.place(points, height, width)
    _draw_shares(axes, sources, targets, influences, diameter)
    colours = landmark_colours(len(sources))
    whole = Tile(0, 0, sheet.pixels.shape[1], sheet.pixels.shape[0])
    shown = whole.holds(sources)
    rim = max(1.0, 0.14 * diameter)
    draw_dots(axes, sources[shown], diameter + 3 * rim, c="white", linewidths=0, zorder=4)
    draw_dots(
        axes,
        sources[shown],
        diameter,
        c=colours[shown] / 255,
        edgecolors=_OUTLINE,
        linewidths=in_points(rim),
        zorder=4.1,
    )
    inside = targets[whole.holds(targets)]
    for width, colour in ((0.9, _OUTLINE), (0.55, PREDICTED)):
        draw_dots(
            axes,
            inside,
            2.3 * diameter,
            c="none",
            edgecolors=colour,
            linewidths=in_points(max(2.0, width * 0.5 * diameter)),
            zorder=3 if colour == _OUTLINE else 3.1,
        )
    if len(points) <= _NAMED:
        _write_names(axes, whole, targets, names, 1.3 * diameter)
    return figure


def _with_room(tile: Tile, marks: Float[np.ndarray, "marks 2"], room: float) -> tuple[Tile, Sheet]:
    """The tile on a grey sheet that has room for marks at its edge and beyond.

    Marks further out than half the tile would leave little of the image: they are left out.
    """
    size = np.array([tile.width, tile.height])
    near = marks[(np.abs(marks + 0.5 - size / 2) <= size).all(axis=1)]
    before = np.ceil(np.maximum(0, room - near.min(axis=0, initial=room))).astype(int)
    after = np.ceil(np.maximum(0, (near + room - size).max(axis=0, initial=0))).astype(int)
    width, height = size + before + after
    sheet = Sheet(int(height), int(width))
    sheet.fill(_BEYOND, Tile(0, 0, int(width), int(height)))
    return Tile(int(before[0]), int(before[1]), tile.width, tile.height), sheet


def _draw_shares(
    axes: "matplotlib.axes.Axes",
    sources: Float[np.ndarray, "landmarks 2"],
    targets: Float[np.ndarray, "points 2"],
    influences: Float[np.ndarray, "points landmarks"],
    diameter: float,
) -> None:
    """Arrows of the shares that count, and thin lines of the largest where none does."""
    colours = landmark_colours(len(sources)) / 255
    for point, shares in enumerate(influences):
        end = targets[point]
        counting = np.flatnonzero(shares >= LEAST)
        for landmark in counting:
            width = 1.6 * diameter * float(shares[landmark])
            _arrow(axes, sources[landmark], end, width, diameter, colours[landmark])
        if len(counting):
            continue
        for landmark in np.argsort(-shares)[:_THIN]:
            x, y = np.stack([sources[landmark], end]).T
            for width, colour in ((0.42, _OUTLINE), (0.24, colours[landmark])):
                axes.plot(
                    x,
                    y,
                    color=colour,
                    linewidth=in_points(max(1.5, width * diameter)),
                    zorder=2.5,
                    solid_capstyle="round",
                )


def _arrow(
    axes: "matplotlib.axes.Axes",
    start: Float[np.ndarray, " 2"],
    end: Float[np.ndarray, " 2"],
    width: float,
    diameter: float,
    colour: np.ndarray,
) -> None:
    from matplotlib.patches import FancyArrowPatch

    if not (np.isfinite(start).all() and np.isfinite(end).all()):
        return
    head = min(0.9 * diameter + 0.5 * width, 0.7 * float(np.hypot(*(end - start))))
    for extra, ink, order in ((0.3 * diameter, _OUTLINE, 5.0), (0.0, colour, 5.1)):
        axes.add_patch(
            FancyArrowPatch(
                (float(start[0]), float(start[1])),
                (float(end[0]), float(end[1])),
                arrowstyle=f"simple,head_length={head + 0.5 * extra:.2f},"
                f"head_width={2.2 * width + 0.6 * diameter + extra:.2f},"
                f"tail_width={width + extra:.2f}",
                mutation_scale=in_points(1.0),
                shrinkA=0,
                shrinkB=0,
                linewidth=0,
                facecolor=ink,
                zorder=order,
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
