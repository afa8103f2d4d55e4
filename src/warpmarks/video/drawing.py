"""Dots and trails drawn into a frame's pixels, in the package's colours, fast enough for a film."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, UInt8

from warpmarks.plots.colours import landmark_colours

_DARK, _WHITE = np.array([16, 20, 24]), np.array([255, 255, 255])
_HALO = 0.85
_TRAIL = 0.9  # opacity of the newest end


def dot_diameter(height: int, width: int, num_points: int) -> float:
    """Pixels across: smaller among many, as in other pictures, and never too small for a colour.

    On a frame of the same size a dot is little more than half of what `warpmarks.plots.markers`
    draws: those tiles are looked at small, side by side, and a film fills the screen, where a dot
    should hide neither what it follows nor its trail.
    """
    share = 0.034 * (10 / max(num_points, 10)) ** 0.3
    return max(5.0, share * min(height, width))


def draw_dots(
    image: UInt8[np.ndarray, "height width 3"],
    points: Float[np.ndarray, "points 2"],
    diameter: float,
) -> None:
    """Draw dot k in colour k with a dark outline and a white halo, in place.

    Points outside of the image, or nan, are left out.
    """
    line = max(1.0, 0.14 * diameter)
    radius = diameter / 2
    for point, colour in zip(points, landmark_colours(len(points)), strict=True):
        if not _inside(point, image):
            continue
        rows, columns, (x, y) = _patch(image, point[None], radius + 2 * line)
        distance = np.hypot(x - point[0], y - point[1])
        for size, ink, opacity in (
            (radius + 1.6 * line, _WHITE, _HALO),
            (radius + 0.8 * line, _DARK, 1.0),
            (radius, colour, 1.0),
        ):
            _blend(image[rows, columns], opacity * np.clip(size + 0.5 - distance, 0, 1), ink)


def draw_trails(
    image: UInt8[np.ndarray, "height width 3"],
    history: Sequence[Float[np.ndarray, "points 2"] | None],
    diameter: float,
) -> None:
    """Draw where the points have been, in place: thinner and fainter the longer ago.

    Args:
        image: of the last frame of ``history``.
        history: points of the last frames, oldest first; None where there are none, and then the
            trail has a gap.
        diameter: of the dots.
    """
    last = history[-1] if history else None
    if last is None or len(history) < 2:
        return
    for k, colour in enumerate(landmark_colours(len(last))):
        path = np.array([[np.nan, np.nan] if points is None else points[k] for points in history])
        usable = np.isfinite(path).all(axis=1)
        steps = np.flatnonzero(usable[1:] & usable[:-1])
        if not len(steps):
            continue
        rows, columns, (x, y) = _patch(image, path[usable], diameter)
        cover = np.zeros(x.shape)
        for step in steps:
            age = (step + 1) / (len(path) - 1)  # 1 is now
            width = (0.12 + 0.28 * age) * diameter / 2
            distance = _to_segment(x, y, path[step], path[step + 1])
            np.maximum(cover, _TRAIL * age * np.clip(width + 0.5 - distance, 0, 1), out=cover)
        _blend(image[rows, columns], cover, colour)


def _inside(point: Float[np.ndarray, " 2"], image: np.ndarray) -> bool:
    height, width = image.shape[:2]
    x, y = point
    # Also false of nan.
    return bool(-0.5 <= x <= width - 0.5 and -0.5 <= y <= height - 0.5)


def _patch(
    image: np.ndarray, points: Float[np.ndarray, "points 2"], margin: float
) -> tuple[slice, slice, tuple[np.ndarray, np.ndarray]]:
    """Rows and columns around points, and x and y of their pixels."""
    height, width = image.shape[:2]
    low, high = points.min(axis=0) - margin, points.max(axis=0) + margin
    left, top = np.clip(np.floor(low).astype(int), 0, (width, height))
    right, bottom = np.clip(np.ceil(high).astype(int) + 1, 0, (width, height))
    y, x = np.mgrid[top:bottom, left:right]
    return slice(top, bottom), slice(left, right), (x, y)


def _to_segment(
    x: np.ndarray, y: np.ndarray, start: Float[np.ndarray, " 2"], end: Float[np.ndarray, " 2"]
) -> np.ndarray:
    along = end - start
    share = ((x - start[0]) * along[0] + (y - start[1]) * along[1]) / max(along @ along, 1e-12)
    share = np.clip(share, 0, 1)
    distance: np.ndarray = np.hypot(
        x - start[0] - share * along[0], y - start[1] - share * along[1]
    )
    return distance


def _blend(patch: np.ndarray, cover: np.ndarray, ink: np.ndarray) -> None:
    patch[...] = np.round(patch + cover[..., None] * (ink - patch.astype(float))).astype(np.uint8)
