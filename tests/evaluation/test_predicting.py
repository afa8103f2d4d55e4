from dataclasses import replace

import numpy as np
import pytest
from numpy.random import default_rng
from numpy.testing import assert_allclose

from evaluation.made_examples import SCHEME, made_evaluation, made_examples
from warpmarks.errors import InputError
from warpmarks.evaluation.few_labels import mean_relative_error
from warpmarks.evaluation.predicting import predict_by_folds, predict_with, split_folds
from warpmarks.metrics.mean_shape import mean_shape, predict_mean_shape
from warpmarks.regression.fitting import fit_regressor


@pytest.mark.parametrize(("count", "folds"), [(24, 5), (7, 7), (2, 2)])
def test_every_image_is_held_out_once_and_never_fitted_on_then(count, folds):
    parts = list(split_folds(count, folds, default_rng(0)))
    assert len(parts) == folds
    assert sorted(np.concatenate([held_out for _, held_out in parts])) == list(range(count))
    for fitted_on, held_out in parts:
        assert sorted([*fitted_on, *held_out]) == list(range(count))
        assert len(held_out) in {count // folds, count // folds + 1}


def test_the_seed_decides_on_the_folds():
    first, same, other = (
        [held_out.tolist() for _, held_out in split_folds(24, 5, default_rng(seed))]
        for seed in (3, 3, 4)
    )
    assert first == same != other


@pytest.mark.parametrize(
    ("count", "folds", "sentence"),
    [
        (2, 3, "--cross-validation is 3, but 2 images are annotated: expected 2 folds"),
        (3, 5, "--cross-validation is 5, but 3 images are annotated: expected 2 to 3 folds"),
        (1, 2, "--cross-validation needs 2 annotated images at least, but 1 image is"),
        (9, 1, "--cross-validation is 1"),
    ],
)
def test_folds_that_cannot_be_made(count, folds, sentence):
    with pytest.raises(InputError, match=sentence):
        list(split_folds(count, folds, default_rng(0)))


@pytest.mark.parametrize(
    ("shown", "sentence"),
    [
        (1, "annotated on 1 image: --cross-validation leaves none to fit it on; .* on more$"),
        (2, "annotated on 2 images, all in one fold: .* on more, or draw other folds with --seed"),
        (0, "annotated on 0 images: "),
    ],
)
def test_a_point_that_only_one_fold_shows(shown, sentence):
    examples = made_examples()
    _, held_out = list(split_folds(24, 4, default_rng(0)))[1]
    rest = np.setdiff1d(np.arange(24), held_out[:shown])
    examples.annotations[rest, 2] = np.nan
    with pytest.raises(InputError, match=f"the point {SCHEME.names[2]} is {sentence}"):
        predict_by_folds(examples, SCHEME, 4, default_rng(0))


def test_an_image_does_not_tell_of_itself():
    examples = made_examples()
    predicted = predict_by_folds(examples, SCHEME, 4, default_rng(0))
    _, held_out = next(split_folds(24, 4, default_rng(0)))
    examples.annotations[held_out[0]] += 1000
    changed = predict_by_folds(examples, SCHEME, 4, default_rng(0))
    assert_allclose(changed.points[held_out], predicted.points[held_out])
    assert_allclose(changed.mean_shape[held_out], predicted.mean_shape[held_out])
    others = np.setdiff1d(np.arange(24), held_out)
    assert (changed.mean_shape[others] != predicted.mean_shape[others]).all()


def test_each_fold_is_the_fit_on_the_others():
    examples = made_examples()
    predicted = predict_by_folds(examples, SCHEME, 3, default_rng(1), method="linear", bias=True)
    for fitted_on, held_out in split_folds(24, 3, default_rng(1)):
        training, rest = examples.subset(fitted_on), examples.subset(held_out)
        fit = fit_regressor(training, SCHEME, method="linear", bias=True)
        assert_allclose(
            predicted.points[held_out], fit.regressor.predict(rest.landmarks, rest.sizes)
        )
        assert_allclose(predicted.scores[held_out], fit.regressor.point_scores(rest.scores))
        shape = mean_shape(training.annotations, training.sizes)
        assert_allclose(predicted.mean_shape[held_out], predict_mean_shape(shape, rest.sizes))


def test_a_regressor_brings_the_mean_shape_of_what_it_was_fitted_on():
    training, others = made_examples(), made_examples(6, seed=9)
    fitted = fit_regressor(training, SCHEME).regressor
    predicted = predict_with(fitted, others, how="somehow")
    expected = np.broadcast_to(training.annotations.mean(axis=0), (6, 3, 2))
    assert_allclose(predicted.mean_shape, expected)
    assert np.linalg.norm(predicted.points - others.annotations, axis=-1).mean() < 1.5
    assert predicted.how == "somehow"


def test_points_that_were_accepted_as_suggested_are_not_scored():
    examples = made_examples(noise=2)
    accepted = np.zeros((24, 3), dtype=bool)
    accepted[5:] = accepted[3, 1] = True
    marked = replace(examples, accepted=accepted)
    errors, own = made_evaluation(examples).landmarks.errors, made_evaluation(marked).landmarks
    assert_allclose(own.errors, np.where(accepted, np.nan, errors))
    assert own.mean == pytest.approx(errors[~accepted].mean())
    regressor = fit_regressor(made_examples(30, seed=3), SCHEME).regressor
    assert mean_relative_error(regressor, marked)[0] == pytest.approx(own.mean)
    with pytest.raises(InputError, match="every point was accepted as suggested"):
        made_evaluation(replace(examples, accepted=np.ones((24, 3), dtype=bool)))
