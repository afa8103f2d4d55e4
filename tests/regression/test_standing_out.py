from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from evaluation.made_examples import SCHEME, made_examples
from warpmarks.regression.examples import Examples
from warpmarks.regression.fitting import Fit, fit_regressor
from warpmarks.regression.standing_out import (
    FAR,
    FEWEST,
    NEAR,
    SWAPPED,
    TIMES,
    StandingOut,
    standing_out,
)


def _found(examples: Examples) -> list[StandingOut]:
    return list(standing_out(fit_regressor(examples, SCHEME), examples))


def test_no_image_stands_out_where_all_are_alike():
    assert _found(made_examples(20)) == []
    assert _found(made_examples(4)) == []


def test_the_image_of_swapped_points_is_named_with_them():
    examples = replace(made_examples(20), lines=tuple(range(2, 22)))
    examples.annotations[13, [0, 1]] = examples.annotations[13, [1, 0]]
    (one,) = _found(examples)
    assert (one.image, one.swapped) == ("013.png", ("left eye", "right eye"))
    assert one.after < 5
    assert one.before > 20
    assert one.sentence.startswith("013.png, line 15 is ")
    assert "its points left eye and right eye look swapped" in one.sentence
    assert one.record()["swapped"] == ["left eye", "right eye"]


def test_a_point_in_a_wrong_place_is_not_called_swapped():
    examples = made_examples(20)
    examples.annotations[3, 2] += [30, -25]
    examples.annotations[6, 0] = np.nan
    examples.sizes[7:] *= 3  # an error is a share of its image
    for row in range(7, 20):
        examples.landmarks[row] = 3 * examples.landmarks[row] + 1
        examples.annotations[row] = 3 * examples.annotations[row] + 1
    examples.annotations[11, :2] = examples.annotations[11, [1, 0]] + [0, 30]  # nor are these
    other, one = _found(examples)
    assert (other.image, other.swapped) == ("011.png", None)
    assert (one.image, one.swapped) == ("003.png", None)
    assert one.pixels == pytest.approx(np.hypot(30, 25) / 3, rel=0.3)
    assert one.sentence.endswith("the middle image: look at its points.")


def slow_standing_out(fit: Fit, examples: Examples) -> list[StandingOut]:
    """Image by image and pair by pair, with no nan in it."""
    sides = [float(np.sqrt(width * height)) for width, height in examples.sizes]
    known = [
        {p: float(own[p]) for p in np.flatnonzero(measured)}
        for own, measured in zip(fit.leave_one_out, examples.measured, strict=True)
    ]
    if sum(map(bool, known)) < FEWEST:
        return []
    shares = [{p: e / side for p, e in own.items()} for own, side in zip(known, sides, strict=True)]
    middle = np.median([np.mean(list(own.values())) for own in shares if own])
    of_points = [np.median([own[p] for own in shares if p in own] or [np.inf]) for p in range(3)]
    found = []
    for row in range(len(examples)):
        if not known[row]:
            continue
        swaps = []
        for a, b in combinations(known[row], 2):
            usual = of_points[a] + of_points[b]
            before = (known[row][a] + known[row][b]) / 2
            at, said = examples.annotations[row], fit.left_out[row]
            after = (np.hypot(*(at[a] - said[b])) + np.hypot(*(at[b] - said[a]))) / 2
            far, near = 2 * before / sides[row] > FAR * usual, 2 * after / sides[row] < NEAR * usual
            if far and near and after < SWAPPED * before:
                swaps.append((before - after, (SCHEME.names[a], SCHEME.names[b]), before, after))
        times = float(np.mean(list(shares[row].values())) / middle)
        pixels = float(np.mean(list(known[row].values())))
        if swaps or times >= TIMES:
            of_pair = max(swaps)[1:] if swaps else ()
            found.append(StandingOut(examples.names[row], "", pixels, times, *of_pair))
    return sorted(found, key=lambda one: -one.times)


def test_who_stands_out_is_what_a_slow_search_says():
    generator = np.random.default_rng(0)
    any_fit = fit_regressor(made_examples(4), SCHEME)
    swapped = total = 0
    for count in [*range(4, 9)] * 12:
        examples = made_examples(count)
        scale = generator.uniform(0.5, 3, (count, 1))
        truth = examples.annotations * scale[..., None]
        said = truth + scale[..., None] * generator.normal(0, [[1], [2], [4]], truth.shape)
        for row in np.flatnonzero(generator.random(count) < 0.4):
            pair = generator.permutation(3)[:2]
            truth[row, pair] = truth[row, pair[::-1]]
            truth[row] += generator.exponential(4, truth[row].shape)
        truth[generator.random((count, 3)) < 0.15] = np.nan
        examples = replace(
            examples,
            annotations=truth,
            sizes=examples.sizes * scale,
            accepted=generator.random((count, 3)) < 0.1,
        )
        fit = replace(
            any_fit,
            left_out=said,
            leave_one_out=np.linalg.norm(truth - said, axis=-1),
            lengths=np.ones(count),
        )
        found, expected = standing_out(fit, examples), slow_standing_out(fit, examples)
        assert [(one.image, one.swapped) for one in found] == [
            (one.image, one.swapped) for one in expected
        ]
        for one, other in zip(found, expected, strict=True):
            assert (one.pixels, one.times, one.before, one.after) == pytest.approx(
                (other.pixels, other.times, other.before, other.after), nan_ok=True
            )
        swapped += sum(one.swapped is not None for one in found)
        total += len(found)
    assert total > swapped > 20
