import numpy as np
import pytest
from numpy.random import default_rng
from numpy.testing import assert_allclose

from metrics.examples import predicted_and_annotated
from warpmarks.metrics.score import score_predictions

NAMES = ("eye", "ear", "snout", "tail")


def test_every_figure_of_a_score():
    predicted, annotated = predicted_and_annotated()
    lengths = np.array([20.0, 11.0, np.nan, 30.0, 13.0])
    score = score_predictions(
        predicted, annotated, lengths, NAMES, threshold=0.5, generator=default_rng(0)
    )
    errors = {
        (image, point): np.hypot(*(predicted - annotated)[image, point])
        for image in (0, 1, 4)
        for point in range(4)
        if not np.isnan(annotated[image, point, 0])
    }
    relative = {key: error / lengths[key[0]] for key, error in errors.items()}
    every = list(relative.values())
    assert len(every) == 10
    assert score.mean == pytest.approx(np.mean(every))
    assert score.median == pytest.approx(np.median(every))
    assert score.pixels == pytest.approx(np.mean(list(errors.values())))
    for alpha, share in score.correct.items():
        assert share == pytest.approx(np.mean(np.array(every) <= alpha))
    images = [
        np.mean([e for (image, _), e in relative.items() if image == index]) for index in (0, 1, 4)
    ]
    assert_allclose(score.image_errors, [images[0], images[1], np.nan, np.nan, images[2]])
    assert score.failures == pytest.approx(np.mean(np.array(images) > 0.5))
    assert score.area == pytest.approx(np.mean(np.maximum(0, 1 - np.array(images) / 0.5)))
    assert score.interval.low < score.mean < score.interval.high
    assert [point.name for point in score.points] == list(NAMES)
    assert [point.images for point in score.points] == [2, 3, 2, 3]
    for index, point in enumerate(score.points):
        mine = [error for (_, which), error in relative.items() if which == index]
        assert point.mean == pytest.approx(np.mean(mine))
        pixels = [error for (_, which), error in errors.items() if which == index]
        assert point.pixels == pytest.approx(np.mean(pixels))
        assert point.interval.low <= point.mean <= point.interval.high


def test_the_same_generator_gives_the_same_interval():
    predicted, annotated = predicted_and_annotated()

    def interval(seed):
        lengths = np.full(5, 10.0)
        generator = default_rng(seed)
        return score_predictions(
            predicted, annotated, lengths, NAMES, threshold=0.1, generator=generator
        ).interval

    assert interval(3) == interval(3) != interval(4)
