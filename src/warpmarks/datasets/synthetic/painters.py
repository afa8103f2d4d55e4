"""The colours of single features, each drawn in the unit coordinates q of its ellipsoid.

A painter takes (3, n) colours of the fur at its samples and their q, and returns (3, n) colours.
"""

from collections.abc import Callable

import numpy as np

from warpmarks.datasets.synthetic.anatomy import Creature, Material, Mouth
from warpmarks.datasets.synthetic.geometry import turned, unit
from warpmarks.datasets.synthetic.textures import Coat, clipped, mix, smooth_step

Painter = Callable[[np.ndarray, np.ndarray, Creature, Coat], np.ndarray]

BLACK = np.array([0.004, 0.003, 0.004])
LIP = np.array([0.02, 0.008, 0.008])
TONGUE = np.array([0.72, 0.16, 0.2])


def paint_mouth(albedo: np.ndarray, q: np.ndarray, mouth: Mouth) -> np.ndarray:
    """Draw the line of the mouth, and the groove from it to the nose, on the muzzle."""
    x, y, z = q
    below = y - mouth.height + mouth.smile * x * x
    beyond = np.maximum(np.abs(x) - mouth.extent, 0)
    along = clipped(np.abs(x) * (1 / mouth.extent))
    along = along * along
    # The line grows into a small fold at its corners.
    thickness = 0.035 + 0.055 * along * along
    line = smooth_step(1.25, 0.75, np.sqrt(below * below + beyond * beyond) / thickness)
    groove = smooth_step(0.045, 0.02, np.abs(x)) * (below < 0) * (y > -0.5)
    share = np.maximum(line, groove * 0.7) * (z > 0)
    return mix(albedo, LIP, share * 0.92)


def _paint_eye(albedo: np.ndarray, q: np.ndarray, creature: Creature, coat: Coat) -> np.ndarray:
    gaze = creature.gaze
    right = unit(np.array([gaze[2], 0.0, -gaze[0]]))
    down = np.array(
        [gaze[1] * right[2], gaze[2] * right[0] - gaze[0] * right[2], -gaze[1] * right[0]]
    )
    across, along, ahead = turned(np.stack([right, unit(down), gaze]), q)
    radius = np.sqrt(across * across + along * along) + 2 * (ahead < 0)
    narrowed = across * (1 / coat.slit)
    pupil_radius = np.sqrt(narrowed * narrowed + along * along) + 2 * (ahead < 0)
    size = coat.iris_size
    glow = mix(coat.iris * 0.35, coat.iris, smooth_step(-0.7 * size, 0.8 * size, along))
    colours = mix(coat.sclera, glow, smooth_step(size, size - 0.06, radius))
    rim = smooth_step(size - 0.2, size, radius) * smooth_step(size + 0.06, size, radius)
    colours = mix(colours, BLACK, rim * 0.8)
    pupil = smooth_step(coat.pupil_size, coat.pupil_size - 0.07, pupil_radius)
    colours = mix(colours, BLACK, pupil)
    lid = smooth_step(coat.eyelid + 0.04, coat.eyelid - 0.02, q[1])
    edge = smooth_step(coat.eyelid + 0.12, coat.eyelid + 0.06, q[1])
    return mix(mix(colours, BLACK, edge), albedo * 0.8, lid)


def _paint_nose(albedo: np.ndarray, q: np.ndarray, creature: Creature, coat: Coat) -> np.ndarray:
    x, y = np.abs(q[0]) - 0.42, q[1] - 0.4
    nostril = smooth_step(0.24, 0.14, np.sqrt(x * x + 1.6 * y * y)) * (q[2] > 0)
    return mix(coat.nose, BLACK, nostril)


def _paint_ear(albedo: np.ndarray, q: np.ndarray, creature: Creature, coat: Coat) -> np.ndarray:
    level = q[0] * q[0] + q[1] * q[1]
    inner = smooth_step(0.66, 0.54, level) * (q[2] > 0)
    skin = mix(coat.inner_ear * 0.6, coat.inner_ear, smooth_step(-0.7, 0.6, q[1]))
    return mix(albedo, skin, inner)


def _paint_horn(albedo: np.ndarray, q: np.ndarray, creature: Creature, coat: Coat) -> np.ndarray:
    turns = q[1] * 4 + q[0] * 0.4
    wave = np.abs(turns - np.floor(turns) - 0.5)
    return mix(coat.horn * 0.55, coat.horn, smooth_step(0.0, 0.3, wave))


def _paint_hair(albedo: np.ndarray, q: np.ndarray, creature: Creature, coat: Coat) -> np.ndarray:
    return mix(coat.marking * 0.6, coat.marking * 1.1, smooth_step(-0.4, 0.9, q[1]))


def _paint_collar(albedo: np.ndarray, q: np.ndarray, creature: Creature, coat: Coat) -> np.ndarray:
    return mix(coat.collar * 0.7, coat.collar, smooth_step(0.6, -0.6, q[1]))


def _paint_tongue(albedo: np.ndarray, q: np.ndarray, creature: Creature, coat: Coat) -> np.ndarray:
    return mix(TONGUE, TONGUE * 0.6, smooth_step(0.12, 0.02, np.abs(q[0])))


PAINTERS: dict[Material, Painter] = {
    Material.EYE: _paint_eye,
    Material.NOSE: _paint_nose,
    Material.EAR: _paint_ear,
    Material.HORN: _paint_horn,
    Material.HAIR: _paint_hair,
    Material.COLLAR: _paint_collar,
    Material.TONGUE: _paint_tongue,
}
