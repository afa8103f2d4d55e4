import numpy as np
from numpy.random import default_rng
from numpy.testing import assert_allclose
from scipy.optimize import minimize

from warpmarks.regression.centres import centres, centres_without


def slow_centre(places):
    """By a general minimiser, of one point's places."""
    start = np.median(places, axis=0)
    scale = np.median(np.linalg.norm(places - start, axis=1))

    def cost(q):
        return np.sqrt(1 + (np.linalg.norm(places - q, axis=1) / scale) ** 2).sum()

    return minimize(cost, start, tol=1e-12).x


def made(count, seed=0):
    """Places of three points, of which every fifth is far off."""
    places = default_rng(seed).normal([[0, 1], [3, -1], [0.5, 0]], [0.1, 0.3], (count, 3, 2))
    places[::5] += default_rng(seed + 1).normal(0, 4, (len(places[::5]), 3, 2))
    return places


def test_the_middle_is_where_the_sum_is_least():
    """Of eleven places, of ten and of nine."""
    places = made(11)
    places[1, 1] = places[[1, 5], 2] = np.nan
    expected = [slow_centre(one[np.isfinite(one[:, 0])]) for one in places.transpose(1, 0, 2)]
    assert_allclose(centres(places), expected, atol=1e-5)


def test_of_one_place_it_is_that_and_of_two_the_mean():
    places = made(2)
    assert_allclose(centres(places[:1]), places[0])
    assert_allclose(centres(places), places.mean(axis=0), atol=1e-12)


def test_sets_of_places_have_a_middle_each_and_none_where_there_is_no_place():
    places = np.stack([made(7), made(7, seed=3)])
    places[1, :, 0] = np.nan
    found = centres(places)
    assert np.isnan(found[1, 0]).all()
    assert_allclose(found[0], centres(places[0]))
    assert_allclose(found[1, 1:], centres(places[1])[1:])


def test_places_far_off_pull_little():
    places = made(20)
    good = np.delete(places, np.s_[::5], axis=0)
    away, pulled = (
        np.linalg.norm(middle - good.mean(axis=0), axis=-1).mean()
        for middle in (centres(places), places.mean(axis=0))
    )
    assert away < 0.25 * pulled


def test_an_image_is_left_out_with_all_its_places():
    places = np.stack([made(6), made(6, seed=4)], axis=1)
    places[2, 1, 0] = np.nan
    found = centres_without(places)
    for image in range(6):
        others = np.delete(places, image, axis=0).reshape(-1, 3, 2)
        assert_allclose(found[image], centres(others), atol=1e-9)
    assert np.isnan(centres_without(places[:1])).all()
