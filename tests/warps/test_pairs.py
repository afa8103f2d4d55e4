import numpy as np
import pytest
import torch
from scipy.interpolate import RBFInterpolator
from scipy.ndimage import map_coordinates
from torch.testing import assert_close

from warpmarks.coordinates import pixel_centres, to_normalised, to_pixels
from warpmarks.errors import InputError
from warpmarks.heatmaps import soft_argmax
from warpmarks.losses import cells_unit, landmark_equivariance, probability_equivariance
from warpmarks.warps import (
    ImagePair,
    PairSampler,
    RandomWarps,
    ThinPlateSpline,
    WarpPair,
    WarpRange,
    control_grid,
)
from warpmarks.warps.sampling import picture_to_view, sample

PICTURE, VIEW, CELLS, MARGIN = (30, 45), (24, 36), (12, 18), 0.1
FIRST = WarpRange(rotation=20, scale=0.15, translation=0.15, deformation=0.05)
SECOND = WarpRange(rotation=30, scale=0.2, translation=0.2, deformation=0.05)


def sampler(
    view: tuple[int, int] = VIEW, cells: tuple[int, int] = CELLS, controls: int = 4
) -> PairSampler:
    aspect = view[1] / view[0]
    return PairSampler(
        RandomWarps(FIRST, aspect=aspect, controls=control_grid(controls, controls)),
        RandomWarps(SECOND, aspect=aspect, controls=control_grid(5, 5)),
        size=view,
        cells=cells,
        margin=MARGIN,
    )


def scipy_warp(warp: ThinPlateSpline, one: int) -> RBFInterpolator:
    targets = warp.part(slice(one, one + 1))(warp.controls[None])[0]
    return RBFInterpolator(
        warp.controls.numpy(), targets.numpy(), kernel="thin_plate_spline", degree=1
    )


def centres(height: int, width: int) -> np.ndarray:
    return pixel_centres(height, width, dtype=torch.float64).reshape(-1, 2).numpy()


def looked_up(picture: np.ndarray, in_view: np.ndarray) -> np.ndarray:
    """Values of a (3, H, W) picture at normalised points of its view, one by one with SciPy."""
    height, width = picture.shape[1:]
    x = ((1 - 2 * MARGIN) * in_view[:, 0] + 1) / 2 * width - 0.5
    y = ((1 - 2 * MARGIN) * in_view[:, 1] + 1) / 2 * height - 0.5
    return np.stack(
        [map_coordinates(channel, [y, x], order=1, mode="reflect") for channel in picture]
    )


@pytest.fixture(scope="module")
def made() -> tuple[torch.Tensor, WarpPair, ImagePair]:
    generator = torch.Generator().manual_seed(2)
    pictures = torch.rand(3, 3, *PICTURE, generator=generator)
    pairs = sampler()
    warps = pairs.draw(3, generator)
    return pictures, warps, pairs.sample(pictures, warps)


def test_the_original_is_the_picture_at_g1(made):
    pictures, warps, pair = made
    for one in range(3):
        expected = looked_up(pictures[one].numpy(), scipy_warp(warps.first, one)(centres(*VIEW)))
        assert_close(
            pair.original[one].flatten(1).numpy(), expected.astype("f4"), rtol=0, atol=1e-4
        )


def test_the_warped_image_is_the_picture_at_g1_of_g2_in_one_step(made):
    pictures, warps, pair = made
    for one in range(3):
        in_original = scipy_warp(warps.second, one)(centres(*VIEW))
        in_view = scipy_warp(warps.first, one)(in_original)
        expected = looked_up(pictures[one].numpy(), in_view)
        assert_close(pair.warped[one].flatten(1).numpy(), expected.astype("f4"), rtol=0, atol=1e-4)


def test_the_warped_image_is_not_the_original_resampled(made):
    _, warps, pair = made
    points = pixel_centres(*VIEW, dtype=torch.float64).reshape(1, -1, 2).expand(3, -1, -1)
    resampled = sample(pair.original, warps.second(points).reshape(3, *VIEW, 2))
    assert (resampled - pair.warped).abs().mean() > 0.01
    assert resampled.var() < 0.9 * pair.warped.var()  # blurred twice


def test_warped_cells_are_g_at_the_centres_of_the_cells_row_by_row(made):
    _, warps, pair = made
    for one in range(3):
        expected = scipy_warp(warps.second, one)(centres(*CELLS))
        found = pair.warped_cells[one].double().numpy()
        assert_close(found, expected, rtol=0, atol=1e-5)
    moved = pair.warp(pixel_centres(*CELLS).reshape(1, -1, 2).expand(3, -1, -1))
    assert_close(moved, pair.warped_cells, rtol=0, atol=1e-5)


@pytest.mark.usefixtures("no_type_checks")
@pytest.mark.parametrize(
    ("pictures", "told"),
    [
        (torch.zeros(3, *PICTURE, 3), r"pictures \(3, 30, 45, 3\), .*: expected \(batch, 3, "),
        (torch.zeros(2, 3, *PICTURE), r"pictures \(2, 3, 30, 45\), warps \(3, .*: expected "),
        (torch.zeros(3, *PICTURE), r"pictures \(3, 30, 45\), .*: expected \(batch, 3, "),
        (torch.zeros(3, 3, *PICTURE).byte(), r"are torch\.uint8: .* pictures\.float\(\) / 255"),
        (torch.zeros(3, 3, *PICTURE).double(), r"are torch\.float64: expected torch\.float32"),
    ],
    ids=["channels last", "fewer", "one", "bytes", "float64"],
)
def test_pictures_that_cannot_be_warped_are_told(made, pictures, told):
    with pytest.raises(InputError, match=told):
        sampler().sample(pictures, made[1])


def test_a_part_of_the_pairs_is_made_as_in_the_whole(made):
    pictures, warps, pair = made
    part = sampler().sample(pictures[1:], warps.part(slice(1, 3)))
    assert_close(part.original, pair.original[1:], rtol=0, atol=1e-4)
    assert_close(part.warped, pair.warped[1:], rtol=0, atol=1e-4)
    assert_close(part.warped_cells, pair.warped_cells[1:])


def test_a_blob_moves_from_the_picture_to_both_images_as_g1_and_g_say():
    """End to end, the direction of every warp: where a thing is, and where it is seen."""
    picture_size, view, cells, count = (100, 150), (80, 120), (40, 60), 6
    generator = torch.Generator().manual_seed(5)
    places = 70 * torch.rand(count, 2, generator=generator, dtype=torch.float64)
    places = places * 0.4 + torch.tensor([60.0, 35.0])  # pixels of the picture
    columns_and_rows = to_pixels(pixel_centres(*picture_size, dtype=torch.float64), *picture_size)
    apart = (columns_and_rows - places[:, None, None]).square().sum(-1)
    pictures = torch.exp(-apart / (2 * 1.5**2)).float()[:, None].expand(-1, 3, -1, -1)

    pairs = sampler(view, cells)
    warps = pairs.draw(count, generator)
    pair = pairs.sample(pictures, warps)

    in_view = picture_to_view(to_normalised(places, *picture_size), MARGIN)[:, None]
    u = warps.first.inverse(in_view)
    v = warps.second.inverse(u)
    assert u.abs().max() < 0.9  # the blob is wholly in both images
    assert v.abs().max() < 0.9
    assert_close(warps.second(v), u, rtol=0, atol=1e-9)

    def found(images: torch.Tensor) -> torch.Tensor:
        grey = images[:, :1].double()
        return soft_argmax(grey / grey.sum(dim=(2, 3), keepdim=True))

    def pixels_between(a: torch.Tensor, b: torch.Tensor) -> float:
        return (to_pixels(a, *view) - to_pixels(b, *view)).norm(dim=-1).max().item()

    # Warps bend, so that a blob's centre of mass is not quite the image of its centre.
    assert pixels_between(found(pair.original), u) < 0.2
    assert pixels_between(found(pair.warped), v) < 0.2
    assert pixels_between(warps.second(found(pair.warped)), found(pair.original)) < 0.25
    assert pixels_between(u, v) > 5  # the warps do move it, so that a wrong direction would show

    # And the objective takes g as it is made: a detector of the blob pays for its width alone.
    unit = cells_unit(*cells).double()
    maps = [
        grey / grey.sum(dim=(2, 3), keepdim=True)
        for grey in torch.nn.functional.avg_pool2d(
            torch.cat([pair.original, pair.warped])[:, :1].double(), 2
        ).chunk(2)
    ]
    landmarks = [soft_argmax(maps_of_one) for maps_of_one in maps]
    moved = warps.second(landmarks[1])
    assert landmark_equivariance(landmarks[0], moved, unit).max() < 0.02
    width = 2 * 2 * (1.5 / 2) ** 2  # two images, two axes, in squared cells
    loss = probability_equivariance(*maps, pair.warped_cells.double(), unit)
    assert_close(loss.mean().item(), width, rtol=0.35, atol=0)
