"""Which solid is seen at which pixel: rays against ellipsoids, with a depth buffer."""

import math
from dataclasses import dataclass

import numpy as np

from warpmarks.datasets.synthetic.anatomy import Solid
from warpmarks.datasets.synthetic.geometry import Ellipsoid


@dataclass(frozen=True)
class Fragment:
    """The pixels at which one ellipsoid is in front: a slice of the surface's arrays."""

    solid: int
    part: Ellipsoid
    where: slice


@dataclass(frozen=True)
class VisibleSurface:
    """All pixels that show a solid, sorted by ellipsoid, and the surface points seen there.

    ``pixels`` are flat indices into the picture; ``position`` holds x, y and z in the camera's frame.
    """

    pixels: np.ndarray
    position: np.ndarray
    fragments: list[Fragment]


def find_visible_surface(solids: list[Solid], resolution: int) -> VisibleSurface:
    """Look at the solids through the centres of resolution x resolution pixels."""
    centres = ((2 * np.arange(resolution) + 1) / resolution - 1).astype(np.float32)
    depth = np.full((resolution, resolution), -np.inf, np.float32)
    owner = np.full((resolution, resolution), -1, np.int8)
    parts: list[tuple[int, Ellipsoid]] = []
    for index, solid in enumerate(solids):
        window = _window(solid, resolution)
        x, y = centres[None, window[1]], centres[window[0], None]
        if x.size and y.size:
            front, which = _front(solid, x, y)
            nearer = front > depth[window]
            np.copyto(depth[window], front, where=nearer)
            np.copyto(owner[window], which + np.int8(len(parts)), where=nearer)
        parts.extend((index, part) for part in solid.parts)
    seen = np.flatnonzero(owner.ravel() >= 0)
    owners = owner.ravel()[seen]
    order = np.argsort(owners, kind="stable")
    pixels, owners = seen[order], owners[order]
    bounds = np.searchsorted(owners, np.arange(len(parts) + 1))
    fragments = [
        Fragment(solid, part, slice(int(bounds[index]), int(bounds[index + 1])))
        for index, (solid, part) in enumerate(parts)
        if bounds[index] < bounds[index + 1]
    ]
    rows, columns = np.divmod(pixels, resolution)
    position = np.stack([centres[columns], centres[rows], depth.ravel()[pixels]])
    return VisibleSurface(pixels, position, fragments)


def depth_at(solids: list[Solid], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The z of the frontmost surface at these places; minus infinity where there is none."""
    nearest = np.full(x.shape, -np.inf)
    for solid in solids:
        (left, top, _), (right, bottom, _) = solid.box
        if ((x > left) & (x < right) & (y > top) & (y < bottom)).any():
            nearest = np.fmax(nearest, _front(solid, x, y)[0])
    return nearest


def _window(solid: Solid, resolution: int) -> tuple[slice, slice]:
    (left, top, _), (right, bottom, _) = solid.box
    columns, rows = (
        slice(
            min(max(math.floor((low + 1) / 2 * resolution), 0), resolution),
            min(max(math.ceil((high + 1) / 2 * resolution), 0), resolution),
        )
        for low, high in ((left, right), (top, bottom))
    )
    return rows, columns


def _front(solid: Solid, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Depth of the front side (NaN where the ray misses), and which part of the solid it is on."""
    front, back = _interval(solid.parts[0], x, y)
    which = np.zeros(front.shape, np.int8)
    for index, part in enumerate(solid.parts[1:], start=1):
        next_front, next_back = _interval(part, x, y)
        which[next_front < front] = index
        front = np.minimum(front, next_front)
        back = np.maximum(back, next_back)
        front[~(front > back)] = np.nan
    return front, which


def _interval(part: Ellipsoid, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # With p = (x, y, z) - centre, p'Mp = 1 is a z^2 + 2 b z + c = 0, where b is linear in x and y and
    # (b^2 - a c) / a^2 is quadratic in them, so a row of x and a column of y cost little.
    (m_xx, m_xy, m_xz), (_, m_yy, m_yz), (_, _, a) = part.form.tolist()
    centre_x, centre_y, centre_z = part.centre.tolist()
    across, down = x - centre_x, y - centre_y
    middle = (centre_z - m_xz / a * across) - m_yz / a * down
    squared = (1 / a - (a * m_xx - m_xz * m_xz) / (a * a) * across * across) - (
        (a * m_yy - m_yz * m_yz) / (a * a)
    ) * down * down
    squared -= across * (2 * (a * m_xy - m_xz * m_yz) / (a * a) * down)
    with np.errstate(invalid="ignore"):
        half = np.sqrt(squared)
    return middle + half, middle - half
