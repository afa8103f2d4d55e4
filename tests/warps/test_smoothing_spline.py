import numpy as np
import pytest
import torch
from numpy.random import default_rng
from scipy.interpolate import RBFInterpolator
from torch.testing import assert_close

from warpmarks.warps.smoothing_spline import smoothing_solver
from warpmarks.warps.thin_plate_spline import spline_terms

CONTROLS = default_rng(0).uniform([-1, -0.4], [1, 0.7], (9, 2))
TARGETS = CONTROLS @ [[0.9, 0.3], [-0.2, 1.1]] + default_rng(1).normal(0, 0.1, (9, 2))
POINTS = default_rng(2).uniform(-1.2, 1.2, (30, 2))


def values(controls, trust, stiffness, targets=TARGETS, points=POINTS):
    controls = torch.from_numpy(controls)
    solution = smoothing_solver(controls, torch.from_numpy(trust), stiffness)
    terms = spline_terms(torch.from_numpy(points), controls)
    return terms @ solution @ torch.from_numpy(targets)


@pytest.mark.parametrize("stiffness", [1e-3, 0.05, 2.0])
def test_it_is_the_smoothing_spline_of_scipy(stiffness):
    trust = default_rng(3).uniform(0.2, 1, 9)
    oracle = RBFInterpolator(
        CONTROLS, TARGETS, smoothing=stiffness / trust, kernel="thin_plate_spline", degree=1
    )
    assert_close(values(CONTROLS, trust, stiffness), torch.from_numpy(oracle(POINTS)))


def test_it_is_solved_in_double_precision_whatever_comes_in():
    controls, trust = torch.from_numpy(CONTROLS).float(), torch.linspace(0.3, 1, 9)
    expected = smoothing_solver(controls.double(), trust.double(), 0.05)
    assert torch.equal(smoothing_solver(controls, trust, 0.05), expected)


def test_what_is_not_trusted_is_passed_over():
    trust = np.ones(9)
    trust[4] = 0
    others = np.arange(9) != 4
    expected = values(CONTROLS[others], trust[others], 0.05, TARGETS[others])
    assert_close(values(CONTROLS, trust, 0.05), expected, atol=1e-4, rtol=0)


def test_stiff_splines_are_affine():
    ones = np.column_stack([np.ones(9), CONTROLS])
    affine = np.linalg.lstsq(ones, TARGETS, rcond=None)[0]
    expected = torch.from_numpy(np.column_stack([np.ones(30), POINTS]) @ affine)
    assert_close(values(CONTROLS, np.ones(9), 1e4), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_controls_on_a_line_and_at_one_place_do_no_harm(count):
    controls = np.outer(np.linspace(-0.5, 0.5, count), [1.0, 0.5])
    on_a_line = values(controls, np.ones(count), 0.02, np.zeros((count, 2)))
    assert_close(on_a_line, torch.zeros(30, 2, dtype=torch.float64))
    at_one_place = values(np.full((count, 2), 0.3), np.ones(count), 0.02, np.full((count, 2), 0.1))
    assert at_one_place.isfinite().all()
    assert at_one_place.abs().max() < 1
