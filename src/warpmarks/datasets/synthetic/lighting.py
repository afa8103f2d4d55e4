"""Light on a painted surface: a soft key light, light from the sky and the ground, highlights."""

from dataclasses import dataclass

import numpy as np

from warpmarks.datasets.synthetic.draws import Draws
from warpmarks.datasets.synthetic.geometry import unit
from warpmarks.datasets.synthetic.painting import PaintedSurface
from warpmarks.datasets.synthetic.textures import clipped, colour, smooth_step

CATCHLIGHT = 0.9


@dataclass(frozen=True)
class Lighting:
    """``direction`` leads to the key light; colours are linear and may exceed 1."""

    direction: np.ndarray
    key: np.ndarray
    sky: np.ndarray
    ground: np.ndarray
    rim: np.ndarray


def draw_lighting(draws: Draws) -> Lighting:
    """Key light from above, left or right; its colour is warm or cool, the sky's the opposite."""
    direction = unit(
        np.array([draws.uniform(-0.9, 0.9), draws.uniform(-0.9, -0.1), draws.uniform(0.45, 1.0)])
    )
    warm = draws.chance(0.6)
    hue, other = (0.09, 0.6) if warm else (0.58, 0.08)
    strength = draws.uniform(0.75, 1.15)
    return Lighting(
        direction=direction,
        key=colour(hue, draws.uniform(0, 0.22), 1.0) * strength,
        sky=colour(other, draws.uniform(0, 0.3), 1.0) * draws.uniform(0.2, 0.5),
        ground=colour(draws.uniform(0, 1), draws.uniform(0.1, 0.4), 1.0)
        * draws.uniform(0.05, 0.22),
        rim=colour(other, 0.3, 1.0) * draws.uniform(0.0, 0.35),
    )


def shade(painted: PaintedSurface, lighting: Lighting) -> np.ndarray:
    """(3, n) linear light that reaches the viewer."""
    towards = _cosine(lighting.direction, painted.normal)
    # The light wraps around, as it does in fur, and leaves no hard edge between day and night.
    diffuse = clipped(towards * 0.68 + 0.32)
    diffuse *= diffuse * 0.4 + 0.6
    upwards = 0.5 - 0.5 * painted.normal[1]
    edge = clipped(1 - painted.normal[2])
    edge *= edge * edge
    half = unit(lighting.direction + np.array([0.0, 0.0, 1.0]))
    # Eyes gleam a little above the mirror direction, so that the gleam does not hide the pupil.
    gleam = _cosine(unit(half + np.array([0.15, -0.3, 0.0])), painted.normal)
    sheen = clipped(_cosine(half, painted.normal))
    for _ in range(5):
        sheen = sheen * sheen
    glossy = painted.gloss > CATCHLIGHT
    shine = painted.gloss * sheen * 0.3
    shine += smooth_step(0.975, 0.985, gleam) * glossy * 1.2
    light = np.empty_like(painted.normal)
    for channel in range(3):
        key, sky, ground, rim = (
            float(colours[channel])
            for colours in (lighting.key, lighting.sky, lighting.ground, lighting.rim)
        )
        lit = (ground + (sky - ground) * upwards + key * diffuse) * painted.openness + rim * edge
        light[channel] = painted.albedo[channel] * lit + key * shine
    return light


def _cosine(direction: np.ndarray, normal: np.ndarray) -> np.ndarray:
    x, y, z = direction.tolist()
    return x * normal[0] + y * normal[1] + z * normal[2]
