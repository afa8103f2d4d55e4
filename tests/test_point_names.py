import numpy as np
import pytest
from numpy.testing import assert_allclose

from warpmarks.errors import InputError
from warpmarks.points import check_names, distance_between, find_point, parse_normaliser


@pytest.mark.parametrize(
    "names", [("a", "b", "a"), ("Eye", "eye"), ("eye", " eye "), ("éye", "E\u0301YE")]
)
def test_a_name_twice_is_refused(names):
    with pytest.raises(InputError, match=r"the points .* and .* have the same name"):
        check_names(names, source="here")


def test_a_point_by_name_or_number_where_a_name_wins():
    names = ("3", "a:b", "left + right")
    assert [find_point(text, names, source="here") for text in ("3", "A:B ", "left + right")] == [
        0,
        1,
        2,
    ]
    assert find_point("2", names, source="here") == 1
    for wrong in ("0", "4", "b", "", "²"):
        with pytest.raises(InputError, match="here: there is no point"):
            find_point(wrong, names, source="here")


@pytest.mark.parametrize("names", [("a", "b", "c"), ("a:b", "c+d", "1-2"), ("2", "1", "3+1")])
def test_a_distance_reads_back_whatever_points_are_called(names):
    wanted = distance_between((0, 1), (2,), names, source="here")
    assert parse_normaliser(wanted.text, names, source="here") == wanted


def test_a_point_that_neither_name_nor_number_tells_is_refused():
    with pytest.raises(InputError, match="here: the point 'a:b' cannot be told by its name"):
        distance_between((0,), (1,), ("a:b", "1", "c"), source="here")


@pytest.mark.parametrize("text", ["9" * 5000 + ":1", "1-" + "9" * 5000 + ":1", "²:1"])
def test_a_normaliser_of_points_beyond_all_numbers_is_refused(text):
    with pytest.raises(InputError, match="here: there is no point"):
        parse_normaliser(text, ("a", "b"), source="here")


NAMES = ("a", "b", "c", "d")


@pytest.mark.parametrize("text", ["0:1", "1:5", "0-2:3", "3-2:1", "2-5:1", "1+:2", "1:2-", "e:1"])
def test_points_that_are_not_there_make_no_normaliser(text):
    with pytest.raises(InputError, match="here: there is no point"):
        parse_normaliser(text, NAMES, source="here")


def test_a_normaliser_is_of_two_points_or_groups_of_them():
    found = parse_normaliser(" D + 2-3:1-1 ", NAMES, source="here")
    assert (found.first, found.second) == ((3, 1, 2), (0,))
    for same in ("2:2", "a+b:2-2+1"):
        with pytest.raises(InputError, match="the distance of a point to itself is 0"):
            parse_normaliser(same, NAMES, source="here")


def test_lengths_of_normalisers_in_pixels():
    """Of images with all points, without one, with one alone, and with two in one place."""
    none = [np.nan, np.nan]
    points = np.array(
        [
            [[3, 4], [15, 9], [5, 7], [6, 6]],
            [[3.0, 4.0], [5, 9], none, [4, 5]],
            [none, [8, 2], none, none],
            [[1, 2], [1, 2.5], none, none],
        ]
    )
    sizes = np.array([[100.0, 64], [50, 32], [9, 4], [4, 4]])
    expected = {
        "box": [np.sqrt(12 * 5), np.sqrt(2 * 5), np.nan, 0],
        "box-side": [12, 5, np.nan, 0.5],
        "image": [80, 40, 6, 4],
        "1:2": [13, np.hypot(2, 5), np.nan, 0.5],
        "2+3:4": [np.hypot(4, 2), np.nan, np.nan, np.nan],
    }
    for text, lengths in expected.items():
        normaliser = parse_normaliser(text, NAMES, source="here")
        assert_allclose(normaliser.lengths(points, sizes), lengths)
        above_zero = [length if length > 0 else np.nan for length in lengths]
        assert_allclose(normaliser.divisors(points, sizes), above_zero)
