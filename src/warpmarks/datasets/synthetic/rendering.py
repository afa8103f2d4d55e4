"""One instance of the synthetic category: picture, points and their visibility."""

from dataclasses import dataclass

import numpy as np

from warpmarks.datasets.synthetic.backgrounds import draw_background
from warpmarks.datasets.synthetic.draws import Draws
from warpmarks.datasets.synthetic.lighting import draw_lighting, shade
from warpmarks.datasets.synthetic.painting import paint
from warpmarks.datasets.synthetic.scene import draw_scene
from warpmarks.datasets.synthetic.textures import clipped, draw_coat
from warpmarks.datasets.synthetic.visible_surface import VisibleSurface, find_visible_surface
from warpmarks.errors import InputError


@dataclass(frozen=True)
class SyntheticSample:
    """One picture with its ground truth.

    Attributes:
        image: (size, size, 3) uint8.
        annotations: (N, 2) float64, exact, in pixels with pixel centres at integers.
        visible: (N,) bool; an invisible point is hidden or outside the picture, yet still exact.
    """

    image: np.ndarray
    annotations: np.ndarray
    visible: np.ndarray


def render(instance: int, *, size: int = 128, seed: int = 0) -> SyntheticSample:
    """Draw one creature; every ``(seed, instance)`` is another, the same at every size and machine.

    Points are in the order of ``POINT_NAMES``.

    Raises:
        InputError: ``instance`` or ``seed`` is negative, or ``size`` is not positive.
    """
    for name, value, least in (("instance", instance, 0), ("seed", seed, 0), ("size", size, 1)):
        if value < least:
            raise InputError(f"the {name} of a synthetic picture is {value}: give {least} or more")
    draws = Draws(np.random.default_rng([seed, instance]))
    scene = draw_scene(draws)
    coat, lighting = draw_coat(draws), draw_lighting(draws)
    surface = find_visible_surface(scene.solids, size)
    light = shade(paint(surface, scene, coat), lighting)
    picture = _over(light, surface, draw_background(draws, size))
    picture = _finish(draws, picture)
    return SyntheticSample(
        image=picture,
        annotations=((scene.points[:, :2] + 1) * size - 1) / 2,
        visible=scene.visible,
    )


def _over(light: np.ndarray, surface: VisibleSurface, background: np.ndarray) -> np.ndarray:
    """Gather the samples of each pixel; the background shows where they leave a part uncovered."""
    count = background[0].size
    cover = np.bincount(surface.pixels, surface.coverage, count).astype(np.float32)
    picture = background.reshape(3, count) * (1 - cover)
    light = clipped(light) * surface.coverage
    for channel in range(3):
        picture[channel] += np.bincount(surface.pixels, light[channel], count)
    return picture.reshape(background.shape)


def _finish(draws: Draws, picture: np.ndarray) -> np.ndarray:
    """Linear light to a displayed image, with the blur and the grain of a camera."""
    picture = np.sqrt(picture)
    side = draws.pick((0.0, 0.0, 0.12, 0.22))
    if side > 0:
        padded = np.pad(picture, ((0, 0), (1, 1), (1, 1)), mode="edge")
        across = padded[:, :, 1:-1] + side * (
            padded[:, :, 2:] + padded[:, :, :-2] - 2 * padded[:, :, 1:-1]
        )
        picture = across[:, 1:-1] + side * (across[:, 2:] + across[:, :-2] - 2 * across[:, 1:-1])
    amount = draws.uniform(0.01, 0.07)
    picture = picture + amount * (draws.lattice(*picture.shape) - 0.5)
    levels = np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(levels.transpose(1, 2, 0))
