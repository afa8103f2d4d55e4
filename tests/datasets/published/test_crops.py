import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from published_copies import picture, seen
from warpmarks.datasets.published.crops import (
    LEAST_SHARE,
    WHOLE,
    Crop,
    box_of_points,
    cut,
    reduced,
    square,
    to_crop,
)
from warpmarks.errors import InputError

MARK = (250, 3, 77)


@settings(max_examples=200)
@given(st.data())
def test_a_marked_pixel_is_where_its_point_goes(data):
    width, height = data.draw(st.integers(5, 60)), data.draw(st.integers(5, 60))
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    left, top, right, bottom = (data.draw(st.integers(0, 25)) for _ in range(4))
    box = (x - left, y - top, x + 1 + right, y + 1 + bottom)
    shown_x = min(box[2], width) - max(box[0], 0)
    shown_y = min(box[3], height) - max(box[1], 0)
    assume(shown_x * shown_y >= LEAST_SHARE * (box[2] - box[0]) * (box[3] - box[1]))
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    pixels[y, x] = MARK
    crop = np.asarray(cut(Image.fromarray(pixels), box, size=1000))
    assert crop.shape == (box[3] - box[1], box[2] - box[0], 3)
    column, row = to_crop(np.array([[[x, y]]], dtype=float), np.array([box]), 1000)[0, 0]
    assert tuple(crop[int(row), int(column)]) == MARK
    if 0 < x < width - 1 and 0 < y < height - 1:  # the picture's edge is repeated, the inside not
        assert (crop == MARK).all(axis=2).sum() == 1


@settings(max_examples=40)
@given(st.data())
def test_a_mark_is_where_its_point_goes_in_a_smaller_crop(data):
    spread = st.floats(-12, 12)
    points = np.array([[110, 60], [80, 75], [130, 88]]) + [
        [data.draw(spread), data.draw(spread)] for _ in range(3)
    ]
    left, top = data.draw(st.integers(-8, 40)), data.draw(st.integers(-30, 25))
    side = data.draw(st.integers(160, 200))
    box = (left, top, left + side, top + side)
    size = data.draw(st.integers(90, 150))
    crop = cut(picture(points, 200, 150), box, size)
    assert crop.size == (size, size)
    expected = to_crop(points[None], np.array([box]), size)[0]
    np.testing.assert_allclose(seen(crop), expected, atol=0.1)


def test_a_crop_shows_the_box_and_repeats_the_edge():
    pixels = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    crop = np.asarray(cut(Image.fromarray(pixels), (3, -1, 7, 3), size=9))
    assert crop.shape == (4, 4, 3)
    np.testing.assert_array_equal(crop[1:, :2], pixels[:3, 3:])
    np.testing.assert_array_equal(crop[0, 0], pixels[0, 3])
    np.testing.assert_array_equal(crop[1:, 3], pixels[:3, 4])


def test_the_longer_side_is_reduced_and_none_is_enlarged():
    assert reduced(300, 150, 100) == (100, 50)
    assert reduced(30, 100, 100) == (30, 100)
    assert reduced(1000, 1, 100) == (100, 1)
    image = Image.new("RGB", (300, 200))
    assert cut(image, (0, 0, 300, 150), 100).size == (100, 50)


def test_points_of_another_picture_are_told_of():
    image = Image.new("RGB", (40, 30))
    with pytest.raises(InputError, match=r"around x 500, y 500 in boxes of 20 x 20, .* 40 x 30"):
        cut(image, (490, 490, 510, 510), 100)
    with pytest.raises(InputError, match="boxes of 1000000 x 1000000"):
        cut(image, (-500_000, -500_000, 500_000, 500_000), 100)


def test_a_square_is_as_large_as_it_should_be_around_its_centre():
    boxes = square(np.array([[10.0, 20.0], [10.25, 3.5]]), np.array([5.0, 7.8]))
    # Pixel 10 spans 10 to 11 from the outer edge, and five pixels around it 8 to 13.
    np.testing.assert_array_equal(boxes, [[8, 18, 13, 23], [7, 0, 15, 8]])


def test_the_box_of_points_leaves_out_what_is_not_annotated():
    centres, sides = box_of_points(np.array([[[1.0, 2], [np.nan, np.nan], [5, 10]]]))
    np.testing.assert_array_equal(centres, [[3, 6]])
    np.testing.assert_array_equal(sides, [[4, 8]])


def test_a_window_is_the_same_for_all_and_a_whole_picture_moves_no_point():
    points = np.array([[[1.5, 2.0]], [[7.0, 8.0]]])
    window = Crop.window("", (1, 2, 11, 12)).boxes
    assert window is not None
    np.testing.assert_array_equal(window(points, ("a", "b")), [[1, 2, 11, 12]] * 2)
    np.testing.assert_array_equal(
        to_crop(points, np.array([WHOLE, (1, 2, 11, 12)]), 100)[0], points[0]
    )
    np.testing.assert_array_equal(
        to_crop(points, np.array([WHOLE, (1, 2, 11, 12)]), 100)[1], [[6, 6]]
    )
