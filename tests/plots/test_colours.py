import re
from pathlib import Path

import numpy as np
import pytest

from warpmarks.plots.colours import colour_code, ink_on, landmark_colours


def test_every_landmark_up_to_two_hundred_has_a_colour_of_its_own():
    colours = landmark_colours(200)
    assert len({tuple(colour) for colour in colours.tolist()}) == 200


def test_a_colour_depends_on_the_index_alone():
    np.testing.assert_array_equal(landmark_colours(10), landmark_colours(130)[:10])


def test_the_annotators_page_has_the_same_colours():
    page = Path(__file__).parents[2] / "web" / "src" / "scheme.ts"
    listed = re.search(r"const COLOURS = \[(.*?)\]", page.read_text(), re.DOTALL)[1]
    codes = re.findall(r'"(#[0-9a-f]{6})"', listed)
    assert len(codes) == 20
    assert codes == [colour_code(colour) for colour in landmark_colours(20)]


def test_callers_cannot_change_the_colours_of_others():
    landmark_colours(3)[:] = 0
    assert landmark_colours(3).any()


def test_the_first_ten_differ_plainly_in_sight_without_red_cones():
    # Vienot, Brettel and Mollon 1999: a source other than the one the choice was made with.
    linear = (landmark_colours(10) / 255.0) ** 2.2
    simulated = (
        linear @ np.array([[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.004, -0.004, 1]]).T
    )
    encoded = np.clip(simulated, 0, 1) ** (1 / 2.2)
    distances = np.linalg.norm(encoded[:, None] - encoded, axis=-1)[~np.eye(10, dtype=bool)]
    assert distances.min() > 0.08


def test_black_on_white_and_white_on_black():
    assert ink_on(np.array([255, 240, 90], np.uint8)) == "#000000"
    assert ink_on(np.array([60, 10, 120], np.uint8)) == "#ffffff"


@pytest.mark.parametrize("colour", landmark_colours(100))
def test_a_number_on_its_colour_has_enough_contrast(colour: np.ndarray):
    def luminance(values: np.ndarray) -> float:
        scaled = values / 255
        linear = np.where(scaled <= 0.04045, scaled / 12.92, ((scaled + 0.055) / 1.055) ** 2.4)
        return float(linear @ np.array([0.2126, 0.7152, 0.0722]))

    ink = np.array([0.0] * 3 if ink_on(colour) == "#000000" else [255.0] * 3)
    low, high = sorted([luminance(colour.astype(float)), luminance(ink)])
    assert (high + 0.05) / (low + 0.05) >= 4.5


def test_colour_code():
    assert colour_code(np.array([1, 171, 255], np.uint8)) == "#01abff"
