import json
from dataclasses import replace

import numpy as np
import pytest

from evaluation.made_examples import SCHEME, made_examples
from warpmarks.regression.examples import Examples
from warpmarks.regression.fitting import fit_regressor
from warpmarks.regression.promise import mean_shape_left_out, promise_of


def test_every_figure_is_that_of_a_slow_count():
    examples = made_examples(9)
    examples.annotations[[0, 1, 3, 4, 6, 7, 8], 2] = np.nan  # left on two images
    fit = fit_regressor(examples, SCHEME, method="linear")
    promise = promise_of(fit, examples)
    lengths = np.linalg.norm(examples.annotations[:, 0] - examples.annotations[:, 1], axis=1)
    everything: list[list[float]] = [[], [], [], []]
    for index, point in enumerate(promise.points):
        shown = [i for i in range(9) if np.isfinite(examples.annotations[i, index, 0])]
        own: list[list[float]] = [[], [], [], []]
        for i in shown:
            others = [j for j in shown if j != i]
            mean = examples.annotations[others, index].mean(axis=0)
            plain = float(np.hypot(*(examples.annotations[i, index] - mean)))
            error = float(fit.leave_one_out[i, index])
            for column, value in enumerate(
                (error, 100 * error / lengths[i], plain, 100 * plain / lengths[i])
            ):
                own[column].append(value)
                everything[column].append(value)
        assert (point.name, point.images) == (SCHEME.names[index], len(shown))
        figures = (point.pixels, point.percent, point.mean_shape_pixels, point.mean_shape_percent)
        assert figures == pytest.approx([np.mean(column) for column in own])
    overall = promise.overall
    assert (overall.name, overall.images) == ("all", 9)
    assert (overall.pixels, overall.mean_shape_percent) == pytest.approx(
        (np.mean(everything[0]), np.mean(everything[3]))
    )


def test_one_image_promises_nothing():
    examples = made_examples(1)
    promise = promise_of(fit_regressor(examples, SCHEME), examples)
    assert np.isnan(mean_shape_left_out(examples)).all()
    assert np.isnan(promise.overall.pixels)
    record = json.loads(json.dumps(promise.record(), allow_nan=False))
    assert record["leave_one_out"]["error_pixels"] is None
    assert [point["name"] for point in record["per_point"]] == list(SCHEME.names)


def some_accepted(by_hand: int, count: int) -> Examples:
    """Of noisy landmarks; points on all but the first images are what the first ones suggest."""
    examples = made_examples(count, noise=4)
    first = fit_regressor(examples.subset(np.arange(by_hand)), SCHEME).regressor
    accepted = np.zeros((count, 3), dtype=bool)
    accepted[by_hand:] = True
    taken = first.predict(examples.landmarks, examples.sizes)
    annotations = np.where(accepted[..., None], taken, examples.annotations)
    return replace(examples, annotations=annotations, accepted=accepted)


def test_points_that_were_accepted_as_suggested_promise_nothing():
    examples = some_accepted(4, 24)
    fit = fit_regressor(examples, SCHEME)
    promise, taken_in = (
        promise_of(fit, one) for one in (examples, replace(examples, accepted=None))
    )
    own = fit.leave_one_out[:4]
    assert promise.overall.pixels == pytest.approx(own.mean())
    assert (promise.overall.images, promise.points[0].images) == (4, 4)
    plain = mean_shape_left_out(examples)[:4]
    assert promise.overall.mean_shape_pixels == pytest.approx(plain.mean())
    assert taken_in.overall.pixels < promise.overall.pixels / 2
    other = made_examples(200, noise=4, seed=5)
    found = fit.regressor.predict(other.landmarks, other.sizes) - other.annotations
    error = np.linalg.norm(found, axis=-1).mean()
    assert abs(promise.overall.pixels - error) < abs(taken_in.overall.pixels - error) / 2


def test_points_by_hand_on_one_image_promise_nothing():
    examples = some_accepted(1, 8)
    promise = promise_of(fit_regressor(examples, SCHEME), examples)
    assert np.isnan(promise.overall.pixels)
    assert promise.overall.images == 1
