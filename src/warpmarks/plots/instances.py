"""Different instances of the category, each with its landmarks (figs. 1 and 3 to 5, bottom)."""

import math
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, UInt8

from warpmarks.plots.markers import draw_landmarks
from warpmarks.plots.sheet import Sheet, Tile

if TYPE_CHECKING:
    import matplotlib.figure

_GAP = 6
_WIDER_THAN_HIGH = 1.7  # fits a laptop's screen


def draw_instances(
    images: UInt8[np.ndarray, "images height width 3"],
    landmarks: Float[np.ndarray, "images points 2"],
    *,
    columns: int | None = None,
    tile_width: int = 220,
) -> "matplotlib.figure.Figure":
    """A grid of images with their landmarks, one colour per landmark throughout.

    Args:
        images: what to show, row by row.
        landmarks: in pixels of the images.
        columns: None makes the grid somewhat wider than high.
        tile_width: pixels of the picture per image.
    """
    count, height, width = images.shape[:3]
    tile_height = max(1, round(tile_width * height / width))
    if columns is None:
        columns = math.ceil(math.sqrt(count * _WIDER_THAN_HIGH * tile_height / tile_width))
        columns = math.ceil(count / math.ceil(count / columns))  # no ragged last row if avoidable
    rows = math.ceil(count / columns)
    sheet = Sheet(rows * (tile_height + _GAP) - _GAP, columns * (tile_width + _GAP) - _GAP)
    tiles = [
        Tile(
            index % columns * (tile_width + _GAP),
            index // columns * (tile_height + _GAP),
            tile_width,
            tile_height,
        )
        for index in range(count)
    ]
    for image, tile in zip(images, tiles, strict=True):
        sheet.paste(image, tile)
    figure, axes = sheet.figure()
    for points, tile in zip(landmarks, tiles, strict=True):
        draw_landmarks(axes, tile, tile.place(points, height, width))
    return figure
