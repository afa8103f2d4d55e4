import matplotlib as mpl
import numpy as np
import pytest

from warpmarks.plots.saving import rendered
from warpmarks.plots.sheet import Sheet, Tile, resized


@pytest.mark.parametrize(("height", "width"), [(31, 47), (123, 77), (500, 1001)])
def test_a_pasted_image_is_in_the_picture_pixel_for_pixel(height: int, width: int):
    image = np.random.default_rng(0).integers(0, 256, (height - 9, width - 14, 3), np.uint8)
    sheet = Sheet(height, width)
    sheet.paste(image, Tile(left=5, top=2, width=width - 14, height=height - 9))
    figure, _ = sheet.figure()
    pixels = rendered(figure)
    assert pixels.shape == (height, width, 4)
    np.testing.assert_array_equal(pixels[2:-7, 5:-9, :3], image)
    assert (pixels[2:-7, 5:-9, 3] == 255).all()
    assert (pixels[:2, :, 3] == 0).all()


def test_the_corners_of_an_image_are_the_corners_of_its_tile():
    tile = Tile(left=10, top=100, width=60, height=20)
    corners = np.array([[-0.5, -0.5], [29.5, 39.5]])  # of an image of 40 rows and 30 columns
    expected = [[9.5, 99.5], [69.5, 119.5]]
    np.testing.assert_allclose(tile.place(corners, 40, 30), expected, atol=1e-12)


def test_a_tile_holds_what_lies_in_it():
    tile = Tile(left=10, top=100, width=60, height=20)
    points = np.array([[9.6, 99.6], [69.4, 119.4], [9.4, 110], [40, 119.6], [np.nan, 110]])
    assert tile.holds(points).tolist() == [True, True, False, False, False]


def test_resizing_keeps_outer_edges_on_outer_edges():
    image = np.zeros((4, 6, 3), np.uint8)
    image[1, 4] = 255
    large = resized(image, 40, 60).astype(float).sum(axis=-1)
    y, x = np.mgrid[0:40, 0:60]
    centre = [(large * axis).sum() / large.sum() for axis in (x, y)]
    # Pixel (4, 1) covers columns 40 to 49 and rows 10 to 19.
    np.testing.assert_allclose(centre, [44.5, 14.5], atol=0.2)


def test_drawing_leaves_the_global_state_of_matplotlib_alone():
    before = dict(mpl.rcParams)
    Sheet(10, 10).figure()
    assert dict(mpl.rcParams) == before
