import numpy as np
import pytest
from numpy.random import default_rng
from numpy.testing import assert_allclose
from sklearn.linear_model import Ridge

from warpmarks.regression.centres import centres
from warpmarks.regression.choice import mean_distance
from warpmarks.regression.geometric import NO_FREE_PART, fit_geometric
from warpmarks.regression.interpolation import (
    NOISE,
    Interpolation,
    choose_noise,
    mean_landmarks,
    places_on,
)
from warpmarks.regression.least_distance import fit_linear


def made(count, *, bend=0.05, noise=0.02, seed=0):
    """Six landmarks on a shape that is turned, moved and bent; four points between them."""
    generator = default_rng(seed)
    shape = default_rng(9).normal(0, 0.4, (6, 2))
    mix = default_rng(8).dirichlet(np.full(6, 0.6), 4)
    angles = generator.normal(0, 0.3, count)
    turns = np.stack([[np.cos(angles), np.sin(angles)], [-np.sin(angles), np.cos(angles)]])
    shapes = shape + generator.normal(0, bend, (count, 6, 2))
    landmarks = shapes @ turns.transpose(2, 0, 1) + generator.normal(0, 0.1, (count, 1, 2))
    points = np.einsum("pk,nkc->npc", mix, landmarks)
    return landmarks, points + generator.normal(0, noise, points.shape)


def beyond_geometry(landmarks):
    """What points are pulled by beside what they lie between, so that there is a free part."""
    pull = default_rng(7).normal(0, 0.5, (4, 6))
    return np.einsum("pk,...kc->...pc", pull, landmarks)


def slow_fit(landmarks, points, shape, noise, alpha, *, bias=False):
    """Both parts of one point on images that show it, the second by scikit-learn."""
    place = centres(places_on(shape, landmarks, points, noise))
    a = Interpolation.between(shape, noise).weights(place)
    rest = points - np.einsum("pk,nkc->npc", a, landmarks)
    inputs = landmarks.reshape(len(landmarks), -1)
    free = Ridge(alpha=alpha, fit_intercept=bias, solver="svd")
    free.fit(inputs, rest.reshape(len(rest), -1))

    def predict(image):
        said = free.predict(image.reshape(1, -1)).reshape(-1, 2)
        return np.einsum("pk,kc->pc", a, image) + said

    return predict


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("hidden", [False, True])
def test_the_map_and_its_left_out_errors_are_those_of_refitting(bias, hidden):
    landmarks, points = made(9)
    if hidden:
        points[[1, 4], 2] = np.nan
    fit = fit_geometric(landmarks, points, bias=bias)
    shape, noise = mean_landmarks(landmarks), fit.chosen["noise"]
    assert noise == choose_noise(shape, landmarks) != NOISE
    alpha = fit.chosen["ridge"] * (landmarks.reshape(9, -1) ** 2).sum(1).mean()
    ours = landmarks.reshape(9, -1) @ fit.weights.T + fit.offset
    for point in range(4):
        shown = np.flatnonzero(np.isfinite(points[:, point, 0]))
        one = points[:, point : point + 1]
        whole = slow_fit(landmarks[shown], one[shown], shape, noise, alpha, bias=bias)
        for image in range(9):
            expected = whole(landmarks[image])[0]
            assert_allclose(ours[image].reshape(-1, 2)[point], expected, atol=1e-8)
            if image not in shown:
                assert np.isnan(fit.errors[image, point]).all()
                continue
            others = shown[shown != image]
            without = slow_fit(landmarks[others], one[others], shape, noise, alpha, bias=bias)
            error = points[image, point] - without(landmarks[image])[0]
            assert_allclose(fit.errors[image, point], error, atol=1e-8)


def test_copies_are_fitted_on_and_left_out_with_their_image():
    landmarks, points = made(7)
    generator = default_rng(1)
    copies_x = landmarks[:, None] + generator.normal(0, 0.05, (7, 4, 6, 2))
    copies_y = points[:, None] + generator.normal(0, 0.05, (7, 4, 4, 2))
    points, copies_y = points + beyond_geometry(landmarks), copies_y + beyond_geometry(copies_x)
    fit = fit_geometric(landmarks, points, bias=False, copies=(copies_x, copies_y))
    assert fit.chosen["ridge"] < NO_FREE_PART
    shape, noise = mean_landmarks(landmarks), fit.chosen["noise"]
    alpha = fit.chosen["ridge"] * (landmarks.reshape(7, -1) ** 2).sum(1).mean()
    rows_x = np.concatenate([landmarks[:, None], copies_x], axis=1)
    rows_y = np.concatenate([points[:, None], copies_y], axis=1)

    def said(on, image):
        place = centres(places_on(shape, landmarks[on], points[on], noise))
        a = Interpolation.between(shape, noise).weights(place)
        x, y = rows_x[on].reshape(-1, 6, 2), rows_y[on].reshape(-1, 4, 2)
        rest = (y - np.einsum("pk,nkc->npc", a, x)).reshape(len(y), -1)
        free = Ridge(alpha=alpha, fit_intercept=False, solver="svd").fit(
            x.reshape(len(x), -1), rest
        )
        return a @ landmarks[image] + free.predict(landmarks[image].reshape(1, -1)).reshape(-1, 2)

    for image in range(7):
        whole = (fit.weights @ landmarks[image].ravel()).reshape(-1, 2)
        assert_allclose(whole, said(np.arange(7), image), atol=1e-8)
        others = np.delete(np.arange(7), image)
        assert_allclose(fit.errors[image], points[image] - said(others, image), atol=1e-8)


@pytest.mark.parametrize("known", [4, 3])
def test_images_in_the_mirror_are_images_too_and_left_out_with_their_own(known):
    """Where one point's partner is not known, the free part is of the images alone."""
    landmarks, points = made(6)
    mirrored_x, mirrored_y = made(6, seed=1)
    points += beyond_geometry(landmarks)
    mirrored_y += beyond_geometry(mirrored_x)
    mirrored_y[:, known:] = np.nan
    fit = fit_geometric(landmarks, points, bias=False, mirrored=(mirrored_x, mirrored_y))
    assert fit.chosen["ridge"] < NO_FREE_PART
    shape = mean_landmarks(np.concatenate([landmarks, mirrored_x]))
    noise = fit.chosen["noise"]
    alpha = fit.chosen["ridge"] * (landmarks.reshape(6, -1) ** 2).sum(1).mean()

    def said(on, image):
        x, y = np.concatenate([landmarks[on], mirrored_x[on]]), [*points[on], *mirrored_y[on]]
        a = Interpolation.between(shape, noise).weights(
            centres(places_on(shape, x, np.stack(y), noise))
        )
        if known == 4:
            rows_x, rows_y = x, np.stack(y)
        else:
            rows_x, rows_y = landmarks[on], points[on]
        rest = (rows_y - np.einsum("pk,nkc->npc", a, rows_x)).reshape(len(rows_x), -1)
        free = Ridge(alpha=alpha, fit_intercept=False, solver="svd")
        free.fit(rows_x.reshape(len(rows_x), -1), rest)
        return a @ landmarks[image] + free.predict(landmarks[image].reshape(1, -1)).reshape(-1, 2)

    for image in range(6):
        whole = (fit.weights @ landmarks[image].ravel()).reshape(-1, 2)
        assert_allclose(whole, said(np.arange(6), image), atol=1e-8)
        others = np.delete(np.arange(6), image)
        assert_allclose(fit.errors[image], points[image] - said(others, image), atol=1e-8)


def test_an_image_whose_landmarks_went_wrong_hardly_moves_the_places():
    landmarks, points = made(60, bend=0.02)
    wrong = landmarks[:5].copy()
    wrong[2] = -wrong[2]
    errors = []
    for shown in (landmarks[:5], wrong):
        weights = fit_geometric(shown, points[:5], bias=False).weights
        said = (landmarks[5:].reshape(55, -1) @ weights.T).reshape(-1, 4, 2)
        errors.append(mean_distance(points[5:] - said))
    assert errors[1] < 1.3 * errors[0]


def test_one_image_moves_its_points_with_the_landmarks():
    landmarks, points = made(30, bend=0.02, noise=0.0)
    fit = fit_geometric(landmarks[:1], points[:1], bias=False)
    assert np.isnan(fit.errors).all()
    assert fit.chosen["ridge"] == NO_FREE_PART
    predicted = (landmarks.reshape(30, -1) @ fit.weights.T).reshape(points.shape)
    still = points[1:] - points[0]
    assert mean_distance(points[1:] - predicted[1:]) < 0.2 * mean_distance(still)


@pytest.mark.parametrize(("count", "better"), [(2, 0.7), (5, 0.9), (2000, 1.02)])
def test_few_images_are_better_told_than_by_the_plain_way_and_many_as_well(count, better):
    landmarks, points = made(3000, seed=5)
    errors = np.zeros(2)
    for first in range(0, 2000, max(200, count)):
        some, rest = slice(first, first + count), slice(2000, None)
        for way, fit in enumerate((fit_geometric, fit_linear)):
            weights = fit(landmarks[some], points[some], bias=False).weights
            said = (landmarks[rest].reshape(1000, -1) @ weights.T).reshape(-1, 4, 2)
            errors[way] += mean_distance(points[rest] - said)
    assert errors[0] < better * errors[1]


def test_two_images_choose_nothing():
    landmarks, points = made(3)
    chosen = fit_geometric(landmarks[:2], points[:2], bias=False).chosen
    assert chosen == {"noise": NOISE, "ridge": NO_FREE_PART}
    assert fit_geometric(landmarks, points, bias=False).chosen["noise"] != NOISE


def test_a_point_on_one_image_of_several_is_placed_by_it():
    landmarks, points = made(6, bend=0.01)
    points[1:, 3] = np.nan
    fit = fit_geometric(landmarks, points, bias=False)
    assert np.isnan(fit.errors[:, 3]).all()
    assert np.isfinite(fit.errors[:, :3]).all()
    assert np.isfinite(fit.weights).all()
