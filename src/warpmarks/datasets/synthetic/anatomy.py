"""What a creature consists of: solids of several materials, named points, a gaze and a mouth.

All lengths are in *head units*: the skull's radius is about 1 and its centre the origin. "Left" and
"right" are as seen in the picture.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property

import numpy as np

from warpmarks.datasets.synthetic.geometry import Ellipsoid, SpatialPose

POINT_NAMES = (
    "left eye",
    "right eye",
    "nose tip",
    "left mouth corner",
    "right mouth corner",
    "chin",
    "left ear tip",
    "right ear tip",
    "left ear base",
    "right ear base",
)
MIRROR_PAIRS = ((0, 1), (3, 4), (6, 7), (8, 9))
EYES = (0, 1)


class Material(IntEnum):
    """What a solid is made of, hence how it is painted. Flesh solids melt into each other."""

    FLESH = 0
    MUZZLE = 1
    BODY = 2
    EYE = 3
    NOSE = 4
    EAR = 5
    HORN = 6
    HAIR = 7
    COLLAR = 8
    TONGUE = 9


@dataclass(frozen=True)
class Solid:
    """One ellipsoid, or the intersection of two (a leaf)."""

    material: Material
    parts: tuple[Ellipsoid, ...]

    @cached_property
    def box(self) -> tuple[list[float], list[float]]:
        """The lowest and the highest x, y and z of a box around it."""
        sides = [(part.centre - part.reach, part.centre + part.reach) for part in self.parts]
        low, high = sides[0]
        for next_low, next_high in sides[1:]:
            low, high = np.maximum(low, next_low), np.minimum(high, next_high)
        return low.tolist(), high.tolist()

    def placed(self, pose: SpatialPose) -> "Solid":
        """The same solid in the camera's frame."""
        return Solid(self.material, tuple(part.placed(pose) for part in self.parts))


@dataclass(frozen=True)
class Mouth:
    """The line y = height - smile * x^2, |x| <= extent, in the unit coordinates of the muzzle."""

    height: float
    smile: float
    extent: float


@dataclass(frozen=True)
class Creature:
    """A head in its own frame: solids, named points (in the order of POINT_NAMES) and mouth."""

    solids: list[Solid] = field(repr=False)
    points: np.ndarray
    gaze: np.ndarray
    mouth: Mouth
