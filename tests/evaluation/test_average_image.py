import numpy as np
import pytest
import torch
from numpy.random import default_rng

from warpmarks.coordinates import pixel_centres, to_normalised
from warpmarks.evaluation import average_image as module
from warpmarks.evaluation.average_image import average_image

MARGIN = 0.1
PICTURE, VIEW = (50, 75), (40, 60)  # height, width
CORNERS = np.array([[-9.0, -7], [10, -6], [8, 9], [-11, 5], [0, 0], [3, -9]])


def scenes(count: int = 30, *, turn: float = 0.5) -> tuple[torch.Tensor, np.ndarray]:
    """A bright patch with dark corners that lies, turned, somewhere in each view; its corners."""
    generator = default_rng(0)
    y, x = np.mgrid[0 : PICTURE[0], 0 : PICTURE[1]].astype(float)
    pictures, places = [], []
    for _ in range(count):
        angle = turn * generator.uniform(-1, 1)
        matrix = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        centre = np.array([37.0, 24.5]) + generator.uniform(-7, 7, 2)
        corners = CORNERS @ matrix + centre
        pixels = np.full(PICTURE, 200.0)
        for corner in corners:
            pixels -= 160 * np.exp(-((x - corner[0]) ** 2 + (y - corner[1]) ** 2) / 6)
        pictures.append(np.repeat(pixels[..., None], 3, axis=-1).clip(0, 255).astype(np.uint8))
        places.append(corners - [7.5, 5])  # the view begins there
    normalised = to_normalised(torch.from_numpy(np.stack(places)), *VIEW).numpy()
    return torch.from_numpy(np.stack(pictures)), normalised


def darkest(image: np.ndarray, shape: np.ndarray) -> np.ndarray:
    columns, rows = np.rint(shape).astype(int).T
    return image[rows, columns].mean(axis=-1)


def average(pictures, landmarks, scores=None):
    scores = np.ones(landmarks.shape[:2]) if scores is None else scores
    return average_image(pictures, landmarks, scores, size=VIEW, margin=MARGIN)


def test_true_landmarks_make_the_average_as_sharp_as_one_picture():
    pictures, landmarks = scenes()
    found = average(pictures, landmarks)
    assert found.count == 30
    assert found.agreement > 0.95
    assert found.plain_agreement < 0.7
    assert darkest(found.aligned, found.shape).max() < 75
    assert darkest(found.plain, found.shape).min() > 120
    # The shape is the corners' own, not squeezed by the view's aspect.
    sides = np.linalg.norm(np.diff(found.shape, axis=0), axis=1)
    assert sides == pytest.approx(np.linalg.norm(np.diff(CORNERS, axis=0), axis=1), rel=0.02)


def test_the_plain_average_is_the_mean_of_the_views():
    pictures, landmarks = scenes(7)
    views = pictures.numpy()[:, 5:45, 7:67]
    # The view begins half a pixel further to the right: 7.5 of 75.
    expected = (views[:, :, :-1].astype(float) + views[:, :, 1:]).mean(axis=0) / 2
    plain = average(pictures, landmarks).plain
    assert np.abs(plain[:, :59] - expected).max() <= 0.501


def test_landmarks_that_are_nailed_change_nothing():
    pictures, landmarks = scenes()
    nailed = np.repeat(landmarks[:1], 30, axis=0)
    found = average(pictures, nailed)
    assert np.abs(found.aligned.astype(int) - found.plain).max() <= 1
    assert found.agreement == pytest.approx(found.plain_agreement, abs=1e-6)


def test_landmarks_at_random_places_do_not_bring_pictures_together():
    pictures, _ = scenes()
    wild = default_rng(1).uniform(-0.8, 0.8, (30, 6, 2))
    found = average(pictures, wild)
    assert found.agreement < found.plain_agreement


@pytest.mark.parametrize("told", ["by its score", "by the others"])
def test_a_bad_landmark_is_found_out(told, monkeypatch):
    pictures, landmarks = scenes()
    good = average(pictures, landmarks).agreement
    generator = default_rng(2)
    bad = landmarks.copy()
    scores = np.ones(bad.shape[:2])
    for image in range(0, 30, 3):
        which = generator.integers(6)
        bad[image, which] += generator.choice([-1, 1], 2) * 0.35
        if told == "by its score":
            scores[image, which] = 0
    found = average(pictures, bad, scores).agreement
    assert found > 0.97 * good
    if told == "by the others":
        monkeypatch.setattr(module, "robust_trust", lambda shape, points, scores: scores)
        assert average(pictures, bad, scores).agreement < found - 0.02


@pytest.mark.parametrize("count", [1, 2])
def test_few_landmarks_shift_and_turn(count):
    pictures, landmarks = scenes(turn=0.0 if count == 1 else 0.5)
    found = average(pictures, landmarks[:, :count])
    assert darkest(found.aligned, found.shape).max() < 75
    assert found.agreement > found.plain_agreement + 0.1


def test_the_warp_goes_through_trusted_landmarks():
    shape, targets = default_rng(3).uniform(-0.8, 0.8, (2, 12, 2))
    targets = shape @ [[0.8, 0.4], [-0.4, 0.8]] + 0.05 * targets
    terms = module.spline_terms(torch.from_numpy(shape), torch.from_numpy(shape))
    warped = module._warped(terms, shape, shape, targets, np.ones(12))
    assert np.abs(warped - targets).max() < 0.04
    exact = np.linalg.norm(warped - targets, axis=1).mean()
    monkey = np.linalg.norm(shape - targets, axis=1).mean()
    assert exact < 0.1 * monkey


@pytest.mark.parametrize("count", [1, 2])
def test_by_few_landmarks_the_warp_is_a_similarity_everywhere(count):
    shape = np.array([[0.5, -0.6], [0.2, 0.7]])[:count]
    targets = np.array([[0.3, 0.1], [-0.8, 0.4]])[:count]
    at = default_rng(4).uniform(-1, 1, (20, 2))
    terms = module.spline_terms(torch.from_numpy(at), torch.from_numpy(shape))
    s, t, p = (points @ [1, 1j] for points in (shape, targets, at))
    turn = (t[1] - t[0]) / (s[1] - s[0]) if count == 2 else 1
    warped = module._warped(terms, at, shape, targets, np.ones(count))
    np.testing.assert_allclose(warped @ [1, 1j], t[0] + turn * (p - s[0]), atol=1e-9)


@pytest.mark.parametrize("count", [2, 4])
def test_agreement_is_the_correlation_with_the_mean_of_the_others(count):
    pictures, landmarks = scenes(count)
    views = pictures.numpy()[:, 5:45, 7:68].mean(axis=-1)
    views = (views[:, :, :-1] + views[:, :, 1:]) / 2  # the view begins half a pixel further right
    correlations = []
    for index in range(count):
        others = np.delete(views, index, axis=0).mean(axis=0)
        correlations.append(np.corrcoef(views[index].ravel(), others.ravel())[0, 1])
    found = average(pictures, landmarks)
    assert found.plain_agreement == pytest.approx(np.mean(correlations), abs=1e-5)
    assert np.isnan(average(pictures[:1], landmarks[:1]).agreement)
    assert average(torch.zeros_like(pictures), landmarks).plain_agreement == 0


@pytest.mark.parametrize("shift", [(0.7, 0.0), (-0.7, 0.0), (0.0, 0.6), (0.0, -0.6)])
def test_only_pictures_that_reach_a_pixel_are_counted_there(shift):
    pictures, _ = scenes(2)
    pixels = pixel_centres(*VIEW, dtype=torch.float64).reshape(1, -1, 2)
    shifted = pixels + torch.tensor(shift)  # one side of the view lies outside the picture
    alone, both = module._Mean(VIEW), module._Mean(VIEW)
    alone.add(pictures[0], shifted, MARGIN)
    both.add(pictures[0], shifted, MARGIN)
    both.add(pictures[1], pixels, MARGIN)
    outside = (shifted.abs() > 1.25).any(dim=-1).reshape(VIEW).numpy()
    assert 0.1 < outside.mean() < 0.5
    assert (alone.image()[outside] == 0).all()
    assert (alone.image()[~outside] > 0).all()
    only = module._Mean(VIEW)
    only.add(pictures[1], pixels, MARGIN)
    view = pictures[1].numpy()[5:45, 7:68].astype(float)
    assert np.abs(only.image() - (view[:, :-1] + view[:, 1:]) / 2).max() <= 0.501
    np.testing.assert_array_equal(both.image()[outside], only.image()[outside])
    assert (both.image()[~outside] != only.image()[~outside]).any()
