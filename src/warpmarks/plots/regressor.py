"""The regressor as arrows from discovered landmarks to annotated points (fig. 7)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, UInt8

from warpmarks.plots.average_image import with_contrast
from warpmarks.plots.colours import ink_on, landmark_colours
from warpmarks.plots.markers import marker_diameter
from warpmarks.plots.predictions import PREDICTED
from warpmarks.plots.sheet import Sheet, Tile, draw_dots, in_points

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

LEAST = 0.2
"""Arrows of smaller shares are left out, as in the paper."""

_LONGER_SIDE = 760  # of the image in the picture, in pixels
_OUTLINE = "#101418"
_BEYOND = np.full(3, 150, np.uint8)  # what lies around the image
_NAMED = 12  # points up to which there is room for their names
_LONGEST = 24  # letters of a name
_FONT, _LETTER = 19, 0.62  # height of a name in pixels, and its letters' mean width to it
_NUMBERED = 1.5  # times as large is a dot with a number in it
_THIN = 3  # lines of a point that no landmark decides by itself


def draw_regressor(
    image: UInt8[np.ndarray, "height width 3"],
    landmarks: Float[np.ndarray, "landmarks 2"],
    points: Float[np.ndarray, "points 2"],
    influences: Float[np.ndarray, "points landmarks"],
    names: Sequence[str],
) -> "matplotlib.figure.Figure":
    """Arrows from the landmarks to each point that they decide, on an image.

    An arrow is as thick as the landmark's share in the point, and has the landmark's colour. A
    point in which no landmark has a share that counts has thin lines from the three largest.
    Dots bear the landmarks' numbers, for among many landmarks some colours are alike.

    The picture is enlarged where landmarks or points lie at the edge of the image or beyond.

    Args:
        image: to draw on.
        landmarks: discovered, in its pixels.
        points: that the regressor predicts from them, in its pixels.
        influences: share of each landmark in each point; see `Regressor.influences`.
        names: of the points.
    """
    height, width = image.shape[:2]
    scale = _LONGER_SIDE / max(height, width)
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
    rim, dot = max(1.0, 0.14 * diameter), _NUMBERED * diameter
    draw_dots(axes, sources[shown], dot + 3 * rim, c="white", linewidths=0, zorder=4)
    draw_dots(
        axes,
        sources[shown],
        dot,
        c=colours[shown] / 255,
        edgecolors=_OUTLINE,
        linewidths=in_points(rim),
        zorder=4.1,
    )
    _write_numbers(axes, sources, shown, 0.62 * dot)
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
        _write_names(axes, whole, targets, sources, names, 1.4 * diameter)
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


def _write_numbers(
    axes: "matplotlib.axes.Axes",
    sources: Float[np.ndarray, "landmarks 2"],
    shown: Bool[np.ndarray, " landmarks"],
    size: float,
) -> None:
    """Each landmark's number, counted from 1, in its dot; an arrow from there has its colour."""
    colours = landmark_colours(len(sources))
    for landmark in np.flatnonzero(shown):
        x, y = map(float, sources[landmark])
        axes.text(
            x,
            y,
            str(landmark + 1),
            fontsize=in_points(size),
            fontweight="bold",
            color=ink_on(colours[landmark]),
            ha="center",
            va="center_baseline",
            zorder=5.5,
        )


def _write_names(
    axes: "matplotlib.axes.Axes",
    tile: Tile,
    targets: Float[np.ndarray, "points 2"],
    sources: Float[np.ndarray, "landmarks 2"],
    names: Sequence[str],
    radius: float,
) -> None:
    """Each point's name beside its ring and in its colour, at the side with the most room."""
    from matplotlib.patheffects import withStroke

    inside = tile.holds(targets)
    taken = np.concatenate([sources[tile.holds(sources)], targets[inside]])
    for name, target in zip(np.array(names, dtype=object)[inside], targets[inside], strict=True):
        text = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
        size = np.array([_LETTER * _FONT * len(text), _FONT])
        centre = name_place(target, size, radius, taken, tile)
        taken = np.concatenate([taken, _along(centre, size)])
        axes.text(
            float(centre[0]),
            float(centre[1]),
            text,
            fontsize=in_points(_FONT),
            color=PREDICTED,
            fontweight="bold",
            ha="center",
            va="center",
            path_effects=[withStroke(linewidth=in_points(5), foreground=_OUTLINE)],
            parse_math=False,
            zorder=6,
        )


def name_place(
    target: Float[np.ndarray, " 2"],
    size: Float[np.ndarray, " 2"],
    radius: float,
    taken: Float[np.ndarray, "marks 2"],
    tile: Tile,
) -> Float[np.ndarray, " 2"]:
    """Centre of a name beside its point: right, left, below or above, where other marks are far.

    Args:
        target: the point.
        size: width and height of the name.
        radius: of the point's ring.
        taken: other marks, and the point itself.
        tile: that the name is to lie in, if any side allows it.
    """
    sides = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])
    centres = target + sides * (radius + 4 + size / 2)
    others = taken[(taken != target).any(axis=1)]
    gaps = np.maximum(0, np.abs(others - centres[:, None]) - size / 2)
    room = np.hypot(*np.moveaxis(gaps, -1, 0)).min(axis=1, initial=2.0 * radius)
    for corner in (size / 2, -size / 2):
        room[~tile.holds(centres + corner)] -= 2.0 * radius
    best: Float[np.ndarray, " 2"] = centres[np.argmax(room)]
    return best


def _along(
    centre: Float[np.ndarray, " 2"], size: Float[np.ndarray, " 2"]
) -> Float[np.ndarray, "marks 2"]:
    """Marks along a name, which others are to keep away from."""
    return centre + np.linspace(-0.5, 0.5, 5)[:, None] * size * [1, 0]
