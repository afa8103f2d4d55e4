from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from warpmarks import coordinates
from warpmarks.configuration import ImageConfig
from warpmarks.datasets.placement import FITS, place
from warpmarks.errors import InputError

SIDES = st.integers(1, 5000)
SIZES = st.tuples(SIDES, SIDES)
POINTS = np.array([[-1.0, 0.3], [0.0, 0.0], [0.6, -0.9], [1.0, 1.0]])


def test_the_fits_are_those_that_the_setting_takes():
    assert get_args(ImageConfig.model_fields["fit"].annotation) == FITS


@given(SIZES, SIZES, st.sampled_from(FITS))
def test_points_go_there_and_back(original_size, picture_size, fit):
    placement = place(original_size, picture_size, fit)
    back = placement.to_picture(placement.to_original(POINTS))
    np.testing.assert_allclose(back, POINTS, atol=1e-9)


@given(SIZES, SIZES)
def test_stretch_is_the_normalised_frame_of_the_original(original_size, picture_size):
    expected = coordinates.to_pixels(torch.from_numpy(POINTS), *original_size).numpy()
    found = place(original_size, picture_size, "stretch").to_original(POINTS)
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_crop_shows_the_centre_at_one_scale():
    # 40 x 100 into 20 x 20: the middle 40 columns, outer edges at 30 and 70, so pixels 29.5 to 69.5
    corners = np.array([[-1.0, -1.0], [1.0, 1.0]])
    found = place((40, 100), (20, 20), "crop").to_original(corners)
    np.testing.assert_allclose(found, [[29.5, -0.5], [69.5, 39.5]])


def test_pad_shows_the_whole_image_in_the_middle():
    # 100 x 40 into 20 x 30: 8 columns are filled, 11 are left on each side, each 5 wide
    placement = place((100, 40), (20, 30), "pad")
    assert placement.content == (11, 0, 19, 20)
    corners = np.array([[-1.0, -1.0], [1.0, 1.0]])
    np.testing.assert_allclose(placement.to_original(corners), [[-55.5, -0.5], [94.5, 99.5]])


@given(SIZES, SIZES)
def test_crop_stays_inside_and_pad_holds_all(original_size, picture_size):
    height, width = original_size
    left, top, right, bottom = place(original_size, picture_size, "crop").box
    assert 0 <= left < right <= width + 1e-9
    assert 0 <= top < bottom <= height + 1e-9
    left, top, right, bottom = place(original_size, picture_size, "pad").box
    assert left <= 0 < width <= right + 1e-9
    assert top <= 0 < height <= bottom + 1e-9


@given(SIZES, SIZES)
def test_a_pad_places_its_content_where_its_box_says(original_size, picture_size):
    height, width = original_size
    left, top, right, bottom = place(original_size, picture_size, "pad").content
    ends = np.array([[-0.5, -0.5], [width - 0.5, height - 0.5]])
    found = place(original_size, picture_size, "pad").to_picture(ends)
    rows, columns = picture_size
    np.testing.assert_allclose(
        (found + 1) / 2 * [columns, rows], [[left, top], [right, bottom]], atol=1e-9
    )


def test_an_unknown_fit_names_the_known_ones():
    with pytest.raises(InputError, match="'fill' is not known: choose one of stretch, crop, pad"):
        place((4, 5), (6, 7), "fill")


def test_a_picture_without_pixels_is_refused():
    with pytest.raises(InputError, match="no pixels"):
        place((4, 5), (0, 7), "stretch")
