import numpy as np
from numpy.testing import assert_allclose

from metrics.examples import SIZES, predicted_and_annotated
from warpmarks.metrics.mean_shape import mean_shape, predict_mean_shape


def test_the_mean_is_about_the_centre_of_each_image_and_in_units_of_its_size():
    _, annotated = predicted_and_annotated()
    annotated[:, 1] = np.nan
    sums, counts = np.zeros((4, 2)), np.zeros(4)
    for (width, height), points in zip(SIZES, annotated, strict=True):
        half = 0.5 * (width * height) ** 0.5
        for index, (x, y) in enumerate(points):
            if not np.isnan(x):
                sums[index] += (x - (width - 1) / 2) / half, (y - (height - 1) / 2) / half
                counts[index] += 1
    expected = np.full((4, 2), np.nan)
    for index in (0, 2, 3):
        expected[index] = sums[index] / counts[index]
    shape = mean_shape(annotated, SIZES)
    assert_allclose(shape, expected)
    laid = predict_mean_shape(shape, np.array([[100.0, 25.0], [64.0, 36.0]]))
    assert laid.shape == (2, 4, 2)
    assert_allclose(laid[0], expected * 25 + [49.5, 12.0])
    assert_allclose(laid[1], expected * 24 + [31.5, 17.5])


def test_the_mean_shape_of_one_image_is_its_own():
    _, annotated = predicted_and_annotated()
    one = annotated[4:5]
    assert_allclose(predict_mean_shape(mean_shape(one, SIZES[4:5]), SIZES[4:5]), one)
