import threading
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from warpmarks.training.next_step import Ahead
from warpmarks.training.step import BatchMaker
from warpmarks.warps import ThinPlateSpline, WarpPair, control_grid


def test_the_next_step_is_made_while_this_one_is_computed():
    made, both = [], threading.Event()

    def make(step):
        made.append((step, threading.current_thread() is threading.main_thread()))
        if step == 8:
            both.set()
        return 10 * step

    ahead = Ahead(make)
    assert ahead(7) == 70
    assert both.wait(10)
    assert made == [(7, False), (8, False)]
    assert ahead(8) == 80


@pytest.mark.parametrize("steps", [(0, 1, 2), (5, 5, 6), (4, 9, 3)])
def test_steps_in_any_order_are_the_same(steps):
    ahead = Ahead(lambda step: step**2)
    assert [ahead(step) for step in steps] == [step**2 for step in steps]


def test_an_error_reaches_whoever_asks():
    def make(step):
        if step == 1:
            raise KeyError(step)
        return step

    ahead = Ahead(make)
    assert ahead(0) == 0
    with pytest.raises(KeyError):
        ahead(1)


@dataclass(frozen=True)
class Drawn:
    pictures: torch.Tensor
    warps: WarpPair
    colours: torch.Tensor | None
    weight: float


def test_a_device_is_given_pinned_memory_and_splines_in_float32(monkeypatch):
    """As if there were a GPU: all tensors, and of splines what is as precise as it samples."""
    pinned: list[Any] = []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda part: pinned.append(part) or part)
    batches = object.__new__(BatchMaker)
    batches.device = torch.device("cuda")
    grid = control_grid(3, 4)
    first, second = (ThinPlateSpline.fit(grid, scale * grid[None]) for scale in (2, 3))
    drawn = Drawn(torch.arange(3), WarpPair(first, second), None, 0.5)
    found = batches.ahead(lambda step: drawn)(0)
    assert (found.colours, found.weight) == (None, 0.5)
    splines = [found.warps.first, found.warps.second]
    parts = [part for warp in splines for part in (warp.controls, warp.weights, warp.affine)]
    assert {part.dtype for part in parts} == {torch.float32}
    assert all(any(part is one for one in pinned) for part in [found.pictures, *parts])
    torch.testing.assert_close(found.warps.second(grid[None].float()), 3 * grid[None].float())
    assert found.pictures.tolist() == [0, 1, 2]
