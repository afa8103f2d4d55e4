from dataclasses import replace

import numpy as np
import pytest
from numpy.random import default_rng
from numpy.testing import assert_allclose

from evaluation.made_examples import SCHEME, made_examples
from warpmarks.errors import InputError
from warpmarks.evaluation.predicting import predict_by_folds
from warpmarks.regression.examples import Examples
from warpmarks.regression.fitting import fit_regressor
from warpmarks.regression.promise import mean_shape_left_out, promise_of
from warpmarks.regression.repeated import told_of_repeated

ROWS = np.array([0, 1, 2, 0, 3, 4, 2, 5, 6, 0, 7])
"""Pictures of the images: 0 is there three times, 2 twice."""


def _repeated() -> tuple[Examples, Examples]:
    """Eight pictures, and eleven images of them."""
    once = replace(made_examples(8, noise=3.0), pictures=tuple("abcdefgh"))
    names = tuple(f"{index}.png" for index in range(len(ROWS)))
    return once, replace(once.subset(ROWS), names=names)


def _in_mirror(examples: Examples) -> Examples:
    """Eyes and the landmarks of either side change places."""
    width = np.array([119.0, 0])
    landmarks = examples.landmarks[:, [1, 0, 2, 4, 3]] * [-1, 1] + width
    return replace(
        examples, landmarks=landmarks, annotations=examples.annotations * [-1, 1] + width
    )


def test_copies_of_other_images_are_refused_where_pictures_repeat():
    _, several = _repeated()
    warped = several.subset(np.append(np.arange(len(several)), 0))
    warped = replace(warped, names=(*several.names, "other.png"))
    with pytest.raises(InputError, match="9 warped copies were given for 8 images"):
        fit_regressor(several, SCHEME, method="warps", warped=warped)


@pytest.mark.parametrize("method", ["linear", "geometric", "auto"])
def test_a_picture_under_several_names_does_not_tell_of_itself(method):
    once, several = _repeated()
    fit, expected = (fit_regressor(each, SCHEME, method=method) for each in (several, once))
    assert_allclose(fit.leave_one_out, expected.leave_one_out[ROWS])
    assert_allclose(fit.regressor.weights, expected.regressor.weights)
    assert_allclose(mean_shape_left_out(several), mean_shape_left_out(once)[ROWS])
    assert fit.regressor.count_fitted(several.names) == fit.regressor.fitted_on == len(ROWS)
    assert promise_of(fit, several).overall.images == len(ROWS)


def test_annotations_of_one_picture_are_fitted_by_their_mean_and_each_is_scored():
    once, several = _repeated()
    several.annotations[3, 1] += [6.0, -2.0]
    several.annotations[9, 1] = np.nan
    once.annotations[0, 1] += [3.0, -1.0]  # two of the three have it
    fit, expected = (fit_regressor(each, SCHEME, method="linear") for each in (several, once))
    assert_allclose(fit.left_out[[0, 3]], expected.left_out[[0, 0]])
    distance = np.linalg.norm(expected.left_out[0, 1] - several.annotations[3, 1])
    assert fit.leave_one_out[3, 1] == pytest.approx(distance)
    assert np.isnan(fit.leave_one_out[9, 1])


def test_in_the_mirror_a_picture_has_the_mean_of_its_annotations_too():
    once, several = _repeated()
    several.annotations[0] = np.nan  # the first of its picture, which has two others
    fits = [
        fit_regressor(each, SCHEME, method="geometric", mirrored=_in_mirror(each))
        for each in (once, several)
    ]
    assert_allclose(fits[1].regressor.weights, fits[0].regressor.weights)


def test_images_of_one_picture_are_in_one_fold():
    _, several = _repeated()
    predicted = predict_by_folds(several, SCHEME, 4, default_rng(0), method="linear")
    several.annotations[[0, 3, 9]] += 1000
    changed = predict_by_folds(several, SCHEME, 4, default_rng(0), method="linear")
    assert_allclose(changed.points[[0, 3, 9]], predicted.points[[0, 3, 9]])
    assert "The 11 images show 8 pictures: 3.png, for one, shows that of 0.png." in changed.caution


def test_nothing_is_told_of_pictures_that_are_there_once():
    once, _ = _repeated()
    assert told_of_repeated(once) == told_of_repeated(replace(once, pictures=())) == ""
