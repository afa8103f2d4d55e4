import pytest

from warpmarks.errors import InputError
from warpmarks.points import check_names, find_point, parse_normaliser


@pytest.mark.parametrize("names", [("a", "b", "a"), ("Eye", "eye"), ("eye", " eye ")])
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


@pytest.mark.parametrize("text", ["9" * 5000 + ":1", "1-" + "9" * 5000 + ":1", "²:1"])
def test_a_normaliser_of_points_beyond_all_numbers_is_refused(text):
    with pytest.raises(InputError, match="here: there is no point"):
        parse_normaliser(text, ("a", "b"), source="here")
