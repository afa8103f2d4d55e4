import numpy as np
import pytest
import torch
from torch.testing import assert_close

import reference
from warpmarks.configuration import LossConfig, TrainingConfig
from warpmarks.exchange import exchange_distance
from warpmarks.heatmaps import soft_argmax, spatial_softmax
from warpmarks.runs.geometry import Geometry, plan_geometry
from warpmarks.runs.weights import build_network
from warpmarks.training.step import (
    HELD_OUT_PAIRS,
    Batch,
    BatchMaker,
    Share,
    objective_of_batch,
    objective_of_maps,
    objective_unit,
)
from warpmarks.warps import ThinPlateSpline, control_grid

ASPECT = 1.5


def config(**changes) -> TrainingConfig:
    return TrainingConfig.model_validate(
        {"num_landmarks": 3, "batch_size": 4, "image": {"size": 24}, **changes}
    )


def geometry() -> Geometry:
    return plan_geometry(config().image, ASPECT)


def maker(pictures: np.ndarray, share: Share | None = None, **changes) -> BatchMaker:
    return BatchMaker(pictures, config(**changes), geometry(), share=share)


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (10, *geometry().picture, 3), dtype=np.uint8)


def plain_pictures(count: int) -> np.ndarray:
    """Each of one grey level, its own, which no warp changes."""
    levels = np.arange(count, dtype=np.uint8)[:, None, None, None]
    return np.broadcast_to(levels, (count, *geometry().picture, 3)).copy()


def shown(images: torch.Tensor) -> list[int]:
    """Which of the plain pictures the images show."""
    levels = images * 255
    assert levels.flatten(1).std(dim=1).max() < 1e-3
    return levels.flatten(1).mean(dim=1).round().long().tolist()


def assert_same(a: Batch, b: Batch) -> None:
    assert torch.equal(a.images, b.images)
    assert torch.equal(a.warped_cells, b.warped_cells)
    assert torch.equal(a.warp.solution, b.warp.solution)


def test_a_batch_has_the_sizes_of_the_geometry(pictures):
    assert geometry() == Geometry(picture=(25, 35), view=(20, 28))
    batch = maker(pictures).batch(0)
    assert batch.images.shape == (8, 3, 20, 28)
    assert batch.warped_cells.shape == (4, 10 * 14, 2)
    assert batch.images.is_contiguous(memory_format=torch.channels_last)
    assert batch.images.min() >= 0
    assert batch.images.max() <= 1


def test_a_batch_follows_from_seed_and_step_alone(pictures):
    first = maker(pictures)
    expected = [first.batch(step) for step in range(4)]
    anew = maker(pictures)
    assert_same(anew.batch(3), expected[3])
    assert_same(anew.batch(1), expected[1])
    assert not torch.equal(expected[0].warped_cells, expected[1].warped_cells)
    other = maker(pictures, seed=1).batch(0)
    assert not torch.equal(other.warped_cells, expected[0].warped_cells)


def test_each_epoch_shows_every_picture_once_and_both_images_of_a_pair_the_same_one():
    batches = maker(plain_pictures(10))
    originals: list[int] = []
    for step in range(5):
        original, warped = batches.batch(step).images.chunk(2)
        assert shown(original) == shown(warped)
        originals += shown(original)
    assert sorted(originals[:10]) == sorted(originals[10:]) == list(range(10))


@pytest.mark.parametrize("photometric", [{}, {"contrast": 0.4, "colour": 0.3}], ids=["", "colours"])
def test_the_shares_of_two_processes_are_the_whole_batch(pictures, photometric):
    whole = maker(pictures, photometric=photometric).batch(2)
    parts = [maker(pictures, Share(rank, 2), photometric=photometric).batch(2) for rank in (0, 1)]
    for image in (0, 1):
        joined = torch.cat([part.images.chunk(2)[image] for part in parts])
        assert_close(joined, whole.images.chunk(2)[image], rtol=0, atol=1e-4)
    assert_close(torch.cat([part.warped_cells for part in parts]), whole.warped_cells)
    assert_close(torch.cat([part.warp.weights for part in parts]), whole.warp.weights)


def test_warped_cells_are_those_of_the_batch_s_warp(pictures):
    batch = maker(pictures).batch(0)
    rows, columns = geometry().cells
    centres = [
        reference.cell_centre(i, j, rows, columns) for i, j in reference.cells(rows, columns)
    ]
    points = torch.from_numpy(np.array(centres, dtype=np.float32)).expand(4, -1, -1)
    assert_close(batch.warp(points), batch.warped_cells, rtol=0, atol=1e-5)


def test_colours_change_each_image_of_a_pair_in_its_own_way():
    pictures = np.full_like(plain_pictures(10), 100)
    batch = maker(pictures, photometric={"colour": 0.5, "contrast": 0.3}).batch(0)
    colours = batch.images.mean(dim=(2, 3))
    assert batch.images.std(dim=(2, 3)).max() < 1e-4
    assert torch.pdist(colours).min() > 1e-3


def test_held_out_pairs_are_fixed_and_training_never_draws_them(pictures):
    chunks = maker(pictures).held_out(4)
    again = maker(pictures).held_out(4)
    assert [len(chunk.original) for chunk in chunks] == [4, 4, 2]
    for chunk, same in zip(chunks, again, strict=True):
        assert torch.equal(chunk.original, same.original)
        assert torch.equal(chunk.warped, same.warped)
        assert torch.equal(chunk.warped_cells, same.warped_cells)
        assert torch.equal(chunk.warp.solution, same.warp.solution)
    trained = maker(pictures).batch(0)
    assert not torch.equal(trained.warped_cells, chunks[0].warped_cells)


def test_held_out_pairs_are_spread_over_the_pictures_in_their_own_colours():
    count = 250
    chunks = maker(plain_pictures(count), photometric={"contrast": 1.0}).held_out(50)
    places = [place for chunk in chunks for place in shown(chunk.original)]
    assert places == [place for chunk in chunks for place in shown(chunk.warped)]
    assert len(places) == HELD_OUT_PAIRS
    assert (places[0], places[-1]) == (0, count - 1)
    assert {1, 2} == set(np.diff(places))


@pytest.mark.parametrize(("unit", "expected"), [("cells", (7.0, 5.0)), ("view", (1.4, 1.0))])
def test_the_unit_that_the_settings_name(unit, expected):
    found = objective_unit(LossConfig(unit=unit), geometry())
    assert_close(found, torch.tensor(expected))


def random_case() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, ThinPlateSpline]:
    generator = torch.Generator().manual_seed(0)
    scores = 2 * torch.randn(4, 3, 5, 7, dtype=torch.float64, generator=generator)
    original, warped = spatial_softmax(scores).chunk(2)
    controls = control_grid(3, 3)
    moves = 0.1 * torch.randn(2, 9, 2, dtype=torch.float64, generator=generator)
    warp = ThinPlateSpline.fit(controls, controls + moves)
    centres = [reference.cell_centre(i, j, 5, 7) for i, j in reference.cells(5, 7)]
    cells = warp(torch.from_numpy(np.array(centres)).expand(2, -1, -1))
    return original, warped, cells, warp


@pytest.mark.parametrize("equivariance", ["probability", "landmark"])
@pytest.mark.parametrize("per_landmark", [False, True])
@pytest.mark.parametrize(("pooling", "blocks"), [(2, 2), ("auto", 1)])
def test_the_terms_that_the_settings_ask_for(equivariance, per_landmark, pooling, blocks):
    original, warped, cells, warp = random_case()
    unit = torch.tensor([3.5, 2.5], dtype=torch.float64)
    settings = LossConfig(
        equivariance=equivariance, pooling=pooling, diversity_per_landmark=per_landmark
    )
    terms = objective_of_maps(original, warped, cells, warp, unit, settings)
    expected = []
    for one in range(2):
        p, q = original[one].numpy(), warped[one].numpy()
        if equivariance == "probability":
            expected.append(reference.equation_6(p, q, cells[one].numpy(), unit.numpy()))
        else:
            moved = warp.part(slice(one, one + 1))(soft_argmax(warped[one : one + 1]))[0]
            expected.append(
                reference.equation_5(reference.soft_argmax(p), moved.numpy(), unit.numpy())
            )
    spread = [
        reference.pooled_diversity(maps.numpy(), blocks)
        for image in (original, warped)
        for maps in image
    ]
    assert_close(terms.equivariance.item(), np.mean(expected), rtol=1e-9, atol=0)
    share = 1 / 3 if per_landmark else 1
    assert_close(terms.diversity.item(), 2 * np.mean(spread) * share, rtol=1e-9, atol=0)


def test_a_batch_goes_through_the_network_once_and_x_comes_first(pictures):
    batch = maker(pictures).batch(0)
    calls = []

    def network(images):
        calls.append(len(images))
        return 20 * torch.nn.functional.avg_pool2d(images, 2)

    settings = LossConfig()
    unit = objective_unit(settings, geometry())
    found = objective_of_batch(network, batch, unit, settings)
    original, warped = (
        spatial_softmax(20 * torch.nn.functional.avg_pool2d(images, 2))
        for images in batch.images.chunk(2)
    )
    expected = objective_of_maps(original, warped, batch.warped_cells, batch.warp, unit, settings)
    assert calls == [8]
    assert_close(found.total(1.0), expected.total(1.0))


def test_exchange_is_added_where_it_has_a_weight(pictures):
    batch = maker(pictures).batch(0)
    settings = config(
        network={"filters": [4, 6, 6, 6, 8], "descriptors": 5},
        loss={"pooling": 2, "exchange_weight": 0.5},
    )
    unit = objective_unit(settings.loss, geometry())
    network = build_network(settings, torch.Generator().manual_seed(0))
    terms = objective_of_batch(network, batch, unit, settings.loss)
    _, descriptors = network(batch.images, describe=True)
    expected = exchange_distance(*descriptors.chunk(2), batch.warped_cells, unit).mean()
    assert_close(terms.exchange, expected)
    eq_9 = terms.equivariance + 1.2 * terms.diversity
    assert_close(terms.total(1.2, 0.5), eq_9 + 0.5 * expected)
    without = objective_of_batch(network, batch, unit, LossConfig(pooling=2))
    assert_close(without.total(1.2), eq_9)


def test_a_landmark_on_a_control_of_the_warp_has_a_gradient():
    """A dead landmark is at the centre, where a grid with a middle has a control."""
    # Sides that are powers of two, so that the mean of all cells is zero to the last bit.
    scores = torch.zeros(2, 3, 4, 8, requires_grad=True)
    original, warped = spatial_softmax(scores).chunk(2)
    controls = control_grid(5, 5)
    moves = 0.1 * torch.randn(1, 25, 2, generator=torch.Generator().manual_seed(0))
    warp = ThinPlateSpline.fit(controls, controls.float() + moves)
    cells = torch.zeros(1, 32, 2)
    settings = LossConfig(equivariance="landmark")
    terms = objective_of_maps(original, warped, cells, warp, torch.ones(2), settings)
    terms.total(1.0).backward()
    assert scores.grad.isfinite().all()
    assert scores.grad.abs().max() > 0


def test_half_the_digits_give_nearly_the_same_objective(pictures: np.ndarray) -> None:
    batch = maker(pictures).batch(0)
    unit = objective_unit(config().loss, geometry())
    network = build_network(config(), torch.Generator().manual_seed(0))
    full, half = (
        objective_of_batch(network, batch, unit, config().loss, precision)
        for precision in (torch.float32, torch.bfloat16)
    )
    assert half.equivariance.dtype == torch.float32
    assert_close(half.equivariance, full.equivariance, rtol=0.03, atol=0)
    assert_close(half.diversity, full.diversity, rtol=0.03, atol=0)
    assert not torch.equal(half.equivariance, full.equivariance)


def test_the_asked_share_of_pictures_is_mirrored_and_both_images_of_a_pair_are(pictures):
    still = {"rotation": 0, "scale": 0, "translation": 0, "deformation": 0}
    warps = {"first": still, "second": still}
    plain = maker(pictures, batch_size=8, warps=warps)
    some = maker(pictures, batch_size=8, warps={**warps, "mirror": 0.5})
    mirrored = []
    for step in range(6):
        expected, found = plain.batch(step).images, some.batch(step).images
        for image, (x, x_warped) in enumerate(zip(*found.chunk(2), strict=True)):
            want, want_warped = expected[image], expected[8 + image]
            turned = not torch.allclose(x, want, atol=1e-5)
            mirrored.append(turned)
            assert_close(x, want.flip(-1) if turned else want, atol=1e-5, rtol=0)
            assert_close(
                x_warped, want_warped.flip(-1) if turned else want_warped, atol=1e-5, rtol=0
            )
    assert 0.3 < sum(mirrored) / len(mirrored) < 0.7


def test_auto_mirrors_no_picture_where_all_are_brighter_at_the_right():
    rows, columns = geometry().picture
    ramp = np.linspace(0, 200, columns).astype(np.uint8)[None, :, None]
    one_way = np.broadcast_to(ramp, (10, rows, columns, 3)).copy()
    one_way += np.arange(0, 50, 5, dtype=np.uint8)[:, None, None, None]
    either_way = np.where(np.arange(10)[:, None, None, None] % 2, one_way, one_way[:, :, ::-1])

    def brighter_at_the_right(images: torch.Tensor) -> torch.Tensor:
        left, right = images.mean(dim=(1, 2)).chunk(2, dim=1)
        return left.mean(dim=1) < right.mean(dim=1)

    batches = maker(one_way, warps={"mirror": "auto"})
    assert all(brighter_at_the_right(batches.batch(step).images).all() for step in range(5))
    assert all(brighter_at_the_right(pairs.original).all() for pairs in batches.held_out(4))
    batches, unmirrored = maker(either_way, warps={"mirror": "auto"}), maker(either_way)
    turned = [
        brighter_at_the_right(batches.batch(step).images)
        != brighter_at_the_right(unmirrored.batch(step).images)
        for step in range(10)
    ]
    assert 0.3 < torch.cat(turned).float().mean() < 0.7
