"""A creature in front of the camera: its pose, its framing, its body, and which points are seen."""

from dataclasses import dataclass

import numpy as np

from warpmarks.datasets.synthetic.anatomy import Creature, Material, Solid
from warpmarks.datasets.synthetic.draws import Draws
from warpmarks.datasets.synthetic.geometry import SpatialPose, ellipsoid, rotation
from warpmarks.datasets.synthetic.proportions import draw_creature
from warpmarks.datasets.synthetic.visible_surface import depth_at

# How far below the surface, in head units, a point still counts as seen: one sees the tip of an ear
# even where its outermost point has just turned over the horizon.
SKIN = 0.06


@dataclass(frozen=True)
class Scene:
    """Everything in the camera's frame; ``head`` leads there from the creature's own."""

    creature: Creature
    head: SpatialPose
    solids: list[Solid]
    points: np.ndarray

    @property
    def visible(self) -> np.ndarray:
        """Which points lie inside the picture with nothing in front of them."""
        inside = (np.abs(self.points[:, :2]) < 1).all(axis=1)
        x, y, z = self.points.T
        return inside & (depth_at(self.solids, x, y) < z + SKIN * self.head.scale)


def draw_scene(draws: Draws) -> Scene:
    """A creature, turned and framed like a detected face: filling it, not quite centred."""
    creature = draw_creature(draws)
    turn = rotation(yaw=draws.around(0, 38), pitch=draws.around(0, 24), roll=draws.around(0, 18))
    head = _frame(draws, creature, turn)
    solids = [solid.placed(head) for solid in creature.solids] + _draw_body(draws, head)
    points = np.array([head(point) for point in creature.points])
    return Scene(creature, head, solids, points)


def _frame(draws: Draws, creature: Creature, turn: np.ndarray) -> SpatialPose:
    upright = SpatialPose(turn, 1.0, np.zeros(3))
    points = np.array([upright(point) for point in creature.points])[:, :2]
    flesh = [
        part.placed(upright)
        for solid in creature.solids
        if solid.material in (Material.FLESH, Material.MUZZLE)
        for part in solid.parts
    ]
    low = np.min(
        [points.min(axis=0), *(part.centre[:2] - part.reach[:2] for part in flesh)], axis=0
    )
    high = np.max(
        [points.max(axis=0), *(part.centre[:2] + part.reach[:2] for part in flesh)], axis=0
    )
    scale = draws.uniform(1.25, 1.5) / max(high - low)
    shift = np.array([draws.around(0, 0.14), draws.around(-0.02, 0.14)])
    return SpatialPose(turn, scale, np.append(shift - scale * (low + high) / 2, 0.0))


def _draw_body(draws: Draws, head: SpatialPose) -> list[Solid]:
    """Neck and shoulders, which do not follow the head's turn; a collar now and then."""
    lean = draws.around(0, 0.3)
    nape = head(np.array([0.0, 0.45, -0.35]))
    thick, broad = draws.uniform(0.48, 0.68), draws.uniform(1.0, 1.45)
    neck = nape + head.scale * np.array([0.3 * lean, 0.6, -0.1])
    chest = nape + head.scale * np.array([lean, 1.75, -0.2])
    solids = [
        Solid(Material.BODY, (ellipsoid(neck, _radii(head, thick, 0.95, thick)),)),
        Solid(Material.BODY, (ellipsoid(chest, _radii(head, broad, 0.95, 0.7)),)),
    ]
    if draws.chance(0.35):
        place = nape + head.scale * np.array([0.4 * lean, 0.82, -0.05])
        axes = rotation(pitch=12, roll=draws.around(0, 10))
        shape = ellipsoid(place, _radii(head, thick + 0.07, 0.12, thick + 0.07), axes)
        solids.append(Solid(Material.COLLAR, (shape,)))
    return solids


def _radii(head: SpatialPose, x: float, y: float, z: float) -> tuple[float, float, float]:
    return head.scale * x, head.scale * y, head.scale * z
