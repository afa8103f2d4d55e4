import numpy as np
from numpy.random import default_rng
from numpy.testing import assert_allclose

from warpmarks.evaluation.landmark_shape import procrustes_mean, robust_trust
from warpmarks.evaluation.similarity import nearest_similarity

SHAPE = default_rng(0).uniform([-0.6, -0.3], [0.5, 0.8], (8, 2))
ONES = np.ones((40, 8))


def turned(seed: int = 1, spread: float = 1.0) -> np.ndarray:
    generator = default_rng(seed)
    angles = spread * generator.normal(0, 0.8, 40)
    sizes = np.exp(spread * generator.normal(0, 0.3, 40))
    turns = [[[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]] for a in angles]
    return sizes[:, None, None] * (SHAPE @ np.array(turns)) + generator.normal(0, 0.2, (40, 1, 2))


def size(shape: np.ndarray) -> float:
    return np.sqrt(((shape - shape.mean(axis=0)) ** 2).sum(axis=1).mean())


def test_turned_copies_of_a_shape_have_that_shape_as_their_mean():
    shapes = turned()
    mean = procrustes_mean(shapes, ONES)
    onto = nearest_similarity(SHAPE, mean, np.ones(8))(SHAPE)
    assert_allclose(mean, onto, atol=1e-6)
    assert_allclose(size(mean), np.mean([size(shape) for shape in shapes]))
    assert_allclose(mean.mean(axis=0), shapes.mean(axis=(0, 1)), atol=1e-9)
    plain = shapes.mean(axis=0)
    assert size(plain) < 0.85 * size(mean)
    # It is turned as the plain mean is.
    turn = nearest_similarity(plain, mean, np.ones(8)).turn
    assert abs(np.angle(turn)) < 1e-6


def test_what_is_not_trusted_does_not_move_the_mean():
    shapes, trust = turned(), ONES.copy()
    expected = procrustes_mean(shapes, trust)
    shapes[::2, 3] += 5
    trust[::2, 3] = 0
    found = procrustes_mean(shapes, trust)
    onto = nearest_similarity(SHAPE, found, np.ones(8))(SHAPE)
    assert_allclose(found, onto, atol=1e-6)
    assert np.abs(found - expected).max() < 0.1


def test_the_mean_of_equal_shapes_is_that_shape_however_its_points_are_trusted():
    trust = np.where(np.abs(SHAPE).max(axis=1) > 0.4, 0.1, 1.0) * ONES
    found = procrustes_mean(np.broadcast_to(SHAPE, (40, 8, 2)), trust)
    assert_allclose(found, SHAPE, atol=1e-9)


def test_landmarks_that_do_not_fit_the_others_are_not_trusted():
    shapes = turned() + default_rng(5).normal(0, 0.01, (40, 8, 2))
    shapes[7, 2] += [0.3, -0.2]
    shapes[9, 5] -= [0.0, 0.4]
    scores = default_rng(6).uniform(0.5, 1, (40, 8))
    trust = robust_trust(SHAPE, shapes, scores)
    share = trust / scores
    assert share[7, 2] < 0.02
    assert share[9, 5] < 0.02
    share[[7, 9], [2, 5]] = np.nan
    assert np.nanmedian(share) > 0.6
    assert (trust <= scores).all()


def test_shapes_without_extent_do_no_harm():
    collapsed = np.full((5, 3, 2), 0.25)
    mean = procrustes_mean(collapsed, np.ones((5, 3)))
    assert_allclose(mean, collapsed[0])
    assert np.isfinite(robust_trust(mean, collapsed, np.zeros((5, 3)))).all()
