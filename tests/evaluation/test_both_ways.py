from dataclasses import replace

import numpy as np
import pytest
from numpy.random import default_rng
from numpy.testing import assert_allclose

from evaluation.made_examples import made_examples
from warpmarks.evaluation.both_ways import measure_both_ways
from warpmarks.evaluation.predicting import split_folds
from warpmarks.metrics.forward_backward import predict_linearly

LENGTHS = np.linspace(20, 40, 24)


def slow_error(inputs, targets, new_inputs, wanted, lengths):
    predicted = predict_linearly(inputs, targets, new_inputs)
    return np.linalg.norm(predicted - wanted, axis=-1) / lengths[:, None]


def test_both_maps_are_fitted_on_the_training_images():
    training, examples = made_examples(40, seed=1), made_examples()
    found = measure_both_ways(examples, LENGTHS, training, default_rng(0))
    forward = slow_error(
        training.landmarks, training.annotations, examples.landmarks, examples.annotations, LENGTHS
    )
    backward = slow_error(
        training.annotations, training.landmarks, examples.annotations, examples.landmarks, LENGTHS
    )
    assert found.forward == pytest.approx(forward.mean())
    assert found.backward == pytest.approx(backward.mean())
    assert_allclose(found.landmarks, backward.mean(axis=0))
    assert found.how == "fitted on the same 40 images"


def test_without_training_images_by_fifths():
    examples = made_examples()
    found = measure_both_ways(examples, LENGTHS, None, default_rng(2))
    errors = np.empty((24, 5))
    for fitted_on, held_out in split_folds(24, 5, default_rng(2)):
        errors[held_out] = slow_error(
            examples.annotations[fitted_on],
            examples.landmarks[fitted_on],
            examples.annotations[held_out],
            examples.landmarks[held_out],
            LENGTHS[held_out],
        )
    assert found.backward == pytest.approx(errors.mean())
    assert "5-fold" in found.how
    assert measure_both_ways(made_examples(4), LENGTHS[:4], None, default_rng(0)) is None
    assert measure_both_ways(made_examples(5), LENGTHS[:5], None, default_rng(0)) is not None


def test_images_of_one_picture_count_as_one():
    once = replace(made_examples(noise=3.0), pictures=tuple(map(str, range(24))))
    few = once.subset(np.arange(12))
    doubled = once.subset(np.arange(24) % 12)
    expected = measure_both_ways(few, LENGTHS[:12], None, default_rng(0))
    found = measure_both_ways(doubled, LENGTHS[np.arange(24) % 12], None, default_rng(0))
    assert found.forward == pytest.approx(expected.forward)
    assert_allclose(found.landmarks, expected.landmarks)
    four = once.subset(np.arange(8) % 4)
    assert measure_both_ways(four, LENGTHS[:8], None, default_rng(0)) is None
    uneven = once.subset(np.append(np.arange(12), np.zeros(9, dtype=int)))
    fitted = [measure_both_ways(once, LENGTHS, each, default_rng(0)) for each in (few, uneven)]
    assert fitted[1].forward == pytest.approx(fitted[0].forward)


def test_a_landmark_that_jumps_is_seen_backward_and_not_forward():
    training, examples = made_examples(200, seed=1), made_examples()
    steady = measure_both_ways(examples, LENGTHS, training, default_rng(0))
    for one in (training, examples):
        one.landmarks[:, 2] = default_rng(5).uniform(0, 90, (len(one), 2))
    jumping = measure_both_ways(examples, LENGTHS, training, default_rng(0))
    assert jumping.landmarks[2] > 10 * steady.landmarks[2]
    assert jumping.backward > 3 * steady.backward
    assert jumping.forward < 3 * steady.forward


def test_images_that_lack_a_point_are_left_out_backward_only():
    training, examples = made_examples(40, seed=1), made_examples()
    complete = measure_both_ways(examples, LENGTHS, training, default_rng(0))
    examples.annotations[:, 1] = np.nan
    found = measure_both_ways(examples, LENGTHS, training, default_rng(0))
    assert np.isnan(found.backward)
    assert np.isnan(found.landmarks).all()
    assert np.isfinite(found.forward)
    assert found.forward != complete.forward
