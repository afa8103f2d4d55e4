"""Points of the pixels as a file stores them, and of the upright image that its EXIF makes of them.

A camera that was held upright stores its picture on its side, with an Orientation of 1 to 8 that
says how to turn it. The package's pixels are always those of the upright image; tools that know
nothing of EXIF show, and count in, the stored one.
"""

from dataclasses import replace

import numpy as np

from warpmarks.datasets.reading import SIDES_SWAPPED
from warpmarks.formats.table import Extras

_FROM_RIGHT = frozenset({2, 3, 7, 8})
_FROM_BOTTOM = frozenset({3, 4, 6, 7})


def size_upright(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Width and height of the upright image from those that are stored."""
    return size[::-1] if orientation in SIDES_SWAPPED else size


def points_upright(points: np.ndarray, size: tuple[int, int], orientation: int) -> np.ndarray:
    """Points on the upright image, from those on the stored one of that width and height."""
    x, y = points[..., 0], points[..., 1]
    if orientation in _FROM_RIGHT:
        x = size[0] - 1 - x
    if orientation in _FROM_BOTTOM:
        y = size[1] - 1 - y
    return np.stack([y, x] if orientation in SIDES_SWAPPED else [x, y], axis=-1)


def extras_upright(extras: Extras, size: tuple[int, int], orientation: int) -> Extras:
    """The same of a box and of lines."""
    box = extras.box
    if box is not None:
        left, top, width, height = box
        corners = np.array([[left, top], [left + width, top + height]])
        corners = points_upright(corners, size, orientation)
        (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
        box = (float(left), float(top), float(right - left), float(bottom - top))
    return replace(
        extras,
        box=box,
        curves=tuple(points_upright(line, size, orientation) for line in extras.curves),
        outlines=tuple(points_upright(line, size, orientation) for line in extras.outlines),
    )
