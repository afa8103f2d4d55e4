"""The average image of a category, plain and aligned by its landmarks."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, UInt8

from warpmarks.plots.markers import draw_landmarks
from warpmarks.plots.sheet import Sheet, Tile, tag

if TYPE_CHECKING:
    import matplotlib.figure

_GAP = 6
_CUT = 0.003  # of the pixels at either end
_BLACK, _WHITE = 25.0, 235.0
_MOST_GAIN = 1.8


def draw_average(
    plain: UInt8[np.ndarray, "height width 3"],
    aligned: UInt8[np.ndarray, "height width 3"],
    shape: Float[np.ndarray, "points 2"],
    *,
    tile_width: int = 380,
) -> "matplotlib.figure.Figure":
    """Side by side: the plain average, the aligned one, and that with the mean landmark shape.

    Averages are dull; the contrast of both is raised by one and the same factor.

    Args:
        plain: mean of the images as they are.
        aligned: mean of the images warped onto the mean landmark shape.
        shape: the mean landmarks, in pixels of both.
        tile_width: pixels of the picture per average.
    """
    height, width = plain.shape[:2]
    plain, aligned = with_contrast(plain, aligned)
    tile_height = max(1, round(tile_width * height / width))
    tiles = [Tile(i * (tile_width + _GAP), 0, tile_width, tile_height) for i in range(3)]
    sheet = Sheet(tile_height, 3 * (tile_width + _GAP) - _GAP)
    for image, tile in zip((plain, aligned, aligned), tiles, strict=True):
        sheet.paste(image, tile)
    figure, axes = sheet.figure()
    draw_landmarks(axes, tiles[2], tiles[2].place(shape, height, width))
    for name, tile in zip(("plain average", "aligned by its landmarks"), tiles, strict=False):
        tag(axes, tile.left, 0, name, size=max(11.0, tile_width / 21))
    return figure


def with_contrast(
    *images: UInt8[np.ndarray, "height width 3"],
) -> list[UInt8[np.ndarray, "height width 3"]]:
    """The images with the contrast of all raised by one factor, where they are dull."""
    values = np.stack(images).astype(np.float64)
    low, high = np.quantile(values.mean(axis=-1), [_CUT, 1 - _CUT])
    gain = min(_MOST_GAIN, (_WHITE - _BLACK) / max(high - low, 1.0))
    if gain <= 1:
        return list(images)
    stretched = (values - (low + high) / 2) * gain + (_WHITE + _BLACK) / 2
    return list(np.clip(np.round(stretched), 0, 255).astype(np.uint8))
