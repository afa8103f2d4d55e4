"""Where the detector believes each landmark to be: its K probability maps over the image."""

import math
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, UInt8

from warpmarks.plots.colours import colour_code, ink_on, landmark_colours
from warpmarks.plots.markers import draw_landmarks, marker_diameter
from warpmarks.plots.sheet import Sheet, Tile, draw_dots, in_points, resized

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

_GAP = 6
_GAP_BEFORE_MAPS = 18
_BLOCK_SHAPE = (1.0, 2.1)  # columns over rows of the block of maps
_DIMMED = 0.42
_SURE_DENSITY = 8.0  # a peak so many times higher than the even map belongs to a sure landmark


def draw_probability_maps(
    image: UInt8[np.ndarray, "height width 3"],
    probability_maps: Float[np.ndarray, "points map_height map_width"],
    landmarks: Float[np.ndarray, "points 2"],
    *,
    tile_width: int = 420,
) -> "matplotlib.figure.Figure":
    """Left: the image with its landmarks, and below it all maps at once; right: map by map.

    On the right each map is scaled to its own largest value, so a spread-out belief fills its tile
    with colour and a sure one is a spot. A ring is drawn around the landmark.

    Args:
        image: what the detector saw.
        probability_maps: over the same field of view as the image, at any resolution.
        landmarks: in pixels of the image.
        tile_width: pixels of the picture for each of the two large tiles.
    """
    height, width = image.shape[:2]
    count = len(probability_maps)
    tile_height = max(1, round(tile_width * height / width))
    total_height = 2 * tile_height + _GAP
    rows = _rows_of_maps(count)
    columns = math.ceil(count / rows)
    small_height = (total_height + _GAP) // rows - _GAP
    small_width = max(1, round(small_height * width / height))
    start = tile_width + _GAP_BEFORE_MAPS
    sheet = Sheet(total_height, start + columns * (small_width + _GAP) - _GAP)

    colours = landmark_colours(count)
    plain = Tile(0, 0, tile_width, tile_height)
    together = Tile(0, tile_height + _GAP, tile_width, tile_height)
    singles = [
        Tile(
            start + index % columns * (small_width + _GAP),
            index // columns * (small_height + _GAP),
            small_width,
            small_height,
        )
        for index in range(count)
    ]
    sheet.paste(image, plain)
    sheet.paste(_all_maps(image, probability_maps, colours, together), together)
    for index, tile in enumerate(singles):
        sheet.paste(_one_map(image, probability_maps[index], colours[index], tile), tile)

    figure, axes = sheet.figure()
    draw_landmarks(axes, plain, plain.place(landmarks, height, width))
    for index, tile in enumerate(singles):
        _draw_chip(axes, tile, index, colours[index])
        _draw_ring(axes, tile, tile.place(landmarks[index], height, width))
    return figure


def _rows_of_maps(count: int) -> int:
    """Rows of a block that is somewhat wider than high, with as few empty places as possible."""
    narrow, wide = _BLOCK_SHAPE
    fitting = [
        rows for rows in range(1, count + 1) if narrow <= math.ceil(count / rows) / rows <= wide
    ]
    return min(fitting, key=lambda rows: (-count % rows, rows), default=1)


def _all_maps(
    image: UInt8[np.ndarray, "height width 3"],
    probability_maps: Float[np.ndarray, "points map_height map_width"],
    colours: UInt8[np.ndarray, "points 3"],
    tile: Tile,
) -> UInt8[np.ndarray, "tile_height tile_width 3"]:
    # Fainter the nearer a map is to the even one, lest one unsure landmark cover all others.
    peaks = np.maximum(probability_maps.max(axis=(1, 2)), 1e-12)
    sureness = 1 - np.exp(-peaks * probability_maps[0].size / _SURE_DENSITY)
    relative = [_smoothly_resized(one, tile) for one in probability_maps / peaks[:, None, None]]
    opacity = sureness[:, None, None] * np.stack(relative)
    share = opacity**3 + 1e-12  # the surest map has its colour nearly alone
    share /= share.sum(axis=0)
    colour = np.einsum("khw,kc->hwc", share, colours.astype(float))
    return _blend(image, colour, opacity.max(axis=0), tile)


def _one_map(
    image: UInt8[np.ndarray, "height width 3"],
    probabilities: Float[np.ndarray, "map_height map_width"],
    colour: UInt8[np.ndarray, " 3"],
    tile: Tile,
) -> UInt8[np.ndarray, "tile_height tile_width 3"]:
    peak = max(float(probabilities.max()), 1e-12)
    return _blend(image, colour, _smoothly_resized(probabilities, tile) / peak, tile)


def _blend(
    image: UInt8[np.ndarray, "height width 3"],
    colour: np.ndarray,
    opacity: Float[np.ndarray, "tile_height tile_width"],
    tile: Tile,
) -> UInt8[np.ndarray, "tile_height tile_width 3"]:
    ground = _DIMMED * resized(image, tile.height, tile.width).mean(axis=-1, keepdims=True)
    mixed = ground + (colour - ground) * opacity[..., None]
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def _smoothly_resized(
    probabilities: Float[np.ndarray, "map_height map_width"], tile: Tile
) -> Float[np.ndarray, "tile_height tile_width"]:
    from PIL import Image

    # Outer edges on outer edges: the frame that maps and images share.
    size = (tile.width, tile.height)
    smooth = Image.fromarray(probabilities.astype(np.float32))
    return np.asarray(smooth.resize(size, Image.Resampling.BILINEAR))


def _draw_chip(
    axes: "matplotlib.axes.Axes", tile: Tile, index: int, colour: UInt8[np.ndarray, " 3"]
) -> None:
    size = max(10.0, 0.11 * min(tile.height, 220))
    axes.text(
        tile.left + 0.35 * size,
        tile.top + 0.35 * size,
        str(index + 1),
        fontsize=in_points(size),
        fontweight="bold",
        color=ink_on(colour),
        va="top",
        bbox={"boxstyle": "square,pad=0.25", "facecolor": colour_code(colour), "edgecolor": "none"},
    )


def _draw_ring(axes: "matplotlib.axes.Axes", tile: Tile, landmark: Float[np.ndarray, " 2"]) -> None:
    if not tile.holds(landmark[None])[0]:
        return
    diameter = 3.2 * marker_diameter(tile, 10)
    for colour, thickness in (("black", 3.2), ("white", 1.4)):
        draw_dots(
            axes,
            landmark[None],
            diameter,
            facecolors="none",
            edgecolors=colour,
            linewidths=in_points(thickness),
        )
