from dataclasses import replace

import pytest

from evaluation.made_examples import SCHEME, made_examples
from warpmarks.cli.scores import print_scores
from warpmarks.evaluation.evaluate import Evaluation, evaluate_predictions
from warpmarks.evaluation.predicting import predict_with
from warpmarks.regression.fitting import fit_regressor


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    examples = made_examples(9)
    fitted = fit_regressor(made_examples(30, seed=3), SCHEME).regressor
    return evaluate_predictions(
        examples,
        SCHEME,
        predict_with(fitted, examples, how="fitted for a test"),
        set_name="faces val",
        source="landmarks.csv",
        threshold=0.1,
    )


@pytest.mark.parametrize(
    ("times", "told"),
    [(0.99, ""), (1.01, "tell no more of these points than the"), (1.1, "worse than the mean")],
)
@pytest.mark.parametrize("without_bias", [True, False])
def test_landmarks_no_better_than_the_mean_shape_are_told_of(
    evaluation, times, told, without_bias, capsys
):
    mean = times * evaluation.mean_shape.mean
    found = replace(evaluation, landmarks=replace(evaluation.landmarks, mean=mean))
    print_scores(found, "run", without_bias=without_bias)
    out = capsys.readouterr().out
    assert told in out
    assert ("train on images of this kind" in out) == bool(told)
    assert ("--bias" in out) == (bool(told) and without_bias)
