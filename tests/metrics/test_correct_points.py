import numpy as np
import pytest

from warpmarks.metrics.correct_points import share_of_correct_points

ERRORS = np.array([[0.05, 0.3, np.nan], [0.1, np.nan, np.nan], [0.11, 0.02, np.nan]])


@pytest.mark.parametrize(("alpha", "correct"), [(0.04, 1), (0.05, 2), (0.1, 3), (0.2, 4), (1, 5)])
def test_points_within_alpha_are_correct_those_not_annotated_are_left_out(alpha, correct):
    assert share_of_correct_points(ERRORS, alpha) == pytest.approx(correct / 5)
