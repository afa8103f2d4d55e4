import numpy as np
import pytest
from numpy.random import default_rng
from numpy.testing import assert_allclose
from scipy.spatial import procrustes

from warpmarks.regression.interpolation import (
    NOISE,
    NOISES,
    Interpolation,
    choose_noise,
    mean_landmarks,
    places_on,
)

SHAPE = default_rng(0).normal([0.2, -0.1], [0.5, 0.3], (12, 2))
PLACES = default_rng(1).normal([0.2, -0.1], 0.3, (7, 2))
MET = [0.3, -0.7]
"""Landmarks that meet here are not quite at their mean, as it is rounded."""


def turned(shape, degrees, scale, shift):
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return scale * shape @ turn + shift


def slow_weights(shape, place, noise):
    """Minimise the expected squared error over a with sum 1, by its Lagrange conditions."""
    size = np.sqrt(((shape - shape.mean(0)) ** 2).sum(1).mean())
    nodes, q = (shape - shape.mean(0)) / size, (place - shape.mean(0)) / size

    def covariance(p, r):
        return 100 * p @ r - np.linalg.norm(p - r)

    count = len(nodes)
    system = np.zeros((count + 1, count + 1))
    right = np.ones(count + 1)
    for k in range(count):
        right[k] = covariance(q, nodes[k])
        system[k, count] = system[count, k] = 1
        for other in range(count):
            system[k, other] = covariance(nodes[k], nodes[other]) + noise * (k == other)
    return np.linalg.lstsq(system, right, rcond=None)[0][:count]


@pytest.mark.parametrize("noise", [0.01, 1.0])
def test_weights_are_those_of_a_slow_solution(noise):
    weights = Interpolation.between(SHAPE, noise).weights(PLACES)
    for place, row in zip(PLACES, weights, strict=True):
        assert_allclose(row, slow_weights(SHAPE, place, noise), atol=1e-8)
    assert_allclose(weights.sum(axis=1), 1)


def test_without_noise_a_landmark_is_itself():
    assert_allclose(Interpolation.between(SHAPE, 1e-9).weights(SHAPE), np.eye(12), atol=1e-6)


@pytest.mark.parametrize(("degrees", "scale", "shift"), [(0, 1, (3, 4)), (40, 1.5, (0.3, -2))])
def test_points_move_with_the_object(degrees, scale, shift):
    weights = Interpolation.between(SHAPE, 1.0).weights(PLACES)
    moved = weights @ turned(SHAPE, degrees, scale, shift)
    assert_allclose(moved, turned(PLACES, degrees, scale, shift), atol=0.02)
    # Exactly as the points that it says of the shape itself:
    assert_allclose(moved, turned(weights @ SHAPE, degrees, scale, shift))


def test_places_come_back_from_images_turned_and_bent():
    images = np.stack([turned(SHAPE, 25, 1.4, (1, 2)), turned(SHAPE, -70, 0.5, (0, 0))])
    points = np.stack([turned(PLACES, 25, 1.4, (1, 2)), turned(PLACES, -70, 0.5, (0, 0))])
    points[1, 2] = np.nan
    places = places_on(SHAPE, images, points, 0.1)
    assert np.isnan(places[1, 2]).all()
    places[1, 2] = PLACES[2]
    assert_allclose(places, np.stack([PLACES, PLACES]), atol=0.01)
    bent = SHAPE + 0.05 * default_rng(2).normal(size=SHAPE.shape)
    for point in range(len(PLACES)):
        own = places_on(SHAPE, bent[None], PLACES[None, point : point + 1], 0.3)[0, 0]
        assert_allclose(own, slow_weights(bent, PLACES[point], 0.3) @ SHAPE, atol=1e-8)


def test_the_noise_is_that_by_which_landmarks_tell_each_other():
    generator = default_rng(3)
    images = SHAPE + generator.normal(0, 0.1, (20, 12, 2)).cumsum(axis=1) * 0.2
    chosen = choose_noise(SHAPE, images)

    def error(noise):
        lengths = []
        for k in range(12):
            others = np.delete(np.arange(12), k)
            # in the frame of the whole shape, as the noise is a share of its size
            size = np.sqrt(((SHAPE - SHAPE.mean(0)) ** 2).sum(1).mean())
            about = (SHAPE - SHAPE.mean(0)) / size
            system = np.ones((12, 12))
            apart = np.linalg.norm(about[others][:, None] - about[others], axis=-1)
            system[:-1, :-1] = 100 * about[others] @ about[others].T - apart + noise * np.eye(11)
            system[-1, -1] = 0
            right = np.append(
                100 * about[others] @ about[k] - np.linalg.norm(about[others] - about[k], axis=1), 1
            )
            weights = np.linalg.solve(system, right)[:-1]
            lengths.append(np.linalg.norm(images[:, k] - weights @ images[:, others], axis=-1))
        return np.mean(lengths)

    assert chosen == min(NOISES, key=error)
    assert choose_noise(SHAPE, images[:1]) == NOISE


def test_the_mean_shape_is_that_of_procrustes_whatever_the_turns():
    generator = default_rng(4)
    images = np.stack(
        [
            turned(
                SHAPE + generator.normal(0, 0.03, SHAPE.shape),
                generator.uniform(-180, 180),
                generator.uniform(0.5, 2),
                generator.normal(0, 1, 2),
            )
            for _ in range(40)
        ]
    )
    mean = mean_landmarks(images)
    assert procrustes(SHAPE, mean)[2] < 1e-3
    # Full Procrustes distances to all images are least there (Dryden and Mardia 2016).
    about = sum(procrustes(mean, image)[2] for image in images)
    for _ in range(5):
        other = mean + generator.normal(0, 0.01, mean.shape)
        assert sum(procrustes(other, image)[2] for image in images) > about
    assert_allclose(mean.mean(axis=0), images.mean(axis=(0, 1)))
    sizes = [np.linalg.norm(image - image.mean(0)) for image in images]
    assert np.linalg.norm(mean - mean.mean(0)) == pytest.approx(np.mean(sizes))
    # A larger image counts for no more than a smaller one, and one without a shape for nothing.
    larger = images * np.linspace(0.2, 5, 40)[:, None, None]
    assert procrustes(mean, mean_landmarks(larger))[2] < 1e-12
    begun = mean_landmarks(np.concatenate([np.full((1, 12, 2), MET), images]))
    assert procrustes(mean, begun)[2] < 1e-12
    assert np.linalg.norm(begun - begun.mean(0)) == pytest.approx(np.sum(sizes) / 41)


def test_where_all_landmarks_meet_every_point_is_in_the_middle():
    met = np.full((1, 12, 2), MET)
    places = places_on(SHAPE, met, PLACES[None], 0.1)
    assert_allclose(places, np.broadcast_to(SHAPE.mean(axis=0), (1, 7, 2)))


def test_one_image_is_its_own_mean():
    assert_allclose(mean_landmarks(SHAPE[None]), SHAPE)


@pytest.mark.parametrize("count", [1, 2, 3, 12])
def test_few_landmarks_and_landmarks_at_one_place_still_have_weights(count):
    shape = np.full((count, 2), MET)
    weights = Interpolation.between(shape, NOISE).weights(PLACES)
    assert_allclose(weights, np.full((7, count), 1 / count))
