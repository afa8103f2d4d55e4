from dataclasses import replace

import numpy as np
import pytest

from point_tables import fish
from warpmarks.errors import InputError
from warpmarks.formats.lost import Keeps, lost
from warpmarks.formats.registry import FORMATS, write
from warpmarks.formats.table import (
    Extras,
    ImagePoints,
    PointTable,
    assemble,
    box_around,
    empty_row,
    rename_points,
    select_points,
)


def rows(count, *images):
    return [ImagePoints(image, *empty_row(count)) for image in images]


def test_points_are_chosen_by_name_in_the_order_asked_for():
    chosen = select_points(fish(), ["tail, tip", "snout"], source="--points")
    assert chosen.names == ("tail, tip", "snout")
    np.testing.assert_array_equal(chosen.points, fish().points[:, [2, 0]])
    np.testing.assert_array_equal(chosen.visibility, fish().visibility[:, [2, 0]])
    assert (chosen.skeleton, chosen.mirror) == ((), ())
    swapped = select_points(fish(), ["tail, tip", "left fin", "snout"], source="--points")
    assert (swapped.skeleton, swapped.mirror) == (((2, 1), (1, 0)), ((1, 0),))


def test_case_spaces_and_ways_to_compose_a_letter_are_not_told_apart():
    table = rename_points(fish(), ["Å", "b", "c"], source="--names")
    assert select_points(table, [" a\u030a ".upper()], source="--points").names == (" A\u030a ",)


FACE = ("left eye", "right eye", "nose", "left mouth", "right mouth")


def measured(names, normaliser):
    return replace(
        assemble(names, rows(len(names), "a"), source="file"),
        normaliser=normaliser,
    )


@pytest.mark.parametrize(
    ("normaliser", "names", "expected"),
    [
        ("box", "abcde", "box"),
        ("box-side", "abcde", "box-side"),
        ("image", "abcde", "image"),
        ("1:2", "abcde", "1:2"),
        ("inter-ocular", "abcde", "inter-ocular"),  # the first two of five
        ("nose:left eye", "abcde", "c:a"),
        ("left eye+right eye:NOSE", "abcde", "a+b:c"),
        ("4-5:nose", "abcde", "d+e:c"),
        ("2:1", "21345", "1:2"),  # a name wins over a number
        ("nose:left eye", ["a:b", "b", "c+d", "d", "e"], "3:1"),
        ("nose:left eye", ["a:b", "3", "c+d", "1", "e"], None),
        ("no:where", "abcde", None),
    ],
)
def test_a_normaliser_names_renamed_points(normaliser, names, expected):
    renamed = rename_points(measured(FACE, normaliser), list(names), source="--names")
    assert renamed.normaliser == expected


@pytest.mark.parametrize(
    ("normaliser", "names", "expected"),
    [
        ("box", ["nose"], "box"),
        ("box-side", ["nose"], "box-side"),
        ("image", ["nose"], "image"),
        ("right eye:nose", ["NOSE", "left eye", "right eye"], "right eye:nose"),
        ("right eye:nose", ["nose", "left eye"], None),
        ("1+2:3", ["nose", "left eye"], None),
        ("1:3", ["nose", "left eye"], "left eye:nose"),  # 1:2 would be right too
        ("1:2", ["nose", "left eye", "right eye"], "left eye:right eye"),  # 1:2 are others now
        ("inter-ocular", ["right eye", "left eye"], "inter-ocular"),
        ("inter-ocular", ["nose", "left eye", "left mouth", "right mouth"], None),
    ],
)
def test_a_normaliser_of_chosen_points(normaliser, names, expected):
    table = measured(FACE, normaliser)
    assert select_points(table, names, source="--points").normaliser == expected


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (["snuot"], "there is no point 'snuot': did you mean 'snout'?"),
        (["Left  fin"], "there is no point 'Left  fin': did you mean 'left fin'?"),
        (["xyz"], "there is no point 'xyz': expected one of 'snout', 'left fin', 'tail, tip'"),
        (["snout", "SNOUT"], "the point 'SNOUT' twice"),
    ],
)
def test_points_that_are_not_there(asked, sentence):
    with pytest.raises(InputError) as caught:
        select_points(fish(), asked, source="--points")
    assert sentence in str(caught.value)


def test_as_many_names_as_points():
    with pytest.raises(InputError, match="--names names 2 points, but there are 3"):
        rename_points(fish(), ["a", "b"], source="--names")
    with pytest.raises(InputError, match="same name"):
        rename_points(fish(), ["a", "b", "A"], source="--names")


@pytest.mark.parametrize(
    ("names", "images", "sentence"),
    [
        ([], ["a"], "has no points"),
        (["p"], [], "has no images"),
        (["p"], ["a", "a"], "has the image 'a' twice"),
        (["p", "P "], ["a"], "same name"),
        (["Å", "A\u030a"], ["a"], "same name"),
        (["p", " "], ["a"], "empty name"),
    ],
)
def test_tables_that_are_none(names, images, sentence):
    with pytest.raises(InputError, match=sentence):
        assemble(names, rows(len(names), *images), source="file")


def test_too_many_points_for_the_memory(monkeypatch):
    monkeypatch.setattr("warpmarks.formats.table.MAX_POINTS", 5)
    with pytest.raises(InputError, match="3 points on each of 2 images: expected at most 5"):
        assemble(["a", "b", "c"], rows(3, "x", "y"), source="file")


def test_a_box_is_the_annotated_one_or_spans_the_pixels_of_the_points():
    points = np.array([[3.0, 10.0], [np.nan, np.nan], [5.5, 4.0]])
    assert box_around(points, Extras()) == (2.5, 3.5, 3.5, 7)
    assert box_around(points, Extras(box=(1, 2, 3, 4))) == (1, 2, 3, 4)
    assert box_around(points[1:2], Extras()) is None


def test_losses_are_counted():
    assert lost(replace(fish(), normaliser="box"), frozenset(Keeps)) == []
    assert not any("divided" in one for one in lost(replace(fish(), normaliser="box"), frozenset()))
    assert lost(replace(fish(), normaliser="eye:fin"), frozenset()) == [
        "names of points (3)",
        "marks of hidden points (1)",
        "boxes (1)",
        "curves and outlines (1)",
        "scales (1)",
        "identifiers and notes (1)",
        "lines between points (2)",
        "mirror pairs (1)",
        "what errors are divided by (eye:fin)",
        "fractions of pixels (2)",
    ]


@pytest.mark.parametrize("format", FORMATS)
def test_a_table_made_without_extras_is_written(tmp_path, format):
    if format == "sleap":
        pytest.importorskip("sleap_io")
    whole = fish()
    table = PointTable(whole.names, whole.images, whole.points, whole.visibility, whole.sizes)
    assert table.extras == (Extras(), Extras())
    write(tmp_path / "a", format, table)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
