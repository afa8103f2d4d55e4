"""Predicted points beside the landmarks that they come from (fig. 6)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, UInt8

from warpmarks.plots.markers import draw_landmarks, marker_diameter
from warpmarks.plots.sheet import Sheet, Tile, draw_dots, in_points, tag

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

PREDICTED, ANNOTATED = "#2fd556", "#1546ff"  # the paper's green and blue
_OUTLINE = "#101418"
_GAP_IN_PAIR, _GAP = 3, 16
_PAD = 10  # pixels around everything, for dots at the edge of an image
_ROOM_FOR_RIM = 9.0  # pixels; rims of smaller dots hide their neighbours


@dataclass(frozen=True)
class PredictedImage:
    """An image with its points; all of them in its pixels.

    Attributes:
        image: whole.
        landmarks: discovered.
        predicted: from the landmarks.
        annotated: by people; nan where not annotated, and then the prediction stands alone.
        caption: a word on it, such as its error.
    """

    image: UInt8[np.ndarray, "height width 3"]
    landmarks: Float[np.ndarray, "landmarks 2"]
    predicted: Float[np.ndarray, "points 2"]
    annotated: Float[np.ndarray, "points 2"]
    caption: str = ""


def draw_predictions(
    rows: Sequence[tuple[str, Sequence[PredictedImage]]], *, tile_side: int = 210
) -> "matplotlib.figure.Figure":
    """A row of pairs for each name: left the landmarks, right the predicted points.

    A prediction is a green dot, its annotation a small blue one, with a line between them.

    Args:
        rows: name and images of each row.
        tile_side: pixels of the longer side of an image in the picture.
    """
    columns = max(len(images) for _, images in rows)
    pair_width = 2 * tile_side + _GAP_IN_PAIR
    heights = [
        max(round(tile_side * min(1, i.image.shape[0] / i.image.shape[1])) for i in images)
        for _, images in rows
    ]
    sheet = Sheet(
        sum(heights) + _GAP * (len(rows) - 1) + 2 * _PAD,
        columns * (pair_width + _GAP) - _GAP + 2 * _PAD,
    )
    drawn: list[tuple[str, PredictedImage, Tile, Tile]] = []
    top = _PAD
    for (name, images), height in zip(rows, heights, strict=True):
        for column, shown in enumerate(images):
            left = _PAD + column * (pair_width + _GAP)
            first = _fitted(shown, left, top, tile_side)
            second = _fitted(shown, left + tile_side + _GAP_IN_PAIR, top, tile_side)
            sheet.paste(shown.image, first)
            sheet.paste(shown.image, second)
            drawn.append((name if column == 0 else "", shown, first, second))
        top += height + _GAP
    figure, axes = sheet.figure()
    size = max(11.0, tile_side / 14)
    for name, shown, first, second in drawn:
        height, width = shown.image.shape[:2]
        draw_landmarks(axes, first, first.place(shown.landmarks, height, width))
        _draw_points(
            axes,
            second,
            second.place(shown.predicted, height, width),
            second.place(shown.annotated, height, width),
        )
        if name:
            tag(axes, first.left, first.top, name, size, solid=True)
        if shown.caption:
            marks = np.concatenate([shown.predicted, shown.annotated])
            _write_caption(axes, second, second.place(marks, height, width), shown.caption, size)
    return figure


def _write_caption(
    axes: "matplotlib.axes.Axes",
    tile: Tile,
    marks: Float[np.ndarray, "marks 2"],
    caption: str,
    size: float,
) -> None:
    """Above everything, in the corner of the tile that is farthest from the marks in it."""
    marks = marks[tile.holds(marks)]

    def room(corner: tuple[bool, bool]) -> float:
        at = tile.left + corner[0] * tile.width, tile.top + corner[1] * tile.height
        return float(np.hypot(*(marks - at).T).min(initial=np.inf))

    # The first of equals: where there are no marks, the upper left corner.
    right, low = max(((False, False), (True, False), (False, True), (True, True)), key=room)
    tag(
        axes,
        tile.left + right * tile.width,
        tile.top + low * tile.height,
        caption,
        size,
        from_right=right,
        from_bottom=low,
        solid=True,
    )


def _fitted(shown: PredictedImage, left: int, top: int, side: int) -> Tile:
    """The largest tile of the image's shape in a square, in its middle from left to right."""
    height, width = shown.image.shape[:2]
    scale = side / max(height, width)
    tile_width, tile_height = max(1, round(scale * width)), max(1, round(scale * height))
    return Tile(left + (side - tile_width) // 2, top, tile_width, tile_height)


def _draw_points(
    axes: "matplotlib.axes.Axes",
    tile: Tile,
    predicted: Float[np.ndarray, "points 2"],
    annotated: Float[np.ndarray, "points 2"],
) -> None:
    from matplotlib.collections import LineCollection

    diameter = marker_diameter(tile, len(predicted))
    both = tile.holds(predicted) & tile.holds(annotated)
    lines = list(np.stack([annotated[both], predicted[both]], axis=1))
    thin = in_points(max(1.0, 0.16 * diameter))
    axes.add_collection(LineCollection(lines, colors=_OUTLINE, linewidths=2.6 * thin, zorder=3))
    axes.add_collection(LineCollection(lines, colors="white", linewidths=1.2 * thin, zorder=3.1))
    shown = predicted[tile.holds(predicted)]
    rim = max(1.0, 0.12 * diameter)
    draw_dots(axes, shown, diameter + 2.4 * rim, c="white", alpha=0.85, linewidths=0, zorder=3.2)
    draw_dots(
        axes, shown, diameter, c=PREDICTED, edgecolors=_OUTLINE, linewidths=in_points(rim), zorder=4
    )
    draw_dots(
        axes,
        annotated[tile.holds(annotated)],
        max(4.0, 0.5 * diameter),
        c=ANNOTATED,
        edgecolors="white",
        linewidths=in_points(0.09 * diameter) if diameter >= _ROOM_FOR_RIM else 0,
        zorder=5,
    )
