import math

import pytest
import torch
from torch.testing import assert_close

from warpmarks.losses import view_unit
from warpmarks.warps.copies import PHASE, SHIFT, SIZE, TURN, copies_around

UNIT = view_unit(28, 40)
CELL = 4 / 28


def test_one_copy_is_the_object_as_it_lies():
    points = torch.tensor([[[0.3, -0.8], [0.123, 0.7]]])
    assert torch.equal(copies_around(1, cell=CELL, unit=torch.ones(2))(points), points)


@pytest.mark.parametrize("count", [2, 3, 4, 7])
def test_copies_are_turned_shifted_and_resized_by_as_much_on_every_side(count):
    around = copies_around(count, cell=CELL, unit=UNIT)
    assert around.turn.shape == around.shift.shape == (count, 2)
    assert around.turn.dtype == around.shift.dtype == UNIT.dtype
    for copy in range(count):
        along = 2 * math.pi * (copy + 0.5) / count
        x, y = around.shift[copy].tolist()
        assert (x, y) == pytest.approx(
            (SHIFT * CELL * math.cos(along), SHIFT * CELL * math.sin(along)), abs=1e-6
        )
        cos, sin = around.turn[copy].tolist()
        assert math.atan2(sin, cos) == pytest.approx(TURN * math.cos(along + PHASE), abs=1e-6)
        assert math.log(math.hypot(cos, sin)) == pytest.approx(
            SIZE * math.sin(along + PHASE), abs=1e-6
        )
    angles = torch.atan2(around.turn[:, 1], around.turn[:, 0])
    sizes = around.turn.norm(dim=-1).log()
    for values in (around.shift, angles, sizes):
        assert_close(values.sum(0), torch.zeros_like(values.sum(0)), atol=1e-6, rtol=0)
        assert values.abs().max() > 0.05


def test_copies_are_moved_as_far_as_the_docs_say():
    """By 0.7 cells of two pixels, of a view of 28 x 40, up to 16 degrees and 15 %."""
    around = copies_around(4, cell=CELL, unit=UNIT)
    pixels = around(torch.zeros(4, 1, 2))[:, 0] * torch.tensor([20.0, 14.0])
    assert_close(pixels.norm(dim=-1), torch.full((4,), 1.4))
    angles = torch.atan2(around.turn[:, 1], around.turn[:, 0]).rad2deg()
    assert angles.max().item() == pytest.approx(16, abs=0.1)
    assert around.turn.norm(dim=-1).max().item() == pytest.approx(1.15, abs=0.001)
