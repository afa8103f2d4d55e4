"""Which solid is seen at which pixel: rays against ellipsoids, with a depth buffer."""

import math
from dataclasses import dataclass

import numpy as np

from warpmarks.datasets.synthetic.anatomy import Material, Solid
from warpmarks.datasets.synthetic.geometry import Ellipsoid

# A pixel is looked at through its four quarters. Where all four see one solid of a material without
# fine detail, it is painted only once, at its middle.
QUARTERS = 4
DETAILED = (Material.EYE, Material.NOSE, Material.MUZZLE, Material.HORN, Material.TONGUE)


@dataclass(frozen=True)
class Fragment:
    """The samples at which one ellipsoid is in front: a slice of the surface's arrays."""

    solid: int
    part: Ellipsoid
    where: slice


@dataclass(frozen=True)
class VisibleSurface:
    """Samples of whatever is in front, sorted by ellipsoid.

    ``position`` is (3, n), in the camera's frame; ``pixels`` holds flat indices into the picture
    and ``coverage`` the share of its pixel that a sample stands for.
    """

    pixels: np.ndarray
    coverage: np.ndarray
    position: np.ndarray
    fragments: list[Fragment]


@np.errstate(invalid="ignore")  # a ray that misses has the root of a negative number, NaN
def find_visible_surface(solids: list[Solid], size: int) -> VisibleSurface:
    """Look at the solids through a picture of size x size pixels."""
    resolution = 2 * size
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
    plain = np.array([solids[index].material not in DETAILED for index, _ in parts])
    owners, pixels, coverage, position = _sample(owner, depth, centres, plain)
    bounds = np.searchsorted(owners, np.arange(len(parts) + 1))
    fragments = [
        Fragment(solid, part, slice(int(bounds[index]), int(bounds[index + 1])))
        for index, (solid, part) in enumerate(parts)
        if bounds[index] < bounds[index + 1]
    ]
    return VisibleSurface(pixels, coverage, position, fragments)


def _sample(
    owner: np.ndarray, depth: np.ndarray, centres: np.ndarray, plain: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Owners, pixels, coverage and positions of the samples, sorted by owner."""
    quarter = owner[0::2, 0::2]
    whole = (quarter == owner[0::2, 1::2]) & (quarter == owner[1::2, 0::2])
    whole &= (quarter == owner[1::2, 1::2]) & (quarter >= 0) & plain[quarter]
    rows, columns = np.nonzero(whole)
    middle = (centres[0::2] + centres[1::2]) * 0.5
    above, below = depth[0::2], depth[1::2]
    above, below = (
        above[:, 0::2][whole] + above[:, 1::2][whole],
        (below[:, 0::2][whole] + below[:, 1::2][whole]),
    )
    coarse = (quarter[whole], rows, columns, middle[columns], middle[rows], (above + below) * 0.25)
    fine_rows, fine_columns = np.nonzero((owner >= 0) & ~whole.repeat(2, axis=0).repeat(2, axis=1))
    fine = (
        owner[fine_rows, fine_columns],
        fine_rows >> 1,
        fine_columns >> 1,
        centres[fine_columns],
        centres[fine_rows],
        depth[fine_rows, fine_columns],
    )
    owners, rows, columns, x, y, z = (
        np.concatenate(both) for both in zip(coarse, fine, strict=True)
    )
    coverage = np.full(owners.size, 1 / QUARTERS, np.float32)
    coverage[: coarse[0].size] = 1
    order = np.argsort(owners, kind="stable")
    pixels = (rows * (owner.shape[1] // 2) + columns)[order]
    return owners[order], pixels, coverage[order], np.stack([x, y, z])[:, order]


@np.errstate(invalid="ignore")
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
    # With p = (x, y, z) - centre, p'Mp = 1 is a z^2 + 2 b z + c = 0, where b is linear in x and y
    # and (b^2 - a c) / a^2 quadratic in them, so a row of x and a column of y cost little.
    (m_xx, m_xy, m_xz), (_, m_yy, m_yz), (_, _, a) = part.form.tolist()
    centre_x, centre_y, centre_z = part.centre.tolist()
    across, down = x - centre_x, y - centre_y
    middle = (centre_z - m_xz / a * across) - m_yz / a * down
    squared = (1 / a - (a * m_xx - m_xz * m_xz) / (a * a) * across * across) - (
        (a * m_yy - m_yz * m_yz) / (a * a)
    ) * down * down
    squared -= across * (2 * (a * m_xy - m_xz * m_yz) / (a * a) * down)
    half = np.sqrt(squared)
    return middle + half, middle - half
