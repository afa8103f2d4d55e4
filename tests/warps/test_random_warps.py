import math

import pytest
import torch
from torch.testing import assert_close

from warpmarks.coordinates import pixel_centres, to_normalised, to_pixels
from warpmarks.errors import InputError
from warpmarks.warps import RandomWarps, ThinPlateSpline, WarpRange, control_grid, spline_basis
from warpmarks.warps.random_warps import REDRAWS

HEIGHT, WIDTH = 40, 80
STILL = {"rotation": 0.0, "scale": 0.0, "translation": 0.0, "deformation": 0.0}


def random_warps(*, controls: int = 5, aspect: float = WIDTH / HEIGHT, **ranges) -> RandomWarps:
    return RandomWarps(
        WarpRange(**{**STILL, **ranges}),
        aspect=aspect,
        controls=control_grid(controls, controls),
    )


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def affine_in_pixels(warp: ThinPlateSpline, height: int, width: int) -> tuple[torch.Tensor, ...]:
    """The matrix (columns act on points) and the shift of the centre, in pixels of the view."""
    corners = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    centre = torch.tensor([(width - 1) / 2, (height - 1) / 2], dtype=torch.float64)
    points = to_normalised(corners + centre, height, width).expand(len(warp.weights), -1, -1)
    moved = to_pixels(warp(points), height, width)
    matrix = torch.stack([moved[:, 1] - moved[:, 0], moved[:, 2] - moved[:, 0]], dim=-1)
    return matrix, moved[:, 0] - centre


def smallest_area(warp: ThinPlateSpline, reach: float = 1.0, side: int = 121) -> torch.Tensor:
    """Least change of area of each warp, from differences over a fine grid."""
    corners = reach * pixel_centres(side, side, dtype=torch.float64)
    targets = warp(warp.controls.expand(len(warp.weights), -1, -1))
    moved = spline_basis(corners.reshape(-1, 2), warp.controls) @ targets
    moved = moved.reshape(-1, side, side, 2) / (2 * reach / side)
    by_x = moved[:, :-1, 1:] - moved[:, :-1, :-1]
    by_y = moved[:, 1:, :-1] - moved[:, :-1, :-1]
    area = by_x[..., 0] * by_y[..., 1] - by_x[..., 1] * by_y[..., 0]
    return area.flatten(1).amin(1)


def test_control_grid_runs_along_rows_from_edge_to_edge():
    expected = [[-1, -1], [0, -1], [1, -1], [-1, 1], [0, 1], [1, 1]]
    assert_close(control_grid(2, 3), torch.tensor(expected, dtype=torch.float64))
    thirds = control_grid(4, 2)[2, 1]
    assert thirds.item() == pytest.approx(-1 / 3, abs=1e-15)


def test_the_same_seed_gives_the_same_warps():
    draws = random_warps(rotation=20, scale=0.2, translation=0.1, deformation=0.1)
    torch.manual_seed(0)
    first = draws.draw(6, generator(3))
    torch.manual_seed(1)
    second, other = draws.draw(6, generator(3)), draws.draw(6, generator(4))
    assert torch.equal(first.solution, second.solution)
    assert not torch.equal(first.solution, other.solution)
    assert first.solution.dtype == torch.float64
    of_single = RandomWarps(draws.range, aspect=WIDTH / HEIGHT, controls=draws.controls.float())
    assert torch.equal(of_single.draw(6, generator(3)).solution, first.solution)


def test_without_ranges_a_warp_is_the_identity():
    points = 2 * pixel_centres(5, 7, dtype=torch.float64).reshape(1, -1, 2)
    assert_close(random_warps().draw(1, generator())(points), points, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("height", "width"), [(40, 76), (76, 40)], ids=["wide", "tall"])
def test_ranges_are_honoured_and_used_in_pixels_of_a_view_that_is_not_square(height, width):
    draws = random_warps(rotation=25, scale=0.3, translation=0.2, aspect=width / height)
    matrix, shift = affine_in_pixels(draws.draw(600, generator()), height, width)
    a, b, c, d = matrix[:, 0, 0], matrix[:, 0, 1], matrix[:, 1, 0], matrix[:, 1, 1]
    assert_close(a, d, rtol=0, atol=1e-9)  # a turn and a factor, nothing else
    assert_close(b, -c, rtol=0, atol=1e-9)
    measured = {
        "rotation": (torch.atan2(c, a).rad2deg(), 25),
        "scale": (torch.linalg.det(matrix).log() / 2, 0.3),
        "x": (shift[:, 0], 0.2 * 20),  # halves of the shorter side: 20 px
        "y": (shift[:, 1], 0.2 * 20),
    }
    for name, (values, limit) in measured.items():
        assert values.abs().max() <= limit * (1 + 1e-9), name
        assert values.max() > 0.97 * limit, name
        assert values.min() < -0.97 * limit, name
        assert values.abs().mean().item() == pytest.approx(limit / 2, rel=0.1), name


def test_a_turn_preserves_distances_in_pixels():
    warp = random_warps(rotation=90).draw(4, generator())
    points = pixel_centres(HEIGHT, WIDTH, dtype=torch.float64)[::7, ::9].reshape(1, -1, 2)
    points = points.expand(4, -1, -1)
    before = to_pixels(points, HEIGHT, WIDTH)
    after = to_pixels(warp(points), HEIGHT, WIDTH)
    assert_close(torch.pdist(after[0]), torch.pdist(before[0]), rtol=0, atol=1e-9)
    assert_close(torch.pdist(after[3]), torch.pdist(before[3]), rtol=0, atol=1e-9)
    assert (after - before).norm(dim=-1).mean() > 5


def test_deformation_moves_controls_as_far_in_x_as_in_y():
    draws = random_warps(deformation=0.05, controls=4)
    moved = draws.draw(500, generator())(draws.controls.expand(500, -1, -1)) - draws.controls
    in_pixels = moved * torch.tensor([WIDTH / 2, HEIGHT / 2])
    spread = in_pixels.flatten(0, 1).std(dim=0)
    assert_close(spread, torch.full((2,), 0.05 * HEIGHT / 2, dtype=spread.dtype), rtol=0.03, atol=0)


@pytest.mark.parametrize(
    ("controls", "deformation", "count"),
    [(3, 0.2, 100), (5, 0.15, 200), (8, 0.06, 100), (5, 3.0, 20)],
    ids=["few controls", "many folds to find", "many controls", "huge"],
)
def test_no_drawn_warp_folds(controls, deformation, count):
    draws = random_warps(
        rotation=30, scale=0.3, translation=0.2, deformation=deformation, controls=controls
    )
    warp = draws.draw(count, generator())
    assert not draws.folds(warp).any()
    assert (smallest_area(warp, reach=1.25) > 0).all()


def test_huge_deformations_would_fold_if_they_were_not_drawn_again():
    draws = random_warps(deformation=3.0)
    moves = torch.randn(12, 25, 2, dtype=torch.float64, generator=generator())
    warp = ThinPlateSpline.fit(draws.controls, draws.controls + 3.0 * moves)
    assert draws.folds(warp).all()
    assert (smallest_area(warp) < 0).all()


def test_draws_that_do_not_fold_are_kept():
    """Redrawing some warps of a batch leaves the others as they were drawn."""
    draws = random_warps(deformation=0.12)
    wild = draws.draw(40, generator())
    at_once = torch.randn(40, 25, 2, dtype=torch.float64, generator=_after_affine(40, generator()))
    half = torch.tensor([2.0, 1.0])
    as_drawn = ThinPlateSpline.fit(draws.controls, draws.controls + 0.12 * at_once / half)
    folded = draws.folds(as_drawn)
    assert 0 < folded.sum() < 40
    kept = (wild.solution - as_drawn.solution).abs().flatten(1).amax(1) < 1e-9
    assert torch.equal(kept, ~folded)


@pytest.mark.parametrize(("asked", "done"), [(0.06, 0.061), (0.15, 0.135), (0.3, 0.085)])
def test_controls_move_as_far_as_the_docs_say_where_warps_are_drawn_again(asked, done):
    draws = random_warps(deformation=asked, aspect=1.0)
    moved = draws.draw(300, generator())(draws.controls.expand(300, -1, -1)) - draws.controls
    assert moved.std().item() == pytest.approx(done, abs=0.003)


def test_a_warp_that_folds_is_drawn_again_and_then_with_half_of_the_move_a_quarter_and_so_on():
    draws, used = random_warps(deformation=1.0), generator()
    warp = draws.draw(1, generator())
    for share in [1.0] * (1 + REDRAWS) + [0.5, 0.25, 0.125, 0.0625]:
        noise = torch.randn(1, 25, 2, dtype=torch.float64, generator=_after_affine(1, used))
        moved = draws.controls + share * noise / torch.tensor([2.0, 1.0])
        expected = ThinPlateSpline.fit(draws.controls, moved)
        if not draws.folds(expected):
            break
    assert share < 0.5
    assert_close(warp.solution, expected.solution)


def _after_affine(count: int, used: torch.Generator) -> torch.Generator:
    """The generator, once it has drawn the angle, the factor and the shift of each warp."""
    for shape in ((count,), (count,), (count, 1, 2)):
        torch.rand(*shape, generator=used, dtype=torch.float64)
    return used


def test_folds_tells_a_fold_from_what_looks_wild_and_is_none():
    draws = random_warps()
    controls = draws.controls
    past_its_neighbour = controls.clone()
    past_its_neighbour[12] += torch.tensor([0.8, 0.0])  # the middle one, its neighbour at 0.5
    nearly = controls.clone()
    nearly[12] += torch.tensor([0.2, 0.1])
    turned = torch.stack([-controls[:, 1], controls[:, 0]], dim=-1)
    sheared = controls + 2.5 * torch.stack([controls[:, 1], 0 * controls[:, 1]], dim=-1)
    tiny = 0.01 * controls
    mirrored = controls * torch.tensor([-1.0, 1.0])
    folded, flat = [past_its_neighbour, mirrored, 0 * controls], [nearly, turned, sheared, tiny]
    warp = ThinPlateSpline.fit(controls, torch.stack(folded + flat))
    assert draws.folds(warp).tolist() == 3 * [True] + 4 * [False]
    assert math.copysign(1, smallest_area(warp)[0]) == -1


@pytest.mark.parametrize("value", [math.nan, math.inf, -0.1, "0.1"])
@pytest.mark.parametrize("name", STILL)
@pytest.mark.usefixtures("no_type_checks")
def test_a_range_is_a_number_from_0_on(name, value):
    with pytest.raises(InputError, match=f"{name} is .*: expected a number"):
        random_warps(**{name: value})


@pytest.mark.parametrize("count", [0, -1])
def test_no_warps_are_not_drawn(count):
    with pytest.raises(InputError, match=f"count is {count}: expected at least 1"):
        random_warps().draw(count, generator())
