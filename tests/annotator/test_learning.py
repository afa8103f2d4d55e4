from dataclasses import replace

import numpy as np
import pytest

from warpmarks.annotator.annotations import Scheme
from warpmarks.annotator.learning import FEWEST_TO_JUDGE, caution, curve_counts, judge
from warpmarks.annotator.panel import progress_of
from warpmarks.annotator.predicting import (
    errors_after,
    fit_placed,
)
from warpmarks.points import Normaliser, PointScheme
from warpmarks.regression.examples import Examples
from warpmarks.regression.fitting import fit_regressor
from warpmarks.regression.promise import mean_shape_left_out

COLOURS = ("#e61e2d", "#2d7dff")


def made(count: int, noise: float, seed: int = 0) -> Examples:
    """Two points that hang on five landmarks, on images of unlike sizes."""
    generator = np.random.default_rng(seed)
    sizes = generator.uniform(80, 200, (count, 2)).round()
    landmarks = generator.uniform(0.2, 0.8, (count, 5, 2)) * sizes[:, None]
    points = np.stack([landmarks[:, :2].mean(axis=1), landmarks[:, 2:].mean(axis=1)], axis=1)
    points += generator.normal(0, noise, points.shape)
    names = tuple(f"{index}.png" for index in range(count))
    return Examples(names, landmarks, np.ones((count, 5)), points, sizes)


def test_errors_after_some_labels_are_those_of_fits_without_the_image():
    examples = made(7, 2.0)
    examples.annotations[1, 1] = np.nan
    errors = errors_after(examples, 4)
    first = fit_placed(examples.subset(np.arange(4)))
    for row in range(4, 7):
        predicted = first.predict(examples.landmarks[[row]], examples.sizes[[row]])[0]
        expected = np.linalg.norm(predicted - examples.annotations[row], axis=-1)
        np.testing.assert_allclose(errors[row], expected)
    np.testing.assert_array_equal(errors[:4], first.errors)
    assert np.isnan(errors[1, 1])
    assert np.isfinite(errors[1, 0])


def test_errors_after_some_labels_are_not_of_pictures_that_have_them():
    examples = replace(made(7, 2.0), pictures=tuple("abcdbef"))
    errors = errors_after(examples, 4)
    assert np.isnan(errors[4]).all()
    assert np.isfinite(np.delete(errors, 4, axis=0)).all()


def test_the_mean_shape_is_that_of_the_other_images():
    examples = made(3, 0.0)
    same = Examples(
        examples.names,
        examples.landmarks,
        examples.scores,
        np.array([[[10.0, 20.0]], [[30.0, 20.0]], [[20.0, 50.0]]]),
        np.full((3, 2), 101.0),
    )
    errors = mean_shape_left_out(same)
    np.testing.assert_allclose(errors[:, 0], [np.hypot(15, 15), np.hypot(15, 15), 30])


@pytest.mark.parametrize("count", [0, 1, 2, 5, 12, 13, 400])
def test_the_curve_ends_at_all_labels_and_has_few_steps(count):
    counts = curve_counts(count)
    assert counts == sorted(set(counts))
    assert len(counts) <= 13
    assert not counts or counts[-1] == count
    assert all(step >= 1 for step in counts)


def errors(*values: float) -> np.ndarray:
    return np.array(values)[:, None]


def test_nothing_is_said_of_what_nobody_knows():
    nothing = np.full((0, 2), np.nan)
    assert "Label one image" in judge(nothing, nothing).sentence
    one = np.full((1, 2), np.nan)
    assert "from the second one on" in judge(one, one).sentence
    few = errors(2.0, 3.0, 4.0)
    verdict = judge(few, few)
    assert verdict.helps is None
    assert "3.0 px off" in verdict.sentence


def test_labels_that_helped_are_said_to_help_and_how_much_more_to_expect():
    now = errors(*[4.0, 5.0, 6.0, 5.0, 4.5, 5.5, 5.0, 5.0])
    verdict = judge(now, 2 * now)
    assert verdict.helps is True
    assert "from 4 to 8 labelled images took the error from 10.0 to 5.0 px" in verdict.sentence
    assert "8 more would bring it to about 2.5 px" in verdict.sentence


@pytest.mark.parametrize("change", [0.0, 0.05, -0.5])
def test_labels_that_hardly_helped_are_said_to_stop_helping(change):
    now = errors(*[4.0, 5.0, 6.0, 5.0, 4.5, 5.5, 5.0, 5.0])
    verdict = judge(now, now + change)
    assert verdict.helps is False
    assert "will not help much" in verdict.sentence


def test_a_gain_that_chance_could_bring_is_no_gain():
    now = errors(*[5.0] * 8)
    chance = np.array([6, -6, 5, -4, 7, -5, 2, -1])[:, None] * 1.0
    verdict = judge(now, now + chance)  # better by 0.5 px on average, by 1.8 px at one error
    assert verdict.helps is False
    assert judge(now, now + np.abs(chance)).helps is True


def test_landmarks_that_are_no_better_than_the_mean_shape_are_called_no_help():
    many = errors(*[5.0] * FEWEST_TO_JUDGE)
    assert "is only 4.9 px off" in caution(many, many - 0.1)
    assert caution(many, many + 0.1) == ""
    assert caution(many[1:], many[1:] - 0.1) == ""
    blind = made(FEWEST_TO_JUDGE + 2, 0.5)
    blind.landmarks[:] = np.random.default_rng(5).permutation(blind.landmarks)
    told = progress_of(blind, fit_placed(blind), Scheme(("a", "b"), COLOURS))
    assert "no help on these pictures" in told["sentence"]


def test_the_panel_gives_pixels_and_shares_of_the_normaliser():
    examples = made(FEWEST_TO_JUDGE + 14, 1.5)
    fitted = fit_placed(examples)
    scheme = Scheme(("a", "b"), COLOURS, (), (0, 1))
    panel = progress_of(examples, fitted, scheme)
    lengths = np.linalg.norm(examples.annotations[:, 0] - examples.annotations[:, 1], axis=-1)
    shares = np.nanmean(100 * fitted.errors / lengths[:, None], axis=0)
    for told, share in zip(panel["points"], shares, strict=True):
        assert told["error_percent"] == pytest.approx(share, abs=1e-3)
    assert panel["all"]["error_px"] == pytest.approx(np.mean(fitted.errors), abs=1e-3)
    assert panel["history"][0]["labels"] == 1
    assert panel["history"][0]["error_px"] > panel["all"]["error_px"]
    assert panel["mean_shape"]["error_px"] > panel["all"]["error_px"]
    assert panel["normaliser"] == "the distance from a to b"
    assert "no help" not in panel["sentence"]


def test_a_normaliser_without_length_gives_no_share_and_no_error():
    examples = made(4, 1.0)
    examples.annotations[:, 1] = np.nan  # the box around one point is a point
    panel = progress_of(examples, fit_placed(examples), Scheme(("a", "b"), COLOURS))
    assert panel["points"][0]["error_px"] is not None
    assert panel["points"][0]["error_percent"] is None
    assert panel["all"]["error_percent"] is None
    assert panel["points"][1]["labelled"] == 0


def test_of_points_in_the_mirror_only_those_that_are_placed_are_fitted():
    examples = made(3, 1.0)
    third = np.full((3, 1, 2), np.nan)
    examples = replace(examples, annotations=np.concatenate([third, examples.annotations], axis=1))
    mirrored = replace(
        examples,
        landmarks=np.stack(
            [examples.sizes[:, :1] - 1 - examples.landmarks[..., 0], examples.landmarks[..., 1]], -1
        ),
        annotations=np.stack(
            [
                examples.sizes[:, :1] - 1 - examples.annotations[..., 0],
                examples.annotations[..., 1],
            ],
            -1,
        ),
    )
    fitted = fit_placed(examples, mirrored=mirrored, pairs=((1, 2),))
    scheme = PointScheme(("1", "2"), Normaliser("image", "image"), ((0, 1),))
    expected = fit_regressor(
        replace(examples, annotations=examples.annotations[:, 1:]),
        scheme,
        mirrored=replace(mirrored, annotations=mirrored.annotations[:, 1:]),
    )
    np.testing.assert_array_equal(fitted.points, [1, 2])
    np.testing.assert_allclose(fitted.regressor.weights, expected.regressor.weights)
    alone = fit_placed(examples)
    assert np.abs(fitted.regressor.weights - alone.regressor.weights).max() > 1e-3
    np.testing.assert_array_equal(fitted.errors, alone.errors)


def test_a_point_whose_partner_is_placed_nowhere_is_not_taken_for_its_own():
    generator = np.random.default_rng(4)
    middle, sizes = generator.uniform(80, 120, (5, 1, 2)), np.full((5, 2), 201.0)
    spread = np.array([[-60, -20], [-30, 40], [0, -50], [0, 10], [30, 40], [60, -20]])
    landmarks = middle + spread + generator.normal(0, 0.1, (5, 6, 2))
    left, nose = landmarks[:, 3] - [6, 0], landmarks[:, 3] + [0, 30]
    nowhere = np.full((5, 2), np.nan)
    annotations = np.stack([left, nowhere, nose], axis=1)
    names = tuple("abcde")
    examples = Examples(names, landmarks, np.ones((5, 6)), annotations, sizes)

    def other_side(points):
        return points * [-1, 1] + [200, 0]

    # Landmarks of a mirrored image are where the network finds the same spots: they change places.
    seen = other_side(landmarks)[:, [5, 4, 2, 3, 1, 0]]
    mirrored = replace(examples, landmarks=seen, annotations=other_side(annotations))
    fitted = fit_placed(examples, mirrored=mirrored, pairs=((0, 1),))
    predicted = fitted.predict(landmarks, sizes)
    assert np.abs(predicted[:, 0] - left).max() < 0.06
