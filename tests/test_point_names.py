import pytest

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
