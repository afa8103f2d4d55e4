"""From a visible surface to what it is like there: colour, normal, gloss and shadowed folds."""

from dataclasses import dataclass

import numpy as np

from warpmarks.datasets.synthetic.anatomy import Creature, Material
from warpmarks.datasets.synthetic.geometry import Ellipsoid, Pose, turned, unit
from warpmarks.datasets.synthetic.scene import Scene
from warpmarks.datasets.synthetic.textures import Coat, clipped, mix, smooth_step
from warpmarks.datasets.synthetic.visible_surface import Fragment, VisibleSurface

FLESH = (Material.FLESH, Material.MUZZLE)
MATT = 0.03
GLOSS = {Material.EYE: 1.0, Material.NOSE: 0.5, Material.TONGUE: 0.4, Material.HORN: 0.25}
BLACK = np.array([0.004, 0.003, 0.004])
LIP = np.array([0.02, 0.008, 0.008])
TONGUE = np.array([0.72, 0.16, 0.2])
BLUSH = np.array([0.9, 0.22, 0.24])


@dataclass
class PaintedSurface:
    """Per pixel of a visible surface; ``openness`` is 1 where nothing near keeps the light away."""

    albedo: np.ndarray
    normal: np.ndarray
    gloss: np.ndarray
    openness: np.ndarray


def paint(surface: VisibleSurface, scene: Scene, coat: Coat) -> PaintedSurface:
    """Paint every fragment by its material."""
    materials = [scene.solids[fragment.solid].material for fragment in surface.fragments]
    counts = [fragment.where.stop - fragment.where.start for fragment in surface.fragments]
    unit_position, normal = _all_unit_coordinates_and_normals(surface, counts)
    gloss = np.array([GLOSS.get(material, MATT) for material in materials], np.float32)
    painted = PaintedSurface(
        albedo=coat.fur(in_head_frame(surface.position, scene.head)),
        normal=normal,
        gloss=np.repeat(gloss, counts),
        openness=1 - 0.5 * _nearness(_slope(scene.solids[0].parts[0], surface.position)[1], 0.9),
    )
    for fragment, material in zip(surface.fragments, materials, strict=True):
        if material == Material.EYE:
            painted.openness[fragment.where] = 1
        if material in _PAINTERS:
            albedo = painted.albedo[:, fragment.where]
            local = unit_position[:, fragment.where]
            albedo[...] = _PAINTERS[material](albedo, local, scene.creature, coat)
    # The flesh solids come first, so their samples are one slice.
    face = slice(0, sum(n for n, material in zip(counts, materials, strict=True) if material in FLESH))
    _melt_together(painted, surface, scene, face)
    _paint_face(painted, surface, scene, coat, face)
    return painted


def _all_unit_coordinates_and_normals(
    surface: VisibleSurface, counts: list[int]
) -> tuple[np.ndarray, np.ndarray]:
    """For every sample, on the ellipsoid that owns it; all at once, since most fragments are small."""
    parts = [fragment.part for fragment in surface.fragments]
    centres = np.array([part.centre for part in parts], np.float32).T
    scaled = np.array([part.axes / part.radii for part in parts], np.float32).reshape(-1, 9).T
    away = surface.position - np.repeat(centres, counts, axis=1)
    scaled = np.repeat(scaled, counts, axis=1).reshape(3, 3, -1)
    local = scaled[0] * away[0] + scaled[1] * away[1] + scaled[2] * away[2]
    slope = scaled[:, 0] * local[0] + scaled[:, 1] * local[1] + scaled[:, 2] * local[2]
    return local, slope / _length(slope)


def in_head_frame(position: np.ndarray, head: Pose) -> np.ndarray:
    """Points of the camera's frame in the frame of the head."""
    moved = position - head.offset.astype(np.float32)[:, None]
    return turned((head.rotation / head.scale).T, moved)


def _melt_together(
    painted: PaintedSurface, surface: VisibleSurface, scene: Scene, face: slice
) -> None:
    """Bend the normals of flesh towards the flesh nearby, and darken the folds between solids."""
    position = surface.position[:, face]
    blended = np.zeros_like(position)
    company = np.zeros(position.shape[1], np.float32)
    for solid in scene.solids:
        if solid.material in FLESH:
            slope, level = _slope(solid.parts[0], position)
            nearness = _nearness(level, 0.8)
            blended += slope * (nearness / _length(slope))
            company += nearness
    painted.normal[:, face] = blended / _length(blended)
    openness = 1 - 0.1 * np.minimum(np.maximum(company - 1, 0), 2)
    for solid in scene.solids:
        if solid.material in (Material.EYE, Material.NOSE, Material.EAR, Material.HORN):
            part = solid.parts[0]
            near = _near(part, position, 1.5)
            level = _slope(part, position[:, near])[1]
            openness[near] *= 1 - 0.4 * _nearness(level, 0.8)
    painted.openness[face] = openness


def _paint_face(
    painted: PaintedSurface, surface: VisibleSurface, scene: Scene, coat: Coat, face: slice
) -> None:
    """Pale muzzle, patches around the eyes, blushing cheeks and the mouth."""
    position, albedo = surface.position[:, face], painted.albedo[:, face]
    muzzle = next(s.parts[0] for s in scene.solids if s.material == Material.MUZZLE)
    cheeks = [s.parts[0] for s in scene.solids if s.material == Material.FLESH][-2:]
    eyes = [s.parts[0] for s in scene.solids if s.material == Material.EYE]
    if coat.pale_reach > 0:
        level = _slope(muzzle, position)[1]
        share = smooth_step(1.25 + coat.pale_reach, 0.9 + 0.7 * coat.pale_reach, level)
        albedo[...] = mix(albedo, coat.pale, share * 0.9)
    if coat.eye_patches:
        for eye in eyes:
            near = _near(eye, position, 2.0)
            level = _slope(eye, position[:, near])[1]
            share = smooth_step(3.6, 2.9, level)
            albedo[:, near] = mix(albedo[:, near], coat.marking, share)
    if coat.blush > 0:
        for cheek in cheeks:
            q = _unit_coordinates(cheek, position)
            share = smooth_step(0.6, 0.0, q[0] * q[0] + q[1] * q[1])
            albedo[...] = mix(albedo, BLUSH, share * coat.blush)
    for fragment in surface.fragments:
        if scene.solids[fragment.solid].material == Material.MUZZLE:
            _paint_mouth(painted, surface, fragment, scene.creature)


def _paint_mouth(
    painted: PaintedSurface, surface: VisibleSurface, fragment: Fragment, creature: Creature
) -> None:
    mouth, albedo = creature.mouth, painted.albedo[:, fragment.where]
    x, y, z = _unit_coordinates(fragment.part, surface.position[:, fragment.where])
    below = y - mouth.height + mouth.smile * x * x
    beyond = np.maximum(np.abs(x) - mouth.extent, 0)
    along = clipped(np.abs(x) * (1 / mouth.extent))
    # The line grows into a small fold at its corners, and a groove leads up to the nose.
    thickness = 0.035 + 0.055 * along**4
    line = smooth_step(1.25, 0.75, np.sqrt(below * below + beyond * beyond) / thickness)
    groove = smooth_step(0.045, 0.02, np.abs(x)) * (below < 0) * (y > -0.5)  # noqa: PLR2004
    share = np.maximum(line, groove * 0.7) * (z > 0)
    albedo[...] = mix(albedo, LIP, share * 0.92)


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
    colours = mix(
        colours, BLACK, smooth_step(coat.pupil_size, coat.pupil_size - 0.07, pupil_radius)
    )
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
    return mix(
        albedo, mix(coat.inner_ear * 0.6, coat.inner_ear, smooth_step(-0.7, 0.6, q[1])), inner
    )


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


_PAINTERS = {
    Material.EYE: _paint_eye,
    Material.NOSE: _paint_nose,
    Material.EAR: _paint_ear,
    Material.HORN: _paint_horn,
    Material.HAIR: _paint_hair,
    Material.COLLAR: _paint_collar,
    Material.TONGUE: _paint_tongue,
}


def _slope(part: Ellipsoid, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Half the gradient of the level |q|^2 at these points, and the level."""
    away = position - part.centre.astype(np.float32)[:, None]
    slope = turned(part.form, away)
    return slope, slope[0] * away[0] + slope[1] * away[1] + slope[2] * away[2]


def _unit_coordinates(part: Ellipsoid, position: np.ndarray) -> np.ndarray:
    away = position - part.centre.astype(np.float32)[:, None]
    return turned((part.axes / part.radii).T, away)


def _near(part: Ellipsoid, position: np.ndarray, factor: float) -> np.ndarray:
    """Which points lie in the box around an ellipsoid, as seen, made larger by a factor."""
    reach, centre = (part.reach * factor).tolist(), part.centre.tolist()
    inside = np.abs(position[0] - centre[0]) < reach[0]
    return np.flatnonzero(inside & (np.abs(position[1] - centre[1]) < reach[1]))


def _nearness(level: np.ndarray, reach: float) -> np.ndarray:
    """1 on a surface of this level, falling to 0 at 1 + reach."""
    share = clipped((1 + reach - level) * (1 / reach))
    return share * share


def _length(vectors: np.ndarray) -> np.ndarray:
    return np.sqrt(vectors[0] * vectors[0] + vectors[1] * vectors[1] + vectors[2] * vectors[2])
