"""Copies of an object, each moved a little, in all of which a detector looks for its landmarks.

What a network finds hangs a little on where the cells of its maps lie on the object, and at which
angle and size it is sampled. The mean of what it finds in several copies, each taken back, hangs on
these less (test-time augmentation).
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from warpmarks.warps.pose import Pose

SHIFT = 0.7
"""Of each copy, in cells of the score maps."""

TURN, SIZE = 0.28, 0.14
"""The largest angle, in radians, and logarithm of the size; a copy that has the one lacks the
other."""

PHASE = math.pi / 4
"""Of turns and sizes against shifts: two copies differ in both."""


def copies_around(count: int, *, cell: float, unit: Float[Tensor, " 2"]) -> Pose:
    """Where copies lie, evenly around the object as it lies: a batch of as many.

    Shifts, angles and logarithms of sizes each sum to nothing.

    Args:
        count: from 1; one is the object as it lies.
        cell: side of a cell, in lengths of ``unit``.
        unit: see `warpmarks.warps.pose.Pose`.
    """
    if count == 1:
        return Pose(unit.new_tensor([[1.0, 0.0]]), unit.new_zeros(1, 2), unit)
    around = 2 * math.pi / count * (torch.arange(count, device=unit.device) + 0.5)
    angle, size = (unit.new_tensor([TURN, SIZE]) * _towards(around + PHASE)).unbind(-1)
    return Pose(size.exp()[:, None] * _towards(angle), SHIFT * cell * _towards(around), unit)


def _towards(angle: Float[Tensor, " count"]) -> Float[Tensor, "count 2"]:
    return torch.stack([angle.cos(), angle.sin()], dim=-1)
