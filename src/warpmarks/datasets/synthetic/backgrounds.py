"""Clutter behind the creature: a gradient, soft noise, all kinds of shapes, some unsharp."""

import numpy as np

from warpmarks.datasets.synthetic.draws import Draws
from warpmarks.datasets.synthetic.geometry import rotation
from warpmarks.datasets.synthetic.textures import clipped, colour, mix, smooth_step


def draw_background(draws: Draws, size: int) -> np.ndarray:
    """(3, size, size) linear light; the same picture at every size."""
    x, y = _grid(size)
    hue = draws.uniform(0, 1)
    first, second = _background_colour(draws, hue), _background_colour(draws, hue)
    cos, sin = rotation(roll=draws.uniform(-90, 90))[:2, 0].tolist()
    slant = (x * cos + y * sin).ravel()
    picture = mix(first, second, smooth_step(-1.2, 1.2, slant)).reshape(3, size, size)
    for cells, strength in ((3, 0.5), (9, 0.35)):
        noise = draws.lattice(3, cells + 1, cells + 1)
        # Mostly light and dark, a little of other colours.
        blotches = _stretched(noise[:1] + 0.35 * (noise - 0.5), size) - 0.5
        picture = picture * (1 + 2 * strength * draws.uniform(0.2, 1) * blotches)
    for _ in range(draws.whole(4, 11)):
        softness = draws.pick((0.0, 0.05, 0.15, 0.4))
        cover = _draw_shape(draws, x, y, softness, size) * draws.uniform(0.4, 1)
        tint = _background_colour(draws, hue if draws.chance(0.5) else draws.uniform(0, 1))
        tint = tint.astype(np.float32)[:, None, None]
        picture = picture + (tint - picture) * cover
    return clipped(picture)


def _background_colour(draws: Draws, hue: float) -> np.ndarray:
    return colour(hue + draws.around(0, 0.2), draws.uniform(0.05, 0.65), draws.uniform(0.2, 0.95))


def _grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    centres = ((2 * np.arange(size) + 1) / size - 1).astype(np.float32)
    return centres[None, :], centres[:, None]


def _stretched(lattice: np.ndarray, size: int) -> np.ndarray:
    """Values at the corners of cells, (3, cells + 1, cells + 1), smoothly spread over a picture."""
    cells = lattice.shape[1] - 1
    place = (np.arange(size) + 0.5) / size * cells
    low = np.minimum(place.astype(int), cells - 1)
    t = (place - low).astype(np.float32)
    t = t * t * (3 - 2 * t)
    wide = lattice[:, :, low] + (lattice[:, :, low + 1] - lattice[:, :, low]) * t
    return wide[:, low] + (wide[:, low + 1] - wide[:, low]) * t[:, None]


def _draw_shape(
    draws: Draws, x: np.ndarray, y: np.ndarray, softness: float, size: int
) -> np.ndarray:
    """How much of each pixel one random shape covers."""
    kind = draws.pick(("ellipse", "ellipse", "box", "ring", "stripes", "wedge"))
    cos, sin = rotation(roll=draws.uniform(-90, 90))[:2, 0].tolist()
    x = x - draws.uniform(-1.1, 1.1)
    y = y - draws.uniform(-1.1, 1.1)
    across = (cos * x + sin * y) * (1 / draws.uniform(0.12, 0.55))
    along = (cos * y - sin * x) * (1 / draws.uniform(0.12, 0.55))
    edge = max(softness, 2 / size) / 0.3
    if kind == "stripes":
        wave = np.abs(across * 2 - np.floor(across * 2) - 0.5) * 2
        inside = smooth_step(1 + edge, 1 - edge, np.abs(along) + np.abs(across) * 0.3)
        return smooth_step(0.5 - edge, 0.5 + edge, wave) * inside
    if kind == "box":
        distance = np.maximum(np.abs(across), np.abs(along))
    elif kind == "wedge":
        distance = np.maximum(np.abs(across) + along, -along)
    else:
        distance = np.sqrt(across * across + along * along)
        if kind == "ring":
            distance = np.abs(distance - 0.8) * 5
    return smooth_step(1 + edge, 1 - edge, distance)
