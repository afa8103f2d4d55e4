import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates
from torch.testing import assert_close

from warpmarks.coordinates import pixel_centres, to_normalised, to_pixels
from warpmarks.warps.sampling import (
    picture_to_view,
    sample,
    sample_view,
    to_float_images,
    view_to_picture,
)

HEIGHT, WIDTH = 7, 11


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, 3, HEIGHT, WIDTH, dtype=torch.float64, generator=generator)


def grid(height: int = HEIGHT, width: int = WIDTH) -> torch.Tensor:
    centres = pixel_centres(height, width, dtype=torch.float64)
    return centres.expand(2, -1, -1, -1)


def test_its_own_pixels_are_the_picture(pictures):
    assert_close(sample(pictures, grid()), pictures, rtol=0, atol=1e-12)


def test_a_shift_by_whole_pixels_is_a_slice(pictures):
    shift = torch.tensor(
        [2 * 3 / WIDTH, -2 * 2 / HEIGHT], dtype=torch.float64
    )  # 3 to the right, 2 up
    shifted = sample(pictures, grid() + shift)
    assert_close(shifted[..., 2:, :-3], pictures[..., :-2, 3:], rtol=0, atol=1e-12)


def test_a_flip(pictures):
    mirror = torch.tensor([-1.0, 1.0])
    assert_close(sample(pictures, grid() * mirror), pictures.flip(-1), rtol=0, atol=1e-12)


def test_inside_and_outside_equal_scipy_with_a_mirror_at_the_edge(pictures):
    generator = torch.Generator().manual_seed(1)
    pixels = 30 * torch.rand(2, 6, 40, 2, dtype=torch.float64, generator=generator) - 10
    found = sample(pictures, to_normalised(pixels, HEIGHT, WIDTH))
    for one in range(2):
        rows_and_columns = pixels[one].flip(-1).permute(2, 0, 1).numpy()
        for channel in range(3):
            expected = map_coordinates(
                pictures[one, channel].numpy(), rows_and_columns, order=1, mode="reflect"
            )
            assert_close(found[one, channel], torch.from_numpy(expected), rtol=0, atol=1e-10)


def test_points_may_be_more_precise_than_pictures(pictures):
    assert sample(pictures.float(), grid()).dtype == torch.float32


def test_the_view_of_a_picture_is_its_crop():
    picture = torch.rand(1, 3, 100, 140, dtype=torch.float64, generator=torch.Generator())
    view = sample_view(picture, pixel_centres(80, 112, dtype=torch.float64)[None], 0.1)
    assert_close(view, picture[..., 10:90, 14:126], rtol=0, atol=1e-12)


def test_the_view_of_a_picture_as_the_detector_sees_it_is_its_crop_to_a_hundredth_of_a_grey_level():
    picture = torch.rand(1, 3, 100, 140, generator=torch.Generator())
    view = sample_view(picture, pixel_centres(80, 112)[None], 0.1)
    assert_close(view, picture[..., 10:90, 14:126], rtol=0, atol=0.01 / 255)


def test_coordinates_of_view_and_picture():
    # Pixel (column 20, row 30) of a 100 x 140 picture is (6, 20) of its 80 x 112 crop.
    in_picture = to_normalised(torch.tensor([[20.0, 30.0]]), 100, 140)
    in_view = picture_to_view(in_picture, 0.1)
    assert_close(to_pixels(in_view, 80, 112), torch.tensor([[6.0, 20.0]]), rtol=0, atol=1e-4)
    assert_close(view_to_picture(in_view, 0.1), in_picture)


def test_bytes_to_images_laid_out_channels_last():
    values = np.random.default_rng(0).integers(0, 256, (2, 5, 8, 3), dtype=np.uint8)
    pictures = torch.from_numpy(values.copy())
    images = to_float_images(pictures)
    assert images.shape == (2, 3, 5, 8)
    assert images.is_contiguous(memory_format=torch.channels_last)
    expected = torch.from_numpy(values.transpose(0, 3, 1, 2).astype(np.float32) / 255)
    assert_close(images, expected)
    assert np.array_equal(pictures.numpy(), values)
    assert to_float_images(pictures, "meta").device.type == "meta"
