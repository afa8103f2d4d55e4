import numpy as np
import pytest

from warpmarks.metrics.cumulative import area_under_curve, failure_rate

ERRORS = np.array([0.03, 0.3, np.nan, 0.08, 0.1, 0.08, 0.0, 0.51])
KNOWN = [0.03, 0.3, 0.08, 0.1, 0.08, 0.0, 0.51]


@pytest.mark.parametrize("threshold", [0.05, 0.1, 0.7])
def test_the_area_is_that_of_a_fine_grid_under_the_curve(threshold):
    middles = (np.arange(20_000) + 0.5) * threshold / 20_000
    expected = np.mean([np.mean([error <= middle for error in KNOWN]) for middle in middles])
    assert area_under_curve(ERRORS, threshold) == pytest.approx(expected, abs=1e-4)


def test_failures_lie_beyond_the_threshold_and_not_on_it():
    assert failure_rate(ERRORS, 0.1) == pytest.approx(2 / 7)
    assert failure_rate(ERRORS, 0.0999) == pytest.approx(3 / 7)
    assert failure_rate(ERRORS, 1.0) == 0
