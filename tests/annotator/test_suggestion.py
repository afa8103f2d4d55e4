import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import rankdata

from warpmarks.annotator.doubt import configurations, distances, doubts
from warpmarks.annotator.suggestion import Suggester

KINDS = 3


@pytest.fixture
def kinds():
    """Three kinds of shapes, 30, 20 and 10 of each, moved, scaled and turned."""
    generator = np.random.default_rng(0)
    bases = generator.normal(size=(KINDS, 6, 2))
    landmarks = []
    for base, count in zip(bases, (30, 20, 10), strict=True):
        for _ in range(count):
            turn, scale = generator.normal(0, 0.3), generator.uniform(5, 9)
            cosine, sine = np.cos(turn), np.sin(turn)
            shape = base + generator.normal(0, 0.02, base.shape)
            landmarks.append(
                scale * shape @ np.array([[cosine, -sine], [sine, cosine]])
                + generator.uniform(0, 50, 2)
            )
    return np.stack(landmarks), np.repeat(np.arange(KINDS), (30, 20, 10))


def test_suggestions_go_round_the_kinds_the_most_frequent_first(kinds):
    landmarks, kind = kinds
    suggester = Suggester(landmarks, np.full((60, 6), 0.9))
    labelled = np.zeros(60, dtype=bool)
    chosen = []
    for _ in range(KINDS):
        told = suggester.suggest(labelled, ())
        chosen.append(told.index)
        labelled[told.index] = True
    assert sorted(kind[chosen]) == [0, 1, 2]
    assert kind[chosen[0]] == 0
    assert "labelled" in told.reason


def test_the_suggestion_lowers_the_weighted_distances_most(kinds):
    landmarks, _ = kinds
    scores = np.random.default_rng(1).uniform(0.2, 1, (60, 6))
    labelled = np.zeros(60, dtype=bool)
    labelled[[3, 44]] = True
    told = Suggester(landmarks, scores).suggest(labelled, {7})
    rows = configurations(landmarks)
    between, weights = cdist(rows, rows), scores.mean(axis=1)
    left = [
        weights @ np.minimum(between[:, [3, 44]].min(axis=1), between[:, image])
        for image in range(60)
    ]
    left[7] = np.inf
    assert left[told.index] == pytest.approx(min(left), rel=1e-3)


def test_images_whose_landmarks_are_not_known_come_last(kinds):
    landmarks, _ = kinds
    landmarks = landmarks[:4].copy()
    landmarks[[0, 2]] = np.nan
    suggester = Suggester(landmarks, np.ones((4, 6)))
    labelled = np.array([False, True, False, False])
    assert suggester.suggest(labelled, ()).index == 3
    assert suggester.suggest(labelled, {3}).index == 0
    assert suggester.suggest(labelled, {0, 2, 3}).index is None
    assert "Every image is labelled" in suggester.suggest(np.ones(4, bool), ()).reason
    nothing = Suggester(np.full((4, 6, 2), np.nan), np.full((4, 6), np.nan))
    assert nothing.suggest(labelled, ()).index == 0


def test_distances_are_those_of_scipy():
    generator = np.random.default_rng(2)
    first, second = generator.normal(size=(5, 3)), generator.normal(size=(4, 3))
    np.testing.assert_allclose(distances(first, second), cdist(first, second), atol=1e-7)


def test_doubt_grows_with_the_distance_to_the_nearest_labelled_image(kinds):
    landmarks, kind = kinds
    doubt = doubts(landmarks, landmarks[kind == 0][:2])
    assert doubt[kind == 0].max() < doubt[kind > 0].min()
    assert (doubt.min(), doubt.max()) == (0, 1)
    rows = configurations(landmarks)
    nearest = cdist(rows, rows[kind == 0][:2]).min(axis=1)
    # Whichever images the alignment is made on, the order is nearly the same.
    assert np.corrcoef(rankdata(nearest), rankdata(doubt))[0, 1] > 0.99
