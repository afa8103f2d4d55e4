"""Landmarks as dots that can be read on any photograph."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from warpmarks.plots.colours import landmark_colours
from warpmarks.plots.sheet import Tile, draw_dots, in_points

if TYPE_CHECKING:
    import matplotlib.axes

_OUTLINE = "#101418"


def marker_diameter(tile: Tile, num_landmarks: int) -> float:
    """Pixels across: smaller in a small tile and among many, never too small to have a colour."""
    share = 0.058 * (10 / max(num_landmarks, 10)) ** 0.3
    return max(5.0, share * min(tile.width, tile.height))


def draw_landmarks(
    axes: "matplotlib.axes.Axes",
    tile: Tile,
    landmarks: Float[np.ndarray, "points 2"],
) -> None:
    """Draw dot k in colour k with a dark outline and a white halo.

    Args:
        axes: of a sheet.
        tile: landmarks outside it (or NaN) are left out, for there they would lie on a neighbour.
        landmarks: in pixels of the sheet.
    """
    shown = np.flatnonzero(tile.holds(landmarks))
    points = landmarks[shown]
    colours = landmark_colours(len(landmarks))[shown]
    diameter = marker_diameter(tile, len(landmarks))
    line = max(1.0, 0.12 * diameter)
    halo = diameter + 3.2 * line
    draw_dots(axes, points, halo, c="white", alpha=0.85, linewidths=0, zorder=3)
    draw_dots(
        axes,
        points,
        diameter,
        c=colours / 255,
        edgecolors=_OUTLINE,
        linewidths=in_points(line),
        zorder=4,
    )
