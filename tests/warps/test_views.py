import numpy as np
import pytest
import torch
from torch.testing import assert_close

from warpmarks.coordinates import pixel_centres, to_pixels
from warpmarks.warps import RandomWarps, ThinPlateSpline, WarpRange, control_grid
from warpmarks.warps.views import ViewSampler, seen_points

SIZE, PICTURE, MARGIN = (144, 240), (180, 300), 0.1
RANGES = {
    "affine": WarpRange(rotation=30, scale=0.2, translation=0.15, deformation=0),
    "bent": WarpRange(rotation=15, scale=0.15, translation=0.1, deformation=0.06),
}


def random_warps(name: str = "bent") -> RandomWarps:
    return RandomWarps(RANGES[name], aspect=SIZE[1] / SIZE[0], controls=control_grid(5, 5))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def blob_pictures(points: torch.Tensor) -> torch.Tensor:
    """A red blob on dark blue, at points in normalised coordinates of the view."""
    height, width = PICTURE
    half = torch.tensor([width / 2, height / 2])
    centres = pixel_centres(height, width)
    offsets = (centres - points[:, None, None] * (1 - 2 * MARGIN)) * half
    blob = torch.exp(-offsets.square().sum(-1) / (2 * 2.0**2))
    return torch.stack([blob, torch.zeros_like(blob), torch.full_like(blob, 0.2)], dim=1)


@pytest.mark.parametrize("name", RANGES)
def test_a_blob_is_seen_where_its_point_is_said_to_be(name: str) -> None:
    """On pictures and views that are not square; a bend moves the middle of a blob a little."""
    count = 12
    points = 1.2 * torch.rand(count, 2, generator=generator(1)) - 0.6
    warp = random_warps(name).draw(count, generator(2))
    sampler = ViewSampler(random_warps(name), size=SIZE, margin=MARGIN)
    images = sampler.sample(blob_pictures(points), warp)
    assert images.shape == (count, 3, *SIZE)
    seen, there = seen_points(points[:, None].double(), warp)
    assert there.sum() >= 10
    weights = images[:, 0] / images[:, 0].sum(dim=(1, 2), keepdim=True)
    found = torch.einsum("bhw,hwc->bc", weights, pixel_centres(*SIZE))
    off = to_pixels(found.double(), *SIZE) - to_pixels(seen[:, 0], *SIZE)
    inner = there[:, 0] & (seen[:, 0].abs() < 0.8).all(-1)  # the whole blob is in view
    assert inner.sum() >= 8
    assert off[inner].norm(dim=-1).max() < (0.02 if name == "affine" else 0.25)
    assert off[inner].mean(dim=0).norm() < 0.1
    moved = to_pixels(seen[:, 0], *SIZE) - to_pixels(points.double(), *SIZE)
    assert moved[inner].norm(dim=-1).mean() > 6


def test_a_view_through_no_warp_is_the_view() -> None:
    still = RandomWarps(
        WarpRange(0, 0, 0, 0), aspect=SIZE[1] / SIZE[0], controls=control_grid(5, 5)
    )
    points = torch.tensor([[[0.25, -0.5], [0.9, 0.99]]], dtype=torch.float64)
    seen, there = seen_points(points, still.draw(1, generator()))
    assert_close(seen, points)
    assert there.all()


@pytest.mark.parametrize("axes", [(0, 1), (1, 0)], ids=["across", "down"])
def test_what_a_folded_warp_shows_nowhere_is_not_there(axes: tuple[int, int]) -> None:
    """Folded to about x^2 + 0.3 x: left of about -0.0225 nothing of the picture is seen."""
    controls = control_grid(5, 5)
    folded = torch.stack([controls[:, 0] ** 2 + 0.3 * controls[:, 0], controls[:, 1]], dim=-1)
    warp = ThinPlateSpline.fit(controls[:, axes], folded[None, :, axes])
    x = torch.linspace(-1, 1, 20001, dtype=torch.float64)
    fold = warp(torch.stack([x, 0 * x], dim=-1)[None, :, axes])[..., axes[0]].min().item()
    points = torch.tensor(
        [[[-0.3, 0.0], [-0.2, 0.3], [fold - 5e-5, 0.0], [fold + 1e-3, 0.0], [0.5, 0.2]]],
        dtype=torch.float64,
    )[..., axes]
    seen, there = seen_points(points, warp)
    assert there.tolist() == [[False, False, False, True, True]]
    assert_close(warp(seen)[there], points[there])


def test_points_out_of_view_and_unknown_ones_are_not_there() -> None:
    """Shifted by hand: g1(v) = v + 0.5 in x, so that a point is seen 0.5 further left."""
    controls = control_grid(3, 3)
    shift = ThinPlateSpline.fit(controls, (controls + torch.tensor([0.5, 0.0]))[None])
    points = torch.tensor(
        [[[0.6, 0.2], [-0.6, 0.2], [-0.49, 0.99], [1.3, -0.3], [0.0, -1.0001], [np.nan, 0.1]]],
        dtype=torch.float64,
    )
    seen, there = seen_points(points, shift)
    assert there.tolist() == [[True, False, True, True, False, False]]
    assert_close(seen[there], points[there] - torch.tensor([0.5, 0.0], dtype=torch.float64))
    assert (seen[~there] == 0).all()


def test_the_warp_takes_what_is_seen_back_to_the_points() -> None:
    points = 3 * torch.rand(40, 7, 2, dtype=torch.float64, generator=generator(3)) - 1.5
    warp = random_warps().draw(40, generator(4))
    seen, there = seen_points(points, warp)
    assert 0.2 < there.double().mean() < 0.8
    assert seen.abs().max() <= 1
    assert (warp(seen) - points)[there].norm(dim=-1).max() < 1e-6


def test_points_in_single_precision_are_seen_where_they_are_in_double() -> None:
    points = 3 * torch.rand(40, 7, 2, generator=generator(3)) - 1.5
    warp = random_warps().draw(40, generator(4))
    (seen, there), (exact, exactly) = (seen_points(p, warp) for p in (points, points.double()))
    assert torch.equal(there, exactly)
    assert torch.equal(seen, exact.float())


def test_where_points_are_seen_has_a_gradient_by_the_points():
    points = torch.tensor([[[0.3, -0.2], [-0.5, 0.6], [float("nan"), 0.0], [3.0, 0.1]]])
    points = points.double().expand(2, -1, -1).clone().requires_grad_()
    warp = random_warps().draw(2, generator(4)).to(torch.zeros(1))
    seen, there = seen_points(points, warp)
    assert there.tolist() == [[True, True, False, False]] * 2
    assert (seen[~there] == 0).all()
    assert torch.autograd.gradcheck(lambda known: seen_points(known, warp)[0], points)
