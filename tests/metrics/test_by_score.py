import numpy as np
import pytest
from numpy.random import default_rng

from warpmarks.metrics.by_score import errors_by_score, errors_of_the_surest, score_ranks

NONE = np.nan


def slow_ranks(errors, scores):
    ranks = np.full(errors.shape, np.nan)
    for point in range(errors.shape[1]):
        known = [row for row in range(len(errors)) if np.isfinite(errors[row, point])]
        for row in known:
            lower = sum(scores[other, point] < scores[row, point] for other in known)
            equal = sum(scores[other, point] == scores[row, point] for other in known)
            ranks[row, point] = (lower + equal / 2) / len(known)
    return ranks


@pytest.fixture
def case():
    generator = default_rng(0)
    errors = generator.exponential(size=(37, 3)) * [1, 10, 0.1]
    errors[generator.random(errors.shape) < 0.2] = NONE
    scores = generator.integers(0, 9, errors.shape) / 9 + [0, 1, 2]
    return errors, scores


def test_ranks_are_of_each_point_by_itself_and_of_where_it_is_annotated(case):
    np.testing.assert_allclose(score_ranks(*case), slow_ranks(*case))


def test_quarters(case):
    errors, scores = case
    ranks = slow_ranks(errors, scores)
    expected = [
        np.mean([e for e, r in zip(errors.flat, ranks.flat, strict=True) if low <= r < low + 0.25])
        for low in (0, 0.25, 0.5, 0.75)
    ]
    np.testing.assert_allclose(errors_by_score(errors, scores), expected)


def test_from_the_lowest_scores_to_the_highest():
    errors = np.arange(8.0)[:, None]
    assert errors_by_score(errors, errors).tolist() == [0.5, 2.5, 4.5, 6.5]
    assert errors_by_score(errors, -errors).tolist() == [6.5, 4.5, 2.5, 0.5]
    np.testing.assert_equal(errors_by_score(errors, 0 * errors), [NONE, NONE, 3.5, NONE])


def test_a_point_on_few_images_does_not_count():
    errors = np.stack([np.arange(8.0), np.arange(8.0)], axis=1)
    errors[3, 1] = NONE
    assert np.isnan(score_ranks(errors, errors)[:, 1]).all()
    assert errors_by_score(errors, errors).tolist() == [0.5, 2.5, 4.5, 6.5]
    assert np.isnan(errors_by_score(errors[:7], errors[:7])).all()


def test_of_the_surest(case):
    errors, scores = case
    ranks = slow_ranks(errors, scores)
    found = errors_of_the_surest(errors, scores, [0.001, 0.3, 1])
    np.testing.assert_allclose(found, [NONE, errors[ranks >= 0.7].mean(), np.nanmean(errors)])


def test_no_scores_are_better_than_the_errors_themselves(case):
    errors, scores = case
    shares = np.linspace(0.1, 1, 10)
    best = errors_of_the_surest(errors, -errors, shares)
    assert (best <= errors_of_the_surest(errors, scores, shares) + 1e-12).all()
    assert (np.diff(best) >= 0).all()
