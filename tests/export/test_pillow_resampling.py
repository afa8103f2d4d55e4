import numpy as np
import pytest
import torch

from textured_pictures import textured
from warpmarks.datasets.placement import place
from warpmarks.datasets.reading import read_picture
from warpmarks.export.pillow_resampling import lay_in, place_axes

PICTURE = (20, 25)
# Smaller, as large, a little larger, reduced by 2 along one axis, by 2 x 3, by 9 x 7; long ones.
SIZES = [(9, 16), (20, 25), (21, 24), (90, 61), (97, 160), (371, 352), (12, 130), (301, 17), (1, 1)]


def axes(size: tuple[int, int], fit: str):
    height, width = (torch.tensor(float(side), dtype=torch.float64) for side in size)
    return place_axes(height, width, PICTURE, fit)


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("size", SIZES)
def test_a_graph_lays_in_what_pillow_does_to_the_bit(size, fit):
    image = textured(size)
    expected, _ = read_picture(image, *PICTURE, fit)
    found = lay_in(torch.from_numpy(image)[None], *axes(size, fit))
    np.testing.assert_array_equal(found[0].permute(1, 2, 0).numpy(), expected)


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("size", SIZES)
def test_points_go_back_as_from_any_picture(size, fit):
    points = np.random.default_rng(0).uniform(-1, 1, (5, 2))
    expected = place(size, PICTURE, fit).to_original(points)
    y, x = axes(size, fit)
    points = torch.from_numpy(points)
    found = np.stack([x.to_original(points[:, 0]), y.to_original(points[:, 1])], axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-9, rtol=0)


def test_images_of_a_batch_do_not_mix():
    images = np.stack([textured((97, 160)), textured((97, 160))[::-1]])
    together = lay_in(torch.from_numpy(images.copy()), *axes((97, 160), "stretch"))
    for image, picture in zip(images, together, strict=True):
        alone = lay_in(torch.from_numpy(image.copy())[None], *axes((97, 160), "stretch"))
        torch.testing.assert_close(picture, alone[0], atol=0, rtol=0)
