import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from reference import cell_centre
from warpmarks.coordinates import pixel_centres, to_normalised, to_pixels

SIZES = st.integers(1, 300)
few = settings(max_examples=20, deadline=None, derandomize=True, database=None)


def test_centres_of_a_map_of_two_rows_and_three_columns():
    expected = [
        [[-2 / 3, -0.5], [0.0, -0.5], [2 / 3, -0.5]],
        [[-2 / 3, 0.5], [0.0, 0.5], [2 / 3, 0.5]],
    ]
    centres = pixel_centres(2, 3, dtype=torch.float64)
    assert_close(centres, torch.tensor(expected, dtype=torch.float64))


def test_centres_equal_the_reference():
    rows, columns = 3, 7
    expected = [[cell_centre(i, j, rows, columns) for j in range(columns)] for i in range(rows)]
    centres = pixel_centres(rows, columns, dtype=torch.float64)
    assert_close(centres, torch.from_numpy(np.array(expected)), rtol=0, atol=1e-15)


@given(height=SIZES, width=SIZES)
@few
def test_centres_are_the_integer_pixels(height, width):
    pixels = to_pixels(pixel_centres(height, width, dtype=torch.float64), height, width)
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    assert_close(pixels, torch.stack([columns, rows], dim=-1).double(), rtol=0, atol=1e-11)


def test_outer_edges_are_half_a_pixel_beyond_the_outer_centres():
    edges = torch.tensor([[-1.0, -1.0], [1.0, 1.0]])
    assert_close(to_pixels(edges, 40, 60), torch.tensor([[-0.5, -0.5], [59.5, 39.5]]))


@given(height=SIZES, width=SIZES, x=st.floats(-500, 500), y=st.floats(-500, 500))
@few
def test_pixels_and_back(height, width, x, y):
    point = torch.tensor([x, y], dtype=torch.float64)
    there_and_back = to_pixels(to_normalised(point, height, width), height, width)
    assert_close(there_and_back, point, rtol=0, atol=1e-10)


def test_precision_follows_the_request_and_the_points():
    assert pixel_centres(2, 3).dtype == torch.float32
    assert to_pixels(torch.zeros(2, dtype=torch.float64), 2, 3).dtype == torch.float64
    assert to_normalised(torch.zeros(2), 2, 3).dtype == torch.float32
