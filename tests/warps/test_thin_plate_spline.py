import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import RBFInterpolator
from torch.testing import assert_close
from torch.utils._python_dispatch import TorchDispatchMode

import reference
from warpmarks.errors import InputError
from warpmarks.warps import (
    RandomWarps,
    ThinPlateSpline,
    WarpRange,
    control_grid,
    spline_basis,
    spline_solver,
)
from warpmarks.warps.thin_plate_spline import spline_slopes, spline_terms


class Conversions(TorchDispatchMode):
    """What is asked for of copies that change something: precision, device."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[set[str]] = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        if function is torch.ops.aten._to_copy.default:
            given = args[0]
            changed = {name for name in ("dtype", "device") if self._differ(given, made, name)}
            self.asked.append(changed)
        return made

    @staticmethod
    def _differ(a: torch.Tensor, b: torch.Tensor, name: str) -> bool:
        return bool(getattr(a, name) != getattr(b, name))


few = settings(max_examples=10, deadline=None, derandomize=True, database=None)
DEFAULT = WarpRange(rotation=15, scale=0.15, translation=0.1, deformation=0.06)
WIDE = WarpRange(rotation=60, scale=0.5, translation=0.4, deformation=0.12)


def draw(seed: int, *shape: int) -> torch.Tensor:
    """Uniform in [-1, 1]."""
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.rand(*shape, dtype=torch.float64, generator=generator) - 1


def scattered_spline(seed: int, controls: int = 9, batch: int = 2) -> ThinPlateSpline:
    return ThinPlateSpline.fit(draw(seed, controls, 2), draw(seed + 1, batch, controls, 2))


def scipy_spline(controls: torch.Tensor, targets: torch.Tensor) -> RBFInterpolator:
    return RBFInterpolator(controls.numpy(), targets.numpy(), kernel="thin_plate_spline", degree=1)


@given(seed=st.integers(0, 10_000), controls=st.integers(4, 30))
@few
def test_equals_scipy_inside_and_outside_the_controls(seed, controls):
    where, targets = draw(seed, controls, 2), draw(seed + 1, 2, controls, 2)
    points = 3 * draw(seed + 2, 2, 40, 2)
    found = ThinPlateSpline.fit(where, targets)(points)
    for one in range(2):
        expected = scipy_spline(where, targets[one])(points[one].numpy())
        # Controls may come close to each other, and the spline then swings far.
        scale = max(1.0, float(np.abs(expected).max()))
        assert_close(found[one], torch.from_numpy(expected), rtol=0, atol=1e-9 * scale)


def test_equals_scipy_on_the_control_grid():
    controls = control_grid(4, 6)
    targets = controls + 0.2 * draw(0, 3, 24, 2)
    points = 1.5 * draw(1, 3, 50, 2)
    found = ThinPlateSpline.fit(controls, targets)(points)
    for one in range(3):
        expected = scipy_spline(controls, targets[one])(points[one].numpy())
        assert_close(found[one], torch.from_numpy(expected), rtol=0, atol=1e-9)


def test_equals_its_terms_summed_one_by_one():
    controls, targets, points = draw(0, 7, 2), draw(1, 1, 7, 2), 2 * draw(2, 1, 20, 2)
    expected = reference.spline(controls.numpy(), targets[0].numpy(), points[0].numpy())
    found = ThinPlateSpline.fit(controls, targets)(points)[0]
    assert_close(found, torch.from_numpy(expected), rtol=0, atol=1e-10)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_is_the_same_where_a_gradient_is_wanted(dtype):
    controls, targets = control_grid(4, 3).to(dtype), draw(0, 2, 12, 2).to(dtype)
    at_and_near = torch.cat([controls, controls + 1e-4]).expand(2, -1, -1)
    points = torch.cat([2 * draw(1, 2, 30, 2).to(dtype), at_and_near], dim=1)
    warp = ThinPlateSpline.fit(controls, targets)
    expected = warp(points.clone().requires_grad_())
    assert expected.requires_grad
    atol = 1e-5 if dtype == torch.float32 else 1e-10
    assert_close(warp(points), expected.detach(), rtol=0, atol=atol)


def test_goes_through_its_controls():
    controls, targets = draw(3, 9, 2), draw(4, 2, 9, 2)
    found = ThinPlateSpline.fit(controls, targets)(controls.expand(2, -1, -1))
    assert_close(found, targets, rtol=0, atol=1e-10)


def test_affine_targets_give_exactly_the_affine_map():
    matrix, shift = draw(5, 2, 2, 2), draw(6, 2, 1, 2)
    controls, points = control_grid(3, 5), 4 * draw(7, 2, 30, 2)
    warp = ThinPlateSpline.fit(controls, controls @ matrix + shift)
    assert_close(warp(points), points @ matrix + shift, rtol=0, atol=1e-10)
    assert warp.weights.abs().max() < 1e-10
    expected = matrix.transpose(-1, -2)[:, None].expand(-1, 30, -1, -1)
    assert_close(warp.jacobian(points), expected, rtol=0, atol=1e-10)
    assert_close(warp.inverse(warp(points), iterations=0), points, rtol=0, atol=1e-9)


def test_basis_times_targets_is_the_spline():
    controls, targets, points = draw(8, 9, 2), draw(9, 2, 9, 2), 2 * draw(10, 30, 2)
    expected = ThinPlateSpline.fit(controls, targets)(points.expand(2, -1, -1))
    assert_close(spline_basis(points, controls) @ targets, expected, rtol=0, atol=1e-9)


def test_basis_is_in_float64_whatever_comes_in():
    controls, points = control_grid(3, 4), draw(11, 5, 2)
    single = spline_basis(points.float(), controls.float())
    assert single.dtype == torch.float64
    assert_close(single, spline_basis(points, controls), rtol=0, atol=1e-5)


def test_a_solver_at_hand_is_taken_and_changes_nothing():
    controls, targets = draw(12, 9, 2), draw(13, 2, 9, 2)
    solver, solution = spline_solver(controls), ThinPlateSpline.fit(controls, targets).solution
    assert torch.equal(ThinPlateSpline.fit(controls, targets, solver).solution, solution)
    assert torch.equal(ThinPlateSpline.fit(controls, targets, 2 * solver).solution, 2 * solution)


def test_precision_is_that_of_the_targets_and_changes_on_request():
    """A spline through targets in single precision is solved in double precision and rounded."""
    controls, targets = draw(14, 9, 2), draw(15, 2, 9, 2).float()
    single, double = (ThinPlateSpline.fit(controls, to) for to in (targets, targets.double()))
    assert single(controls.float().expand(2, -1, -1)).dtype == torch.float32
    assert torch.equal(single.solution, double.solution.float())
    assert torch.equal(single.solution, double.to(targets).solution)


def test_a_part_of_the_batch():
    warp, points = scattered_spline(16, batch=4), draw(17, 4, 5, 2)
    assert_close(warp.part(slice(1, 3))(points[1:3]), warp(points)[1:3])


def test_jacobian_equals_autograd():
    warp, points = scattered_spline(18), 1.5 * draw(19, 2, 6, 2)
    found = warp.jacobian(points)
    for one in range(2):
        for index in range(6):
            expected = torch.autograd.functional.jacobian(
                lambda p, one=one: warp.part(slice(one, one + 1))(p[None, None])[0, 0],
                points[one, index],
            )
            assert_close(found[one, index], expected, rtol=0, atol=1e-9)


def test_slopes_are_those_of_the_terms_one_by_one():
    """In a spline's sum of them a term more of p - c falls out."""
    controls, points = draw(29, 7, 2), 1.5 * draw(30, 5, 2)
    found = spline_slopes(points, controls)
    for one, point in enumerate(points):
        expected = torch.autograd.functional.jacobian(
            lambda p: spline_terms(p[None], controls)[0], point
        )
        assert_close(found[one], expected.T, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_jacobian_and_gradient_at_a_control_are_finite_and_true(dtype):
    warp = scattered_spline(20)
    points = warp.controls[:3].expand(2, -1, -1)
    step = 1e-6
    columns = [
        (warp(points + offset) - warp(points - offset)) / (2 * step)
        for offset in step * torch.eye(2, dtype=torch.float64)
    ]
    expected = torch.stack(columns, dim=-1).to(dtype)
    warp, points = warp.to(expected), points.to(dtype)
    tolerance = {"rtol": 1e-4, "atol": 1e-4}
    assert_close(warp.jacobian(points), expected, **tolerance)
    points = points.clone().requires_grad_()
    warp(points).sum().backward()
    assert_close(points.grad, expected.sum(dim=-2), **tolerance)


def test_exact_gradients_in_points_and_targets():
    controls, targets, points = draw(21, 5, 2), draw(22, 2, 5, 2), draw(23, 2, 3, 2)
    assert torch.autograd.gradcheck(
        lambda t, p: ThinPlateSpline.fit(controls, t)(p),
        (targets.requires_grad_(), points.requires_grad_()),
    )


@pytest.mark.parametrize("aspect", [0.6, 1.7])
@pytest.mark.parametrize("warp_range", [DEFAULT, WIDE], ids=["default", "wide"])
def test_inverse_takes_back(warp_range, aspect):
    """Asked for: 0.1 px of 128; where the warp does not fold it is exact."""
    draws = RandomWarps(warp_range, aspect=aspect, controls=control_grid(5, 5))
    warp = draws.draw(12, torch.Generator().manual_seed(0))
    points = 0.98 * draw(24, 12, 200, 2)
    assert_close(warp.inverse(warp(points)), points, rtol=0, atol=1e-9)
    reachable = warp(points).clamp(-1, 1)
    assert_close(warp(warp.inverse(reachable)), reachable, rtol=0, atol=1e-9)


def test_inverse_of_strong_bends_wants_short_steps_and_enough_of_them():
    """Newton's own steps lose a few points in a thousand here; so do eight steps."""
    wild = WarpRange(rotation=30, scale=0.2, translation=0.1, deformation=0.15)
    draws = RandomWarps(wild, aspect=1.0, controls=control_grid(5, 5))
    warp = draws.draw(16, torch.Generator().manual_seed(0))
    points = 0.98 * draw(28, 16, 400, 2)
    assert_close(warp.inverse(warp(points)), points, rtol=0, atol=1e-9)


def test_inverse_works_in_any_frame():
    controls = 64 * (control_grid(4, 5) + 1)
    warp = ThinPlateSpline.fit(controls, controls.flip(1) + 5 * draw(25, 2, 20, 2))
    points = 64 * (draw(26, 2, 50, 2) + 1)
    assert_close(warp.inverse(warp(points)), points, rtol=0, atol=1e-7)


def test_a_step_of_the_inverse_is_at_most_a_quarter_of_the_longer_side_of_the_controls():
    controls = (control_grid(4, 5) + 3) * torch.tensor([64.0, 30.0])
    warp = ThinPlateSpline.fit(controls, controls + 25 * draw(31, 2, 20, 2))
    points = (draw(32, 2, 50, 2) + 3) * torch.tensor([64.0, 30.0])
    begun = warp.inverse(points, iterations=0)
    steps = (warp.inverse(points, iterations=1) - begun).norm(dim=-1)
    wanted = warp.inverse_step(begun, points).norm(dim=-1)
    assert 0 < (wanted > 32).sum() < 100
    assert_close(steps, wanted.clamp(max=32))


def test_the_inverse_has_no_gradient_and_a_step_from_there_has_it():
    draws = RandomWarps(DEFAULT, aspect=1.7, controls=control_grid(5, 5))
    warp = draws.draw(2, torch.Generator().manual_seed(0))
    wanted = (0.5 * draw(34, 2, 6, 2)).requires_grad_()
    found = warp.inverse(wanted)
    assert not found.requires_grad
    step = warp.inverse_step(found, wanted)
    assert_close(step, torch.zeros_like(step), rtol=0, atol=1e-9)
    step.sum().backward()
    assert_close(wanted.grad, warp.jacobian(found).inverse().sum(dim=-2))


def test_inverse_of_single_precision_is_that_of_double_precision_rounded():
    warp = scattered_spline(27).to(torch.zeros(1))
    points = 0.2 * draw(33, 2, 30, 2).float()
    assert torch.equal(warp.inverse(points), warp.inverse(points.double()).float())


@pytest.mark.parametrize(
    ("controls", "told"),
    [
        ([[0.0, 0.0], [1.0, 2.0]], "3 controls off one line"),
        ([[0.0, 0.5], [1.0, 2.5], [2.0, 4.5], [-1.0, -1.5]], "3 controls off one line"),
        ([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]], "controls apart"),
    ],
    ids=["two", "on a line", "twice the same"],
)
def test_controls_without_a_unique_spline_are_refused(controls, told):
    with pytest.raises(ValueError, match=re.escape(f"a spline needs {told}, got {controls}")):
        spline_solver(torch.tensor(controls, dtype=torch.float64))


def test_a_device_is_sent_numbers_as_they_are_and_converts_them() -> None:
    """A GPU fetches pinned numbers by itself; what the host has converted it must wait for."""
    spline = scattered_spline(3)
    with Conversions() as copies:
        there = spline.to(torch.empty(0, dtype=torch.float32, device="meta"))
    assert sorted(copies.asked, key=str) == 3 * [{"device"}] + 3 * [{"dtype"}]
    assert (there.weights.device.type, there.weights.dtype) == ("meta", torch.float32)
    near = spline.to(torch.empty(0))
    assert_close(near.affine, spline.affine.float(), rtol=0, atol=0)


GRID = control_grid(3, 4)
MISFITS = {
    "no batch": lambda: ThinPlateSpline.fit(GRID, GRID),
    "other controls": lambda: ThinPlateSpline.fit(GRID, draw(0, 2, 11, 2)),
    "whole numbers": lambda: ThinPlateSpline.fit(GRID, GRID[None].long()),
    "points of another dtype": lambda: ThinPlateSpline.fit(GRID, GRID[None])(GRID[None].float()),
    "points of no batch": lambda: ThinPlateSpline.fit(GRID, GRID[None])(GRID),
    "points of more batches": lambda: ThinPlateSpline.fit(GRID, GRID[None])(draw(0, 2, 5, 2)),
}


@pytest.mark.parametrize("fit", MISFITS.values(), ids=MISFITS)
@pytest.mark.usefixtures("no_type_checks")
def test_what_does_not_fit_is_told(fit):
    with pytest.raises(InputError, match="expected"):
        fit()
