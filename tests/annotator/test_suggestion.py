import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import rankdata

from warpmarks.annotator.doubt import configurations, distances, doubts
from warpmarks.annotator.suggestion import Suggester
from warpmarks.centred import pixels_to_centred

KINDS = 3
SIZES = np.full((60, 2), (90.0, 60.0))


@pytest.fixture
def kinds():
    """Three kinds of shapes, 30, 20 and 10 of each, moved, scaled and turned."""
    generator = np.random.default_rng(0)
    bases = generator.normal(size=(KINDS, 6, 2))
    landmarks = []
    for base, count in zip(bases, (30, 20, 10), strict=True):
        for _ in range(count):
            turn, scale = generator.normal(0, 0.1), generator.uniform(8, 9)
            cosine, sine = np.cos(turn), np.sin(turn)
            shape = base + generator.normal(0, 0.02, base.shape)
            landmarks.append(
                scale * shape @ np.array([[cosine, -sine], [sine, cosine]])
                + generator.uniform(40, 42, 2)
            )
    return np.stack(landmarks), np.repeat(np.arange(KINDS), (30, 20, 10))


def test_suggestions_go_round_the_kinds_the_most_frequent_first(kinds):
    landmarks, kind = kinds
    suggester = Suggester(landmarks, SIZES)
    labelled = np.zeros(60, dtype=bool)
    chosen = []
    for _ in range(KINDS):
        told = suggester.suggest(labelled, ())
        chosen.append(told.index)
        labelled[told.index] = True
    assert sorted(kind[chosen]) == [0, 1, 2]
    assert kind[chosen[0]] == 0
    assert "labelled" in told.reason


def test_the_suggestion_lowers_the_distances_most():
    generator = np.random.default_rng(1)
    landmarks = 30 + 10 * generator.normal(size=(6, 2)) + generator.normal(size=(60, 6, 2))
    labelled = np.zeros(60, dtype=bool)
    labelled[[3, 44]] = True
    told = Suggester(landmarks, SIZES).suggest(labelled, {7})
    between = cdist(*[pixels_to_centred(landmarks, SIZES).reshape(60, -1)] * 2)
    left = np.minimum(between[:, [3, 44]].min(axis=1)[:, None], between).sum(axis=0)
    left[7] = np.inf
    assert told.index == np.argmin(left)


def test_images_whose_landmarks_are_not_known_come_last(kinds):
    landmarks, _ = kinds
    landmarks = landmarks[:4].copy()
    landmarks[[0, 2]] = np.nan
    suggester = Suggester(landmarks, SIZES[:4])
    labelled = np.array([False, True, False, False])
    assert suggester.suggest(labelled, ()).index == 3
    assert suggester.suggest(labelled, {3}).index == 0
    assert suggester.suggest(labelled, {0, 2, 3}).index is None
    told = suggester.suggest(np.ones(4, bool), ()).reason
    assert told == "Every image is labelled: look through the gallery, then export."
    begun = suggester.suggest(np.ones(4, bool), {2}, [2, 3])
    assert (begun.index, begun.reason) == (3, "Some of its points are still to be placed.")
    last = suggester.suggest(np.ones(4, bool), {2, 3}, [2, 3])
    told = "2 images still lack points, and no others do."
    assert (last.index, last.reason) == (None, told)
    assert suggester.suggest(labelled, (), [1]).index == 3, "those without any come first"
    nothing = Suggester(np.full((4, 6, 2), np.nan), SIZES[:4])
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
