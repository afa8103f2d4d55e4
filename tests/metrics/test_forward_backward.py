import numpy as np
import pytest
from numpy.random import default_rng
from numpy.testing import assert_allclose

from warpmarks.metrics.forward_backward import predict_linearly


def slow_prediction(inputs, targets, new_inputs, ridge):
    """Minimise |Y - X R|^2 + s |R|^2 by stacking sqrt(s) I under X, each coordinate on its own."""
    flat = inputs.reshape(len(inputs), -1)
    centred = flat - flat.mean(axis=0)
    strength = ridge * max(
        sum(row[i] * row[j] for row in centred)
        for i in range(centred.shape[1])
        for j in range(centred.shape[1])
    )
    stacked = np.vstack([centred, np.sqrt(strength) * np.eye(centred.shape[1])])
    predicted = np.empty((len(new_inputs), *targets.shape[1:]))
    for point in range(targets.shape[1]):
        for axis in range(2):
            wanted = targets[:, point, axis]
            padded = np.concatenate([wanted - wanted.mean(), np.zeros(centred.shape[1])])
            weights = np.linalg.lstsq(stacked, padded, rcond=None)[0]
            new = new_inputs.reshape(len(new_inputs), -1) - flat.mean(axis=0)
            predicted[:, point, axis] = new @ weights + wanted.mean()
    return predicted


@pytest.mark.parametrize("ridge", [1e-5, 0.1])
@pytest.mark.parametrize("images", [4, 60])
def test_it_is_the_ridge_about_the_means(images, ridge):
    generator = default_rng(1)
    inputs = generator.normal([3.0, -1.0], [1.0, 0.3], (images, 5, 2))
    targets = generator.normal([-2.0, 9.0], [0.2, 2.0], (images, 3, 2))
    new = generator.normal([3.0, -1.0], [1.0, 0.3], (7, 5, 2))
    expected = slow_prediction(inputs, targets, new, ridge)
    assert_allclose(predict_linearly(inputs, targets, new, ridge=ridge), expected, rtol=1e-6)


def test_each_target_is_fitted_on_the_images_that_have_it_and_all_inputs():
    generator = default_rng(2)
    inputs, targets = generator.normal(size=(30, 4, 2)), generator.normal(size=(30, 3, 2))
    new = generator.normal(size=(5, 4, 2))
    inputs[3, 1, 0] = np.nan
    targets[:10, 2] = np.nan
    targets[:, 1] = np.nan
    predicted = predict_linearly(inputs, targets, new)
    first = np.arange(30) != 3
    assert_allclose(
        predicted[:, [0]], slow_prediction(inputs[first], targets[first][:, [0]], new, 1e-5)
    )
    assert_allclose(
        predicted[:, [2]], slow_prediction(inputs[10:], targets[10:][:, [2]], new, 1e-5)
    )
    assert np.isnan(predicted[:, 1]).all()
    new[2, 0, 1] = np.nan
    missing = np.isnan(predict_linearly(inputs, targets, new)).any(axis=(1, 2))
    assert missing.all()  # because of the target that nobody has
    assert np.isnan(predict_linearly(inputs, targets, new)[2]).all()
    assert np.isfinite(predict_linearly(inputs, targets, new)[[0, 1, 3, 4]][:, [0, 2]]).all()


def test_the_frame_does_not_matter():
    generator = default_rng(3)
    inputs, targets = generator.normal(size=(9, 4, 2)), generator.normal(size=(9, 3, 2))
    here = predict_linearly(inputs, targets, inputs)
    there = predict_linearly(40 * inputs + 7, 40 * targets + 7, 40 * inputs + 7)
    assert_allclose(there, 40 * here + 7, rtol=1e-9)
