"""A figure measured in its own pixels: photographs are pasted exactly, marks are drawn on top."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, UInt8

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

DPI = 128  # a power of two, so that a size in pixels comes back exactly from inches


@dataclass(frozen=True)
class Tile:
    """A rectangle of a sheet, in pixels: what is shown in it spans its outer edges."""

    left: int
    top: int
    width: int
    height: int

    def place(
        self, points: Float[np.ndarray, "*shape 2"], image_height: int, image_width: int
    ) -> Float[np.ndarray, "*shape 2"]:
        """Pixels of an image that fills the tile to pixels of the sheet."""
        scale = np.array([self.width / image_width, self.height / image_height])
        return (points + 0.5) * scale - 0.5 + np.array([self.left, self.top])

    def holds(self, points: Float[np.ndarray, "points 2"]) -> np.ndarray:
        """Which points of the sheet lie in the tile; a point of NaN does not."""
        x, y = points[:, 0] + 0.5 - self.left, points[:, 1] + 0.5 - self.top
        return (x >= 0) & (x <= self.width) & (y >= 0) & (y <= self.height)


class Sheet:
    """Tiles on a transparent ground; turned into a figure once everything is pasted."""

    def __init__(self, height: int, width: int) -> None:
        self.pixels = np.zeros((height, width, 4), dtype=np.uint8)

    def paste(self, image: UInt8[np.ndarray, "height width 3"], tile: Tile) -> None:
        """Fill a tile with an image, resized to it."""
        rows = slice(tile.top, tile.top + tile.height)
        columns = slice(tile.left, tile.left + tile.width)
        self.pixels[rows, columns, :3] = resized(image, tile.height, tile.width)
        self.pixels[rows, columns, 3] = 255

    def fill(self, colour: UInt8[np.ndarray, " 3"], tile: Tile) -> None:
        """Fill a tile with one colour."""
        self.paste(np.broadcast_to(colour, (1, 1, 3)), tile)

    def figure(self) -> "tuple[matplotlib.figure.Figure, matplotlib.axes.Axes]":
        """The figure, and axes whose data coordinates are the sheet's pixels."""
        height, width = self.pixels.shape[:2]
        figure = new_figure(height, width)
        figure.patch.set_alpha(0)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.imshow(self.pixels, interpolation="nearest", aspect="auto")
        axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
        axes.set_axis_off()
        return figure, axes


def new_figure(height: int, width: int) -> "matplotlib.figure.Figure":
    """An empty figure of so many pixels that pyplot knows nothing of."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
    FigureCanvasAgg(figure)
    return figure


def in_points(pixels: float) -> float:
    """A length in pixels of the figure as the points that matplotlib wants."""
    return pixels * 72 / DPI


def resized(
    image: UInt8[np.ndarray, "height width 3"], height: int, width: int
) -> UInt8[np.ndarray, "new_height new_width 3"]:
    """The image at another size, outer edges on outer edges."""
    from PIL import Image

    if image.shape[:2] == (height, width):
        return image
    shrinks = height < image.shape[0]
    way = Image.Resampling.LANCZOS if shrinks else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(np.ascontiguousarray(image)).resize((width, height), way))


def draw_dots(
    axes: "matplotlib.axes.Axes",
    points: Float[np.ndarray, "points 2"],
    diameter: float,
    **style: Any,
) -> None:
    """Draw round marks of so many pixels; ``style`` goes to ``Axes.scatter``."""
    x, y = points.T
    # With one entry here matplotlib may take a short cut that moves marks by up to a pixel.
    exact = [True, True]
    axes.scatter(x, y, s=in_points(diameter) ** 2, antialiaseds=exact, **style)


def tag(
    axes: "matplotlib.axes.Axes",
    left: float,
    top: float,
    text: str,
    size: float,
    *,
    from_right: bool = False,
    from_bottom: bool = False,
    solid: bool = False,
) -> None:
    """Write on a photograph: white on a dark plate, its upper left corner at the place.

    Args:
        axes: of a sheet.
        left: in pixels of the sheet; with ``from_right`` that of the plate's right edge.
        top: likewise; with ``from_bottom`` that of the plate's lower edge.
        text: is written as it is.
        size: of the letters, in pixels.
        from_right: see ``left``.
        from_bottom: see ``top``.
        solid: nothing shows through the plate, and it lies above all marks.
    """
    ink = (0.1, 0.1, 0.1, 1.0) if solid else (0, 0, 0, 0.66)
    plate = {"boxstyle": "square,pad=0.3", "facecolor": ink, "edgecolor": "none"}
    axes.text(
        left + (-0.3 if from_right else 0.3) * size,
        top + (-0.3 if from_bottom else 0.3) * size,
        text,
        fontsize=in_points(size),
        color="white",
        va="bottom" if from_bottom else "top",
        ha="right" if from_right else "left",
        bbox=plate,
        parse_math=False,
        zorder=10 if solid else 3,
    )
