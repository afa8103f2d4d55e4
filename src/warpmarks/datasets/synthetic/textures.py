"""Colours and markings: what the coat of an instance looks like, fixed to its surface."""

from dataclasses import dataclass

import numpy as np

from warpmarks.datasets.synthetic.draws import Draws

LATTICE = 16
# Ranges of hue, saturation and value.
FUR_COLOURS = {
    "natural": ((0.03, 0.12), (0.3, 0.75), (0.42, 0.95)),
    "fantasy": ((0.0, 1.0), (0.25, 0.6), (0.5, 0.95)),
    "grey": ((0.0, 1.0), (0.0, 0.12), (0.3, 0.97)),
}


def smooth_step(low: float, high: float, value: np.ndarray) -> np.ndarray:
    """From 0 at ``low`` to 1 at ``high`` along a cubic; ``low`` may be the larger one."""
    t = clipped((value - low) * (1 / (high - low)))
    return t * t * (3 - 2 * t)


def clipped(value: np.ndarray) -> np.ndarray:
    """The value kept within [0, 1]; much quicker than ``np.clip`` for few pixels."""
    return np.minimum(np.maximum(value, 0), 1)


def colour(hue: float, saturation: float, value: float) -> np.ndarray:
    """Red, green and blue of linear light; hue in turns, the rest in [0, 1] as displayed."""
    channels = []
    for offset in (5, 3, 1):
        sector = (offset + 6 * hue) % 6
        share = min(max(min(sector, 4 - sector), 0.0), 1.0)
        displayed = value * (1 - saturation * share)
        channels.append(displayed * displayed)
    return np.array(channels)


def mix(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    """(3, n) colours between two, each (3, n) or (3,)."""
    first = np.asarray(first, np.float32).reshape(3, -1)
    second = np.asarray(second, np.float32).reshape(3, -1)
    return first + (second - first) * share


def noise_lattice(draws: Draws) -> np.ndarray:
    """Random values at the corners of a periodic lattice, each beside the step to the next in z."""
    values = draws.lattice(LATTICE, LATTICE, LATTICE)
    return np.stack([values, np.roll(values, -1, axis=2) - values], axis=-1)


def solid_noise(lattice: np.ndarray, position: np.ndarray, frequency: float) -> np.ndarray:
    """Smooth noise in [0, 1) at (3, n) points in space, interpolated between lattice corners."""
    scaled = position * frequency
    floor = np.floor(scaled)
    t = scaled - floor
    t *= t * (3 - 2 * t)
    x, y, z = floor.astype(np.intp) & (LATTICE - 1)
    next_x, next_y = (x + 1) & (LATTICE - 1), (y + 1) & (LATTICE - 1)
    # A value and its step are fetched together, as if they were one 8-byte number.
    pairs = lattice.reshape(-1, 2).view(np.float64).ravel()

    def edge(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        found = pairs.take((x * LATTICE + y) * LATTICE + z).view(np.float32).reshape(-1, 2)
        return found[:, 0] + found[:, 1] * t[2]

    near, far = edge(x, y), edge(next_x, y)
    near += (edge(x, next_y) - near) * t[1]
    far += (edge(next_x, next_y) - far) * t[1]
    near += (far - near) * t[0]
    return near


@dataclass(frozen=True)
class Coat:
    """The colours of one creature (linear light) and how its markings run."""

    base: np.ndarray
    marking: np.ndarray
    pale: np.ndarray
    inner_ear: np.ndarray
    nose: np.ndarray
    iris: np.ndarray
    sclera: np.ndarray
    horn: np.ndarray
    collar: np.ndarray
    pattern: str
    symmetric: bool
    frequency: float
    direction: np.ndarray
    pale_reach: float
    eye_patches: bool
    blush: float
    lattice: np.ndarray
    slit: float
    iris_size: float
    pupil_size: float
    eyelid: float

    def markings(self, position: np.ndarray) -> np.ndarray:
        """How much of the marking colour there is at (3, n) points of the head's frame."""
        if self.pattern == "plain":
            return np.zeros(position.shape[1], np.float32)
        place = position.copy()
        if self.symmetric:
            place[0] = np.sqrt(place[0] * place[0] + 0.01)
        if self.pattern == "spots":
            return smooth_step(0.58, 0.66, solid_noise(self.lattice, place, 2.2 * self.frequency))
        noise = solid_noise(self.lattice, place, 1.1 * self.frequency)
        if self.pattern == "patches":
            return smooth_step(0.52, 0.58, noise)
        x, y, z = (self.direction * self.frequency).tolist()
        along = place[0] * x + place[1] * y + place[2] * z + noise * 1.3
        wave = np.abs(along - np.floor(along) - 0.5)
        return smooth_step(0.2, 0.3, wave)

    def fur(self, position: np.ndarray) -> np.ndarray:
        """(3, n) colours of fur at points of the head's frame, without the pale parts."""
        albedo = mix(self.base, self.marking, self.markings(position))
        shade = solid_noise(self.lattice, position + 5, 6.0)
        # Fur is paler towards the belly.
        return albedo * (0.8 + shade * 0.4 + position[1] * 0.08)


def draw_coat(draws: Draws) -> Coat:
    """Colours and markings of one creature: natural fur most often, fantasy otherwise."""
    kind = draws.pick(("natural", "natural", "natural", "fantasy", "fantasy", "grey"))
    hues, saturations, values = FUR_COLOURS[kind]
    hue, saturation, value = (
        draws.uniform(*hues),
        draws.uniform(*saturations),
        draws.uniform(*values),
    )
    contrast = draws.uniform(0.28, 0.5)
    other = value - contrast if value > 0.6 else value + contrast
    nose = draws.pick(((0.0, 0.2, 0.15), (0.05, 0.4, 0.25), (0.97, 0.4, 0.75)))
    return Coat(
        base=colour(hue, saturation, value),
        marking=colour(hue + draws.around(0, 0.12), saturation * draws.uniform(0.5, 1.3), other),
        pale=colour(hue, saturation * 0.35, min(value + 0.3, 0.98)),
        inner_ear=colour(draws.uniform(0.96, 1.06), draws.uniform(0.25, 0.45), 0.9),
        nose=colour(*nose),
        iris=colour(draws.uniform(0, 1), draws.uniform(0.4, 0.85), draws.uniform(0.55, 0.95)),
        sclera=colour(0.1, 0.04, 0.96),
        horn=colour(draws.uniform(0.05, 0.14), draws.uniform(0.1, 0.4), draws.uniform(0.5, 0.95)),
        collar=colour(draws.uniform(0, 1), draws.uniform(0.6, 0.9), draws.uniform(0.6, 0.95)),
        pattern=draws.pick(("plain", "patches", "spots", "stripes", "stripes")),
        symmetric=draws.chance(0.65),
        frequency=draws.uniform(1.0, 1.7),
        direction=np.array([draws.around(0, 1), draws.around(0.9, 0.8), draws.around(0, 0.8)]),
        pale_reach=draws.pick((0.0, 0.4, 0.8, 1.4, 2.5)),
        eye_patches=draws.chance(0.25),
        blush=draws.pick((0.0, 0.0, 0.5)),
        lattice=noise_lattice(draws),
        slit=draws.pick((1.0, 1.0, 0.4)),
        iris_size=draws.uniform(0.66, 0.86),
        pupil_size=draws.uniform(0.4, 0.54),
        eyelid=draws.uniform(-1.1, -0.5),
    )
