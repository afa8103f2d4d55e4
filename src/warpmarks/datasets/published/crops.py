"""Cutting an object out of its picture: the boxes, the pixels, and where points go.

A box is (left, top, right, bottom) in whole pixels, measured from the outer upper left corner of
the picture: (0, 0, width, height) is all of it. It may reach beyond the picture, whose edge pixels
are then repeated. Four zeros stand for the whole picture, whatever its size.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from PIL import Image

from warpmarks.errors import InputError

WHOLE = (0, 0, 0, 0)

LEAST_SHARE = 0.1
"""Of a crop that must show the picture; with less of it, the points are not of this picture."""

Points = Float[np.ndarray, "images points 2"]
Boxes = Int[np.ndarray, "images 4"]


@dataclass(frozen=True)
class Crop:
    """A way to cut objects out.

    Attributes:
        text: what it does, for people.
        boxes: of images, from their points in pixels and their splits; None: whole pictures.
    """

    text: str
    boxes: Callable[[Points, tuple[str, ...]], Boxes] | None = None

    @staticmethod
    def window(text: str, box: tuple[int, int, int, int]) -> "Crop":
        """The same box in every picture."""
        return Crop(text, lambda points, _: np.tile(np.array(box), (len(points), 1)))


def square(
    centres: Float[np.ndarray, "images 2"], sides: Float[np.ndarray, " images"]
) -> Int[np.ndarray, "images 4"]:
    """Square boxes, rounded to whole pixels.

    Args:
        centres: in pixels, pixel centres at integers.
        sides: in pixels; at least one is taken.
    """
    whole = np.maximum(np.round(sides), 1).astype(np.int64)
    corners = np.round(centres + 0.5 - whole[:, None] / 2).astype(np.int64)
    return np.concatenate([corners, corners + whole[:, None]], axis=1)


def box_of_points(
    points: Float[np.ndarray, "images points 2"],
) -> tuple[Float[np.ndarray, "images 2"], Float[np.ndarray, "images 2"]]:
    """Centre and (width, height) of the box around the points of each image, in pixels."""
    low, high = np.nanmin(points, axis=1), np.nanmax(points, axis=1)
    return (low + high) / 2, high - low


def to_crop(
    points: Float[np.ndarray, "images points 2"],
    boxes: Int[np.ndarray, "images 4"],
    size: int,
) -> Float[np.ndarray, "images points 2"]:
    """Pixels of the pictures to pixels of their crops, as `cut` makes them."""
    moved = points.copy()
    for index, (left, top, right, bottom) in enumerate(boxes.tolist()):
        if right > left:
            width, height = reduced(right - left, bottom - top, size)
            scale = (width / (right - left), height / (bottom - top))
            moved[index] = (points[index] + 0.5 - (left, top)) * scale - 0.5
    return moved


def cut(image: Image.Image, box: tuple[int, int, int, int], size: int) -> Image.Image:
    """The pixels of a box; made smaller, never larger, where its longer side is over ``size``.

    Raises:
        InputError: hardly any of the box shows the picture.
    """
    left, top, right, bottom = box
    inner = (max(left, 0), max(top, 0), min(right, image.width), min(bottom, image.height))
    shown = max(inner[2] - inner[0], 0) * max(inner[3] - inner[1], 0)
    if shown < LEAST_SHARE * (right - left) * (bottom - top):
        raise InputError(
            f"its points lie around x {(left + right) // 2}, y {(top + bottom) // 2} in boxes of "
            f"{right - left} x {bottom - top}, but it has {image.width} x {image.height} pixels"
        )
    new_size = reduced(right - left, bottom - top, size)
    pixels = np.asarray(image.crop(inner))
    margins = ((inner[1] - top, bottom - inner[3]), (inner[0] - left, right - inner[2]), (0, 0))
    result = Image.fromarray(np.pad(pixels, margins, mode="edge"))
    return result if result.size == new_size else result.resize(new_size, Image.Resampling.BICUBIC)


def reduced(width: int, height: int, size: int) -> tuple[int, int]:
    """Width and height with the longer one at most ``size``."""
    longer = max(width, height)
    if longer <= size:
        return width, height
    return max(round(width * size / longer), 1), max(round(height * size / longer), 1)
