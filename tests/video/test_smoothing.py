from dataclasses import dataclass

import numpy as np
import pytest
from scipy.signal import savgol_filter

from warpmarks.errors import InputError
from warpmarks.video.smoothing import Smoother


@dataclass
class Sample:
    time: float
    points: np.ndarray | None
    scores: np.ndarray | None = None


def walk(count, seed=0, points=3):
    steps = np.random.default_rng(seed).normal(size=(count, points, 2))
    return np.cumsum(steps, axis=0) + steps


def samples(values, times=None, scores=None):
    times = np.arange(len(values)) / 25 if times is None else times
    return [
        Sample(float(time), value, None if scores is None else scores[index])
        for index, (time, value) in enumerate(zip(times, values, strict=True))
    ]


def smoothed(items, window=7, interval=0.04):
    given = list(Smoother(window, interval)(iter(items)))
    assert [item for item, _ in given] == items
    return [points for _, points in given]


@pytest.mark.parametrize("window", [3, 5, 7, 15])
@pytest.mark.parametrize("count", [15, 16, 40])
@pytest.mark.parametrize("scored", [False, True])
def test_at_a_constant_rate_it_is_scipys_filter_also_at_the_ends(window, count, scored):
    values = walk(count)
    scores = np.full((count, 3), 0.4) if scored else None
    found = smoothed(samples(values, scores=scores), window)
    expected = savgol_filter(values, window, 2, axis=0, mode="interp")
    np.testing.assert_allclose(np.stack(found), expected, atol=1e-9)


def test_unequal_times_and_scores_give_the_weighted_parabola_of_polyfit():
    count, window, half = 30, 7, 3
    generator = np.random.default_rng(3)
    times = np.cumsum(generator.uniform(0.02, 0.06, count))
    values, scores = walk(count, points=2), generator.uniform(0.05, 1, (count, 2))
    found = smoothed(samples(values, times, scores), window)
    for frame in range(count):
        start = min(max(frame - half, 0), count - window)
        near = slice(start, start + window)
        for point in range(2):
            for axis in range(2):
                parabola = np.polyfit(
                    times[near] - times[frame],
                    values[near, point, axis],
                    2,
                    w=np.sqrt(scores[near, point]),
                )
                assert found[frame][point, axis] == pytest.approx(parabola[-1], abs=1e-8)


def test_a_jump_that_the_detector_doubts_is_drawn_back_and_not_one_that_it_is_sure_of():
    values = np.zeros((21, 1, 2))
    values[10] = 30
    doubted, sure = np.ones((21, 1)), np.ones((21, 1))
    doubted[10] = 0.01
    assert abs(smoothed(samples(values, scores=doubted))[10]).max() < 0.5
    assert abs(smoothed(samples(values, scores=sure))[10]).max() > 8


def test_a_parabola_is_not_changed():
    times = np.array([0, 0.04, 0.07, 0.2, 0.21, 0.3, 0.31, 0.4, 0.44, 0.5])
    values = (3 + 2 * times - 50 * times**2)[:, None, None] * np.array([[1.0, -2.0]])
    for before, after in zip(values, smoothed(samples(values, times)), strict=True):
        np.testing.assert_allclose(after, before, atol=1e-9)


def test_a_frame_without_points_stays_without_and_its_neighbours_are_fitted_around_it():
    values = walk(20)
    items = samples(values)
    items[8].points = None
    found = smoothed(items)
    assert found[8] is None
    near = [5, 6, 7, 9, 10, 11, 12]
    times = np.array([item.time for item in items])
    parabola = np.polyfit(times[near] - times[9], values[near, 0, 0], 2)
    assert found[9][0, 0] == pytest.approx(parabola[-1], abs=1e-9)


@pytest.mark.parametrize("missing", [3, 9])
@pytest.mark.parametrize("way", ["broken frames", "a pause"])
def test_nothing_is_smoothed_across_a_gap(way, missing):
    first, second = walk(17, seed=1), 500 + walk(12, seed=2)
    times = np.concatenate([np.arange(17), np.arange(12) + 17 + missing]) / 25
    items = samples([*first, *second], times)
    if way == "broken frames":
        items[17:17] = [Sample((17 + n) / 25, None) for n in range(missing)]
    found = [points for points in smoothed(items) if points is not None]
    expected = [savgol_filter(part, 7, 2, axis=0, mode="interp") for part in (first, second)]
    np.testing.assert_allclose(np.stack(found), np.concatenate(expected), atol=1e-9)


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_a_film_shorter_than_the_window(count):
    values = walk(count)
    found = np.stack(smoothed(samples(values), 9))
    if count <= 3:
        np.testing.assert_allclose(found, values, atol=1e-9)
    else:
        times = np.arange(count)
        parabola = np.polyfit(times, values[:, 1, 0], 2)
        np.testing.assert_allclose(found[:, 1, 0], np.polyval(parabola, times), atol=1e-9)


def test_times_that_do_not_rise_and_scores_of_nothing():
    values = walk(9)
    scores = np.zeros((9, 3))
    scores[4] = np.nan
    found = np.stack(smoothed(samples(values, np.zeros(9), scores)))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[4], values[1:8].mean(axis=0))


def test_few_frames_wait_even_where_nothing_can_be_smoothed():
    taken = 0

    def frames():
        nonlocal taken
        for index in range(1000):
            taken += 1
            yield Sample(index / 25, walk(1)[0] if index < 5 or index % 400 == 0 else None)

    for given, _ in enumerate(Smoother(7, 0.04)(frames())):
        assert taken - given <= 10


@pytest.mark.parametrize("window", [1, 4, -3, 103])
def test_a_window_that_is_none(window):
    with pytest.raises(InputError, match=f"--smooth is {window}: expected an odd number"):
        Smoother(window, 0.04)
