from dataclasses import replace

import numpy as np
import pytest

from evaluation.made_examples import SCHEME, made_examples
from warpmarks.regression.examples import Examples
from warpmarks.regression.fitting import fit_regressor
from warpmarks.regression.standing_out import StandingOut, standing_out


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
