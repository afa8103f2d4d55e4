import numpy as np
import pytest
from numpy.random import default_rng
from numpy.testing import assert_allclose

from warpmarks.metrics.bootstrap import bootstrap_means, percentile_interval

ERRORS = default_rng(3).gamma(2.0, 0.1, (40, 3))
ERRORS[:25, 1] = np.nan
ERRORS[7] = np.nan


def test_each_draw_is_the_mean_over_the_images_drawn():
    means = bootstrap_means(ERRORS, default_rng(5), draws=70)  # more than are drawn at once
    times = default_rng(5).multinomial(40, np.full(40, 1 / 40), size=70)
    for mean, counts in zip(means, times, strict=True):
        drawn = np.repeat(ERRORS, counts, axis=0)
        assert len(drawn) == 40
        assert_allclose(mean, [*np.nanmean(drawn, axis=0), np.nanmean(drawn)])


def test_the_interval_of_a_mean_is_that_of_the_normal_approximation():
    complete = default_rng(0).gamma(4.0, 0.1, (400, 1))
    interval = percentile_interval(bootstrap_means(complete, default_rng(1), draws=4000)[:, -1])
    standard_error = complete.std(ddof=1) / 20
    expected = complete.mean() + 1.96 * standard_error * np.array([-1, 1])
    assert_allclose([interval.low, interval.high], expected, atol=0.15 * standard_error)


def test_points_of_an_image_are_drawn_together():
    # All points of an image have one error, so eight points say no more than one.
    one = default_rng(2).gamma(2.0, 0.1, (50, 1))
    eight = np.repeat(one, 8, axis=1)
    first, second = (
        percentile_interval(bootstrap_means(errors, default_rng(4))[:, -1])
        for errors in (one, eight)
    )
    assert_allclose([first.low, first.high], [second.low, second.high])


def test_a_point_that_nobody_annotated_has_no_interval():
    errors = np.array([[0.1, np.nan], [0.2, np.nan]])
    means = bootstrap_means(errors, default_rng(0), draws=50)
    interval = percentile_interval(means[:, 1])
    assert np.isnan([interval.low, interval.high]).all()


def test_one_image_says_nothing_of_others():
    errors = np.array([[0.1, np.nan, 0.1], [0.2, 0.3, np.nan], [0.3, np.nan, 0.4]])
    means = bootstrap_means(errors, default_rng(0))
    assert np.isnan(means[:, 1]).all()
    # A point of two images is in most draws, and not in that of the third image alone.
    assert np.isfinite(means[:, 2]).mean() == pytest.approx(1 - 1 / 27, abs=0.02)
    assert percentile_interval(means[:, 2]).low == 0.1
    assert np.isnan(bootstrap_means(errors[:1], default_rng(0))).all()
