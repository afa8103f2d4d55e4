"""The making of a creature: proportions of its own, and where its named points lie on it."""

import numpy as np

from warpmarks.datasets.synthetic.anatomy import Creature, Material, Mouth, Solid
from warpmarks.datasets.synthetic.draws import Draws
from warpmarks.datasets.synthetic.geometry import (
    Ellipsoid,
    apply,
    ellipsoid,
    leaf,
    product,
    rotation,
    unit,
)

SIDES = (-1, 1)
# The level of the skull (1 at its surface) at which an ear is said to begin.
ROOT_LEVEL = 1.15


def draw_creature(draws: Draws) -> Creature:
    """A creature with proportions of its own."""
    skull = ellipsoid(
        np.zeros(3), (draws.uniform(0.88, 1.1), draws.uniform(0.82, 1.0), draws.uniform(0.82, 0.95))
    )
    gaze = unit(np.array([draws.around(0.0, 0.22), draws.around(0.03, 0.12), 1.0]))
    muzzle, jaw = _draw_muzzle(draws, skull)
    mouth = Mouth(
        height=draws.uniform(0.46, 0.58),
        smile=draws.uniform(0.2, 0.85),
        extent=draws.uniform(0.52, 0.7),
    )
    corners = [
        muzzle.surface(*_on_unit_sphere(side * mouth.extent, _mouth_corner_height(mouth)))
        for side in SIDES
    ]
    eyes = _draw_eyes(draws, skull)
    nose_width = draws.uniform(0.15, 0.24)
    nose = ellipsoid(
        muzzle.surface(0, -0.5, 0.8), (nose_width, nose_width * draws.uniform(0.62, 0.85), 0.13)
    )
    ears, tips, bases = _draw_ears(draws, skull)
    solids = [
        Solid(Material.FLESH, (skull,)),
        Solid(Material.MUZZLE, (muzzle,)),
        Solid(Material.FLESH, (jaw,)),
        *_draw_cheeks(draws, skull),
        *(Solid(Material.EYE, (eye,)) for eye in eyes),
        Solid(Material.NOSE, (nose,)),
        *ears,
        *_draw_ornaments(draws, skull),
    ]
    if draws.chance(0.25):
        solids.append(_tongue(muzzle, mouth))
    points = [eye.surface(*gaze) for eye in eyes]
    points += [nose.surface(0, 0, 1), *corners, jaw.surface(0, 0.7, 0.7), *tips, *bases]
    return Creature(solids, np.array(points), gaze, mouth)


def _draw_muzzle(draws: Draws, skull: Ellipsoid) -> tuple[Ellipsoid, Ellipsoid]:
    length, width = draws.uniform(0.3, 0.72), draws.uniform(0.4, 0.58)
    height, level = draws.uniform(0.3, 0.4), draws.uniform(0.34, 0.5)
    face = skull.surface(*_on_unit_sphere(0, level / skull.radii[1]))[2]
    muzzle = ellipsoid(np.array([0, level, face - 0.1]), (width, height, length + 0.1))
    chin = draws.uniform(0.2, 0.28)
    jaw = ellipsoid(
        np.array([0, level + height * 0.72, face - 0.08]), (width * 0.62, chin, length * 0.8 + 0.08)
    )
    return muzzle, jaw


def _draw_cheeks(draws: Draws, skull: Ellipsoid) -> list[Solid]:
    size, out, down = (
        draws.uniform(0.36, 0.54),
        draws.uniform(0.42, 0.62),
        draws.uniform(0.26, 0.42),
    )
    return [
        Solid(
            Material.FLESH,
            (ellipsoid(np.array([side * out, down, 0.42 * skull.radii[2]]), (size, size, size)),),
        )
        for side in SIDES
    ]


def _draw_eyes(draws: Draws, skull: Ellipsoid) -> list[Ellipsoid]:
    out, up = draws.uniform(0.44, 0.56), draws.uniform(0.0, 0.3)
    size, tall = draws.uniform(0.19, 0.28), draws.uniform(0.95, 1.2)
    sunk = draws.uniform(0.45, 0.7)
    eyes = []
    for side in SIDES:
        z = np.sqrt(1 - out * out - up * up)
        surface = skull.surface(side * out, -up, z)
        normal = unit(np.array([side * out, -up, z]) / skull.radii)
        eyes.append(ellipsoid(surface - normal * (sunk * size), (size, size * tall, size)))
    return eyes


def _draw_ears(
    draws: Draws, skull: Ellipsoid
) -> tuple[list[Solid], list[np.ndarray], list[np.ndarray]]:
    out, back = draws.uniform(0.5, 1.05), draws.uniform(-0.2, 0.1)
    spread = 45 * out + draws.uniform(-30, 28)
    turn, lean = draws.uniform(-5, 30), draws.uniform(-18, 12)
    length, width = draws.uniform(0.4, 0.78), draws.uniform(0.25, 0.44)
    sharpness = draws.pick((0.0, 0.3, 0.5, 0.62))
    solids, tips, bases = [], [], []
    for side in SIDES:
        # The ear stands upright, facing the viewer, and is then turned outwards and laid aside.
        upright = np.diag([1.0, -1.0, 1.0])
        aside = side * (spread + draws.around(0, 14))
        axes = product(rotation(side * turn, lean, aside), upright)
        centre = skull.surface(side * out, -1, back) + axes[:, 1] * (0.5 * length)
        parts = leaf(centre, width, length, 0.13, axes, sharpness)
        solids.append(Solid(Material.EAR, parts))
        tips.append(centre + axes[:, 1] * length)
        bases.append(_where_ear_leaves(parts, centre, axes, skull))
    return solids, tips, bases


def _where_ear_leaves(
    parts: tuple[Ellipsoid, Ellipsoid], centre: np.ndarray, axes: np.ndarray, skull: Ellipsoid
) -> np.ndarray:
    """Where the ridge along the middle of the ear's front comes out of the skull."""
    first = parts[0]
    aside = apply(axes.T, centre - first.centre)[0] / first.radii[0]

    def ridge(along: float) -> np.ndarray:
        inside = max(1 - aside * aside - (along / first.radii[1]) ** 2, 0.0)
        return centre + axes[:, 1] * along + axes[:, 2] * (first.radii[2] * np.sqrt(inside))

    inner, outer = -0.9 * first.radii[1], 0.9 * first.radii[1]
    for _ in range(20):
        middle = (inner + outer) / 2
        if skull.level(ridge(middle)) < ROOT_LEVEL:
            inner = middle
        else:
            outer = middle
    return ridge(outer)


def _draw_ornaments(draws: Draws, skull: Ellipsoid) -> list[Solid]:
    solids: list[Solid] = []
    horns = draws.pick((0, 0, 0, 1, 2))
    length, out = draws.uniform(0.3, 0.55), draws.uniform(0.22, 0.4)
    if horns == 1:
        solids.append(_spike(Material.HORN, skull.surface(0, -1, 0.8), length, 0.11, 0.0, 25.0))
    elif horns == 2:
        for side in SIDES:
            base = skull.surface(side * out, -1, 0.45)
            solids.append(_spike(Material.HORN, base, length, 0.11, side * 25.0, 25.0))
    if draws.chance(0.45):
        length, fan = draws.uniform(0.22, 0.42), draws.uniform(25, 50)
        for tilt in (-1.0, -0.4, 0.2, 0.9):
            base = skull.surface(0.18 * tilt, -1, 0.15 + 0.1 * tilt)
            angle = fan * tilt + draws.around(0, 12)
            solids.append(_spike(Material.HAIR, base, length, 0.12, angle, 20.0))
    if draws.chance(0.4):
        length = draws.uniform(0.3, 0.5)
        for side in SIDES:
            for down, angle in ((0.1, 100.0), (0.4, 118.0), (0.65, 138.0)):
                base = skull.surface(side, down, 0.15)
                solids.append(_spike(Material.HAIR, base, length, 0.17, side * angle, 0.0))
    return solids


def _spike(
    material: Material, base: np.ndarray, length: float, width: float, tilt: float, lean: float
) -> Solid:
    axes = product(rotation(pitch=lean, roll=tilt), np.diag([1.0, -1.0, 1.0]))
    return Solid(
        material, leaf(base + axes[:, 1] * (0.3 * length), width, length, width, axes, 0.6)
    )


def _tongue(muzzle: Ellipsoid, mouth: Mouth) -> Solid:
    place = muzzle.surface(*_on_unit_sphere(0.0, mouth.height + 0.12))
    return Solid(Material.TONGUE, (ellipsoid(place, (0.11, 0.17, 0.07)),))


def _mouth_corner_height(mouth: Mouth) -> float:
    return mouth.height - mouth.smile * mouth.extent * mouth.extent


def _on_unit_sphere(x: float, y: float) -> tuple[float, float, float]:
    return x, y, float(np.sqrt(1 - x * x - y * y))
