"""From a visible surface to what it is like there: colour, normal, gloss and shadowed folds."""

from dataclasses import dataclass

import numpy as np

from warpmarks.datasets.synthetic.anatomy import Material
from warpmarks.datasets.synthetic.geometry import Ellipsoid, SpatialPose, turned
from warpmarks.datasets.synthetic.painters import PAINTERS, paint_mouth
from warpmarks.datasets.synthetic.scene import Scene
from warpmarks.datasets.synthetic.textures import Coat, clipped, mix, smooth_step
from warpmarks.datasets.synthetic.visible_surface import VisibleSurface

FLESH = (Material.FLESH, Material.MUZZLE)
MATT = 0.03
GLOSS = {Material.EYE: 1.0, Material.NOSE: 0.5, Material.TONGUE: 0.4, Material.HORN: 0.25}
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
        if material in PAINTERS:
            albedo = painted.albedo[:, fragment.where]
            local = unit_position[:, fragment.where]
            albedo[...] = PAINTERS[material](albedo, local, scene.creature, coat)
    # The flesh solids come first, so their samples are one slice.
    face = slice(
        0, sum(n for n, material in zip(counts, materials, strict=True) if material in FLESH)
    )
    _melt_together(painted, surface, scene, face)
    _paint_face(painted, surface, scene, coat, face)
    return painted


def _all_unit_coordinates_and_normals(
    surface: VisibleSurface, counts: list[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Of every sample, on the ellipsoid that owns it; all at once, as most fragments are small."""
    parts = [fragment.part for fragment in surface.fragments]
    centres = np.array([part.centre for part in parts], np.float32).T
    scaled = np.array([part.axes / part.radii for part in parts], np.float32).reshape(-1, 9).T
    away = surface.position - np.repeat(centres, counts, axis=1)
    matrices = np.repeat(scaled, counts, axis=1).reshape(3, 3, -1)
    local = matrices[0] * away[0] + matrices[1] * away[1] + matrices[2] * away[2]
    slope = matrices[:, 0] * local[0] + matrices[:, 1] * local[1] + matrices[:, 2] * local[2]
    return local, slope / _length(slope)


def in_head_frame(position: np.ndarray, head: SpatialPose) -> np.ndarray:
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
            local = _unit_coordinates(fragment.part, surface.position[:, fragment.where])
            muzzle_albedo = painted.albedo[:, fragment.where]
            muzzle_albedo[...] = paint_mouth(muzzle_albedo, local, scene.creature.mouth)


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
