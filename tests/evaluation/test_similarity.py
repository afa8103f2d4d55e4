import numpy as np
import pytest
from numpy.random import default_rng
from numpy.testing import assert_allclose

from warpmarks.evaluation.similarity import nearest_similarity

SHAPE = default_rng(0).normal([3, -2], [2.0, 0.5], (7, 2))
TARGET = default_rng(1).normal([-5, 1], [0.4, 1.5], (7, 2))


def test_it_is_the_least_squares_solution():
    weights = default_rng(2).uniform(0, 1, 7)
    # u = a x - b y + c, v = b x + a y + d, in one system of the unknowns a, b, c, d.
    rows, wanted = [], []
    for (x, y), (u, v), weight in zip(SHAPE, TARGET, weights, strict=True):
        rows += [
            np.sqrt(weight) * np.array([x, -y, 1, 0]),
            np.sqrt(weight) * np.array([y, x, 0, 1]),
        ]
        wanted += [np.sqrt(weight) * u, np.sqrt(weight) * v]
    a, b, c, d = np.linalg.lstsq(np.array(rows), np.array(wanted), rcond=None)[0]
    others = default_rng(3).normal(size=(4, 2))
    expected = [[a * x - b * y + c, b * x + a * y + d] for x, y in others]
    assert_allclose(nearest_similarity(SHAPE, TARGET, weights)(others), expected)


def test_the_inverse_leads_back():
    there = nearest_similarity(SHAPE, TARGET, np.ones(7))
    assert_allclose(there.inverse()(there(SHAPE)), SHAPE)


@pytest.mark.parametrize("weights", [np.ones(7), np.zeros(7)])
@pytest.mark.parametrize("collapsed", ["shape", "target", "both"])
def test_without_an_extent_it_shifts(weights, collapsed):
    shape = np.full((7, 2), 4.0) if collapsed != "target" else SHAPE
    target = np.full((7, 2), -1.0) if collapsed != "shape" else TARGET
    similarity = nearest_similarity(shape, target, weights)
    shift = target.mean(axis=0) - shape.mean(axis=0)
    assert_allclose(similarity(SHAPE), SHAPE + shift)
