"""One image and its synthetic deformations, with landmarks following (figs. 3 to 5, top)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, UInt8

from warpmarks.plots.colours import landmark_colours
from warpmarks.plots.markers import draw_landmarks, marker_diameter
from warpmarks.plots.sheet import Sheet, Tile, in_points, tag

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

_GAP = 6
_GAP_AFTER_ORIGINAL = 22


def draw_deformations(
    images: UInt8[np.ndarray, "rows columns height width 3"],
    landmarks: Float[np.ndarray, "rows columns points 2"],
    *,
    expected: Float[np.ndarray, "rows columns points 2"] | None = None,
    names: Sequence[str] = ("original",),
    tile_width: int = 220,
) -> "matplotlib.figure.Figure":
    """A row per image: the original leftmost, then its deformations.

    Args:
        images: column 0 holds the originals.
        landmarks: detected in each of them, in its pixels.
        expected: where the deformation takes the original's landmarks, in the same pixels. A line
            leads from there to the landmark: its length is the equivariance error.
        names: what the first columns show, written in the top row.
        tile_width: pixels of the picture per image.
    """
    rows, columns, height, width = images.shape[:4]
    tile_height = max(1, round(tile_width * height / width))
    extra = _GAP_AFTER_ORIGINAL - _GAP if columns > 1 else 0
    sheet = Sheet(rows * (tile_height + _GAP) - _GAP, columns * (tile_width + _GAP) - _GAP + extra)
    tiles = {
        (row, column): Tile(
            column * (tile_width + _GAP) + (extra if column else 0),
            row * (tile_height + _GAP),
            tile_width,
            tile_height,
        )
        for row in range(rows)
        for column in range(columns)
    }
    for place, tile in tiles.items():
        sheet.paste(images[place], tile)
    figure, axes = sheet.figure()
    for place, tile in tiles.items():
        found = tile.place(landmarks[place], height, width)
        if expected is not None and place[1] > 0:
            _draw_misses(axes, tile, tile.place(expected[place], height, width), found)
        draw_landmarks(axes, tile, found)
    for column, name in enumerate(names[:columns]):
        tag(axes, tiles[0, column].left, 0, name, size=max(11.0, tile_width / 15))
    return figure


def _draw_misses(
    axes: "matplotlib.axes.Axes",
    tile: Tile,
    expected: Float[np.ndarray, "points 2"],
    found: Float[np.ndarray, "points 2"],
) -> None:
    from matplotlib.collections import LineCollection

    shown = tile.holds(expected) & tile.holds(found)
    lines = np.stack([expected[shown], found[shown]], axis=1)
    colours = landmark_colours(len(found))[shown] / 255
    thickness = in_points(max(1.5, 0.22 * marker_diameter(tile, len(found))))
    axes.add_collection(LineCollection(list(lines), colors="#101418", linewidths=2.2 * thickness))
    axes.add_collection(LineCollection(list(lines), colors=colours, linewidths=thickness))
