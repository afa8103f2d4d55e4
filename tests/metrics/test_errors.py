import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from metrics.examples import predicted_and_annotated
from warpmarks.errors import InputError
from warpmarks.metrics.errors import (
    checked_lengths,
    errors_of_images,
    mean_error,
    mean_errors_of_points,
    median_error,
    point_distances,
    relative_errors,
)
from warpmarks.points import Normaliser

LENGTHS = np.array([20.0, 11.0, 7.0, 30.0, 13.0])


def slow_errors():
    """For each image and point the error, or None: plain Python, no nan in it."""
    predicted, annotated = predicted_and_annotated()
    rows = []
    for image in range(len(annotated)):
        row = []
        for point in range(annotated.shape[1]):
            x, y = annotated[image, point]
            if math.isnan(x):
                row.append(None)
                continue
            dx, dy = predicted[image, point, 0] - x, predicted[image, point, 1] - y
            row.append(math.sqrt(dx * dx + dy * dy) / LENGTHS[image])
        rows.append(row)
    return rows


def mean_of(values):
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else math.nan


@pytest.fixture
def errors():
    return relative_errors(point_distances(*predicted_and_annotated()), LENGTHS)


def test_errors_of_each_point_of_each_image(errors):
    expected = [[math.nan if e is None else e for e in row] for row in slow_errors()]
    assert_allclose(errors, expected, rtol=1e-12)


def test_means_leave_out_what_is_not_annotated(errors):
    slow = slow_errors()
    every = [error for row in slow for error in row]
    assert mean_error(errors) == pytest.approx(mean_of(every), rel=1e-12)
    assert_allclose(
        mean_errors_of_points(errors), [mean_of(column) for column in zip(*slow, strict=True)]
    )
    assert_allclose(errors_of_images(errors), [mean_of(row) for row in slow])
    known = sorted(error for error in every if error is not None)
    assert len(known) == 14
    assert median_error(errors) == pytest.approx((known[6] + known[7]) / 2)


def test_a_point_that_is_annotated_nowhere_has_no_mean():
    assert_allclose(mean_errors_of_points(np.array([[0.5, np.nan], [0.7, np.nan]])), [0.6, np.nan])


def test_an_annotated_point_without_prediction_is_not_passed_over():
    predicted, annotated = predicted_and_annotated()
    predicted[0, 0] = predicted[3, 1] = np.nan  # not annotated either
    assert np.isnan(point_distances(predicted, annotated)[0, 0])
    predicted[2, 1, 1] = np.nan
    with pytest.raises(ValueError, match="no prediction"):
        point_distances(predicted, annotated)


@pytest.mark.parametrize("box", ["box", "box-side"])
def test_a_box_needs_two_points_of_an_image(box: str):
    points = np.full((3, 2, 2), np.nan)
    points[[0, 1, 2], [0, 1, 0]] = [[3, 7], [20, 5], [1, 1]]
    names = ("a", "b", "c")
    normaliser = Normaliser(box, box)
    where = {"normaliser": box, "source": "set.csv"}
    lengths = normaliser.lengths(points, np.full((3, 2), 30.0))
    with pytest.raises(InputError, match=r"^set.csv: no image has two annotated points, .* image"):
        checked_lengths(lengths, points, names, **where)
    points[1, 0] = [4, 9]
    lengths = normaliser.lengths(points, np.full((3, 2), 30.0))
    assert_allclose(checked_lengths(lengths, points, names, **where), [np.nan, lengths[1], np.nan])


def test_the_normaliser_must_have_a_length_where_there_are_points():
    _, annotated = predicted_and_annotated()
    names = list("abcde")
    lengths = LENGTHS.copy()
    lengths[3] = 0  # an image without points
    lengths[1] = np.nan
    where = {"normaliser": "1:2", "source": "set.csv"}
    assert checked_lengths(lengths, annotated, names, **where) is lengths
    lengths[[2, 4]] = 0
    with pytest.raises(InputError, match=r"^set.csv: the normaliser 1:2 .* on c \(2 images\)"):
        checked_lengths(lengths, annotated, names, **where)
    with pytest.raises(InputError, match=r"annotated on none of the images \(5 images\)"):
        checked_lengths(np.full(5, np.nan), annotated, names, **where)
