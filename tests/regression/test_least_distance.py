import numpy as np
import pytest
from numpy.random import default_rng
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from sklearn.linear_model import Ridge as SklearnRidge

from warpmarks.regression.choice import mean_distance, simplest
from warpmarks.regression.least_distance import MANY, NEAR, counts_of, fit_linear
from warpmarks.regression.least_squares import GRID, PlainMaps
from warpmarks.regression.ridge import Ridge, thin_svd
from warpmarks.regression.warped import fit_warped
from warpmarks.spreading import spread_evenly


def made(count, *, landmarks=4, points=3, seed=0):
    generator = default_rng(seed)
    x = generator.normal([0.3, -0.2], 0.4, (count, landmarks, 2))
    weights = generator.normal(0, 0.4, (2 * points, 2 * landmarks))
    y = (x.reshape(count, -1) @ weights.T).reshape(count, points, 2)
    return x, y + generator.normal(0, 0.05, y.shape)


def by_scikit_learn(x, y, alpha, *, bias, mean=None):
    """W and c; without bias the direction of the mean inputs is not penalised."""
    inputs, targets = x.reshape(len(x), -1), y.reshape(len(y), -1)
    if bias:
        fitted = SklearnRidge(alpha=alpha, solver="svd").fit(inputs, targets)
        return fitted.coef_, fitted.intercept_
    mean = inputs.mean(axis=0) if mean is None else mean
    direction = mean / np.linalg.norm(mean)
    across = np.eye(len(mean)) - np.outer(direction, direction)
    # A ridge on W across, written as rows of data.
    rows = np.concatenate([inputs, np.sqrt(alpha) * across])
    zeros = np.zeros((len(mean), targets.shape[1]))
    return np.linalg.lstsq(rows, np.concatenate([targets, zeros]), rcond=None)[0].T, 0.0


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("count", [5, 40])
def test_weights_and_left_out_errors_are_those_of_refitting(count, bias):
    x, y = made(count)
    fit = PlainMaps.of(x, y, bias=bias).best()
    inputs = x.reshape(count, -1)
    alpha = fit.chosen["ridge"] * (inputs**2).sum(axis=1).mean()
    weights, offset = by_scikit_learn(x, y, alpha, bias=bias)
    assert_allclose(fit.weights, weights, atol=1e-6)
    assert_allclose(fit.offset, np.broadcast_to(offset, fit.offset.shape), atol=1e-6)
    for image in range(count):
        others = np.delete(np.arange(count), image)
        weights, offset = by_scikit_learn(
            x[others], y[others], alpha, bias=bias, mean=inputs.mean(axis=0)
        )
        said = (weights @ inputs[image] + offset).reshape(-1, 2)
        assert_allclose(fit.errors[image], y[image] - said, atol=1e-6)


def test_the_ridge_is_the_one_of_least_left_out_error():
    x, y = made(12)
    fit = PlainMaps.of(x, y, bias=True).best()
    errors = []
    for share in GRID:
        alpha = share * (x.reshape(12, -1) ** 2).sum(axis=1).mean()
        lengths = []
        for image in range(12):
            others = np.delete(np.arange(12), image)
            weights, offset = by_scikit_learn(x[others], y[others], alpha, bias=True)
            said = (weights @ x[image].ravel() + offset).reshape(-1, 2)
            lengths.append(np.linalg.norm(y[image] - said, axis=1))
        errors.append(np.mean(lengths))
    assert fit.chosen["ridge"] == GRID[int(np.argmin(errors))]
    assert mean_distance(fit.errors) == pytest.approx(min(errors))


def test_a_hidden_point_leaves_its_image_out_of_its_own_fit_only():
    x, y = made(20)
    hidden = y.copy()
    hidden[[2, 7, 11], 1] = np.nan
    fit = PlainMaps.of(x, hidden, bias=True).best()
    alpha = fit.chosen["ridge"] * (x.reshape(20, -1) ** 2).sum(axis=1).mean()
    shown = np.setdiff1d(np.arange(20), [2, 7, 11])
    all_of_them, _ = by_scikit_learn(x, y, alpha, bias=True)
    without, _ = by_scikit_learn(x[shown], y[shown], alpha, bias=True)
    assert_allclose(fit.weights[[0, 1, 4, 5]], all_of_them[[0, 1, 4, 5]], atol=1e-6)
    assert_allclose(fit.weights[2:4], without[2:4], atol=1e-6)
    assert np.isnan(fit.errors[[2, 7, 11], 1]).all()


@pytest.mark.parametrize("bias", [False, True])
def test_an_image_that_counts_three_times_is_as_if_it_were_there_so_often(bias):
    x, y = made(15)
    counts = default_rng(3).integers(1, 4, 15)
    plain = PlainMaps.of(x, y, bias=bias, counts=counts.astype(float))
    repeated = np.repeat(np.arange(15), counts)
    inputs = x.reshape(15, -1)
    alpha = 0.03 * (inputs**2).sum(axis=1).mean()
    mean = inputs.mean(axis=0)
    found = plain.map(0.03, plain.left_out(0.03))
    weights, offset = by_scikit_learn(x[repeated], y[repeated], alpha, bias=bias, mean=mean)
    assert_allclose(found.weights, weights, atol=1e-6)
    assert_allclose(found.offset, np.broadcast_to(offset, found.offset.shape), atol=1e-6)
    for image in (0, 7):
        others = repeated[repeated != image]
        weights, offset = by_scikit_learn(x[others], y[others], alpha, bias=bias, mean=mean)
        said = (weights @ inputs[image] + offset).reshape(-1, 2)
        assert_allclose(found.errors[image], y[image] - said, atol=1e-6)


@pytest.mark.parametrize("bias", [False, True])
def test_the_linear_map_has_the_least_mean_distance(bias):
    x, y = made(400, points=2)
    y = y + default_rng(4).exponential(0.1, y.shape) ** 2 * [20.0, 6.0]
    inputs = x.reshape(400, -1)
    free = np.ones((400, 1)) if bias else np.zeros((400, 0))
    columns = np.concatenate([inputs, free], axis=1)

    def mean_distance_by(weights, offset, point):
        said = inputs @ weights[2 * point : 2 * point + 2].T + offset[2 * point : 2 * point + 2]
        return np.linalg.norm(said - y[:, point], axis=1).mean()

    found, squares = fit_linear(x, y, bias=bias), PlainMaps.of(x, y, bias=bias).best()
    for point in range(2):

        def distance(flat, point=point):
            off = columns @ flat.reshape(-1, 2) - y[:, point]
            lengths = np.linalg.norm(off, axis=1) + 1e-12
            return lengths.mean(), (columns.T @ (off / lengths[:, None]) / 400).ravel()

        start = np.linalg.lstsq(columns, y[:, point], rcond=None)[0].ravel()
        least = minimize(distance, start, jac=True, method="L-BFGS-B").fun
        assert mean_distance_by(found.weights, found.offset, point) < 1.01 * least
        assert mean_distance_by(squares.weights, squares.offset, point) > 1.03 * least


def test_the_best_of_all_rounds_is_taken_and_not_the_last():
    x, y = made(90, points=1, seed=11)
    rounds = [PlainMaps.of(x, y, bias=False).best()]
    for _ in range(2):
        counts = counts_of(rounds[-1].errors[:, 0])
        rounds.append(PlainMaps.of(x, y, bias=False, counts=counts).best())
    first, second, third = (mean_distance(one.errors) for one in rounds)
    assert second < third < first
    assert_allclose(fit_linear(x, y, bias=False).weights, rounds[1].weights)


def test_images_that_went_wrong_hardly_move_the_linear_map():
    x, y = made(300)
    wrong = y.copy()
    wrong[::10, 0] += [3.0, -1.0]
    clean, found = fit_linear(x, y, bias=False), fit_linear(x, wrong, bias=False)
    squares = PlainMaps.of(x, wrong, bias=False).best()
    new, _ = made(300, seed=1)
    inputs = new.reshape(300, -1)

    def moved(fit):
        return np.linalg.norm(inputs @ (fit.weights - clean.weights)[:2].T, axis=1).mean()

    assert moved(found) < 0.02
    assert moved(squares) > 0.2
    # Its other points are fitted as they were, but for a ridge that all begin with.
    assert_allclose(found.weights[2:], clean.weights[2:], atol=1e-3)


def test_an_image_that_is_met_exactly_counts_ten_times_as_much_as_a_middle_one():
    lengths = np.array([0.0, 1e-9, 2.0, 2.0, 2.0, 40.0, np.nan])
    errors = lengths[:, None] * np.array([0.6, -0.8])
    counts = counts_of(errors)
    assert counts[:2] / counts[2] == pytest.approx(np.hypot(1, NEAR) / NEAR)
    assert counts[2] / counts[5] == pytest.approx(np.hypot(20, NEAR) / np.hypot(1, NEAR))
    assert counts[6] == counts[2]  # where it is not known, as the middle one
    assert counts[:6].mean() == pytest.approx(1)


def test_what_is_told_of_few_images_is_what_least_squares_leave_out():
    x, y = made(70)
    fit, squares = fit_linear(x, y, bias=False), PlainMaps.of(x, y, bias=False).best()
    assert len(x) < MANY * 2 * x.shape[1]
    assert_allclose(fit.errors, squares.errors)
    assert not np.allclose(fit.weights, squares.weights, atol=1e-4)


def test_what_is_told_of_many_images_is_what_whole_fits_without_them_say():
    x, y = made(90, points=1)
    y = y + default_rng(4).exponential(0.1, y.shape) ** 2 * [20.0, 6.0]
    assert len(x) > MANY * 2 * x.shape[1]
    told = np.linalg.norm(fit_linear(x, y, bias=False).errors[:, 0], axis=1)
    honest = []
    for image in range(0, 90, 3):
        others = np.delete(np.arange(90), image)
        weights = fit_linear(x[others], y[others], bias=False).weights
        honest.append(np.linalg.norm(y[image, 0] - weights @ x[image].ravel()))
    assert told[::3].mean() == pytest.approx(np.mean(honest), rel=0.02)


def test_landmarks_that_say_all_are_fitted_exactly():
    x, _ = made(30)
    y = x[:, 1:3] * 0.5
    fit = fit_linear(x, y, bias=False)
    assert_allclose(x.reshape(30, -1) @ fit.weights.T, y.reshape(30, -1), atol=1e-6)


def test_warped_copies_are_left_out_with_their_image():
    x, y = made(6)
    generator = default_rng(1)
    copies_x = x[:, None] + generator.normal(0, 0.05, (6, 3, 4, 2))
    copies_y = y[:, None] + generator.normal(0, 0.05, (6, 3, 3, 2))
    fit = fit_warped(x, y, copies_x, copies_y, bias=True)
    rows_x = np.concatenate([x[:, None], copies_x], axis=1)
    rows_y = np.concatenate([y[:, None], copies_y], axis=1)
    alpha = fit.chosen["ridge"] * (rows_x.reshape(24, -1) ** 2).sum(axis=1).mean()
    flat = rows_x.reshape(24, 4, 2), rows_y.reshape(24, 3, 2)
    weights, offset = by_scikit_learn(*flat, alpha, bias=True)
    assert_allclose(fit.weights, weights, atol=1e-6)
    for image in range(6):
        others = np.delete(np.arange(6), image)
        weights, offset = by_scikit_learn(
            rows_x[others].reshape(20, 4, 2), rows_y[others].reshape(20, 3, 2), alpha, bias=True
        )
        said = (weights @ x[image].ravel() + offset).reshape(-1, 2)
        assert_allclose(fit.errors[image], y[image] - said, atol=1e-6)


def test_a_group_without_which_the_rest_determine_nothing_has_no_error():
    inputs, targets = default_rng(3).normal(size=(8, 3)), default_rng(4).normal(size=(8, 5))
    inputs[2:, 2] = 0  # only the first group says how the last input tells
    groups = np.arange(8).reshape(4, 2)
    errors = Ridge.of(inputs).groups_left_out(targets, 0.0, groups)
    assert np.isnan(errors[0]).all()
    for group in range(1, 4):
        others = np.delete(np.arange(8), groups[group])
        weights = np.linalg.lstsq(inputs[others], targets[others], rcond=None)[0]
        first = groups[group, 0]
        assert_allclose(errors[group], targets[first] - inputs[first] @ weights, atol=1e-9)


@pytest.mark.parametrize("unit", [1e-8, 1.0, 1e8])
def test_inputs_in_any_unit_have_the_same_rank(unit):
    inputs = unit * (default_rng(5).normal(size=(9, 3)) @ default_rng(6).normal(size=(3, 5)))
    for one in (inputs, inputs.T):
        left, strengths, right = thin_svd(one)
        assert len(strengths) == 3
        assert_allclose((left * np.sqrt(strengths)) @ right.T, one, atol=1e-9 * unit)
    assert len(thin_svd(0 * inputs)[1]) == 0


def test_landmarks_that_are_in_the_middle_on_average_leave_no_direction_free():
    x, y = made(20)
    x[1::2] = -x[::2]
    weight = 0.03
    fit = PlainMaps.of(x, y, bias=False).map(weight, y)
    rows = x.reshape(20, -1)
    alpha = weight * (rows**2).sum(axis=1).mean()
    expected = SklearnRidge(alpha=alpha, fit_intercept=False).fit(rows, y.reshape(20, -1)).coef_
    assert_allclose(fit.weights, expected, atol=1e-9)


def test_one_image_gives_a_map_without_a_promise():
    x, y = made(1)
    fit = fit_linear(x, y, bias=False)
    assert np.isnan(fit.errors).all()
    said = (fit.weights @ x.ravel()).reshape(-1, 2)
    assert np.linalg.norm(said - y[0], axis=1).max() < 0.05


def test_leverages_are_the_diagonal_of_the_smoother():
    inputs = default_rng(2).normal(size=(9, 4))
    ridge = Ridge.of(inputs, np.ones(9))
    smoother = ridge.fitted(np.eye(9), 0.7)
    assert_allclose(ridge.leverages(0.7), np.diag(smoother))
    columns, kept = ridge.smoother(0.7)
    assert_allclose((columns * kept) @ columns.T, smoother, atol=1e-12)


def test_the_simplest_that_is_not_clearly_worse_is_chosen():
    generator = default_rng(0)
    base = generator.uniform(1, 3, (40, 1, 1)) * np.ones((40, 2, 2))
    better = 0.7 * base
    errors = {1.0: base, 3.0: better}
    assert simplest((1.0, 3.0), errors.__getitem__, otherwise=9.0) == 3.0
    assert simplest((3.0, 1.0), errors.__getitem__, otherwise=9.0) == 3.0
    # Worse by 0.01 on average, 0.3 to and fro: a standard error of 0.05.
    close = {1.0: base, 2.0: base + 0.01 + 0.3 * np.tile([[[1.0]], [[-1.0]]], (20, 1, 1))}
    assert simplest((2.0, 1.0), close.__getitem__, otherwise=9.0) == 2.0
    assert simplest((1.0, 2.0), close.__getitem__, otherwise=9.0) == 1.0
    farther = {1.0: base, 2.0: close[2.0] + 0.02}  # by 0.03: more than half a standard error
    assert simplest((2.0, 1.0), farther.__getitem__, otherwise=9.0) == 1.0
    unknown = np.full((40, 2, 2), np.nan)
    assert simplest((1.0, 2.0), {1.0: unknown, 2.0: base}.__getitem__, otherwise=9.0) == 2.0
    assert simplest((1.0,), {1.0: unknown}.__getitem__, otherwise=9.0) == 9.0


def test_the_simplest_of_errors_with_gaps_is_that_of_a_slow_search():
    generator = default_rng(6)
    for _ in range(100):
        errors = generator.normal(0, 1, (3, 6, 3, 2)) * generator.uniform(0.8, 1.2, (3, 1, 1, 1))
        errors[:, generator.random((6, 3)) < 0.4] = np.nan
        means = []
        for candidate in errors:
            of_images = [[np.hypot(*e) for e in image if np.isfinite(e[0])] for image in candidate]
            means.append([sum(one) / len(one) for one in of_images if one])
        best = min(range(3), key=lambda c: sum(means[c]))
        for expected in range(3):
            worse = np.subtract(means[expected], means[best])
            if worse.mean() <= 0.5 * np.sqrt(worse.var(ddof=1) / len(worse)):
                break
        left_out = dict(zip((1.0, 3.0, 9.0), errors, strict=True))
        found = simplest(tuple(left_out), left_out.__getitem__, otherwise=0.0)
        assert found == tuple(left_out)[expected]


def test_spread_evenly_takes_the_ends():
    assert spread_evenly(9, 4).tolist() == [0, 3, 5, 8]  # not 2.7 and 5.3
    assert spread_evenly(3, 5).tolist() == [0, 1, 2]
    assert spread_evenly(0, 5).tolist() == []
