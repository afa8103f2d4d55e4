import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

import reference
from warpmarks.coordinates import pixel_centres
from warpmarks.errors import InputError
from warpmarks.exchange import exchange_distance
from warpmarks.heatmaps import concentration, soft_argmax, spatial_softmax
from warpmarks.losses import (
    ObjectiveTerms,
    annotation_distance,
    cells_unit,
    diversity,
    landmark_diversity,
    landmark_equivariance,
    objective,
    overlap_diversity,
    probability_equivariance,
    roomy_distance,
    roomy_pooling,
    sum_pool,
    view_unit,
)
from warpmarks.warps import ThinPlateSpline, control_grid

ROWS, COLUMNS = 5, 8
few = settings(max_examples=8, deadline=None, derandomize=True, database=None)
seeds = st.integers(0, 10_000)
UNITS = {"cells": cells_unit, "view": view_unit}


def random_maps(seed: int, batch: int = 2, landmarks: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    shape = batch, landmarks, ROWS, COLUMNS
    return spatial_softmax(2 * torch.randn(*shape, dtype=torch.float64, generator=generator))


def bent_cells(seed: int, batch: int = 2) -> torch.Tensor:
    """g(v) for splines that are not affine, with points outside the view among them."""
    generator = torch.Generator().manual_seed(seed)
    controls = control_grid(3, 4)
    moves = 0.2 * torch.randn(batch, 12, 2, dtype=torch.float64, generator=generator)
    centres = pixel_centres(ROWS, COLUMNS, dtype=torch.float64).reshape(1, -1, 2)
    return ThinPlateSpline.fit(controls, controls + moves)(centres.expand(batch, -1, -1))


def by_image(function, *tensors: torch.Tensor) -> torch.Tensor:
    rows = zip(*(tensor.numpy() for tensor in tensors), strict=True)
    return torch.tensor([function(*row) for row in rows], dtype=torch.float64)


def delta_maps(cells: list[int], rows: int = ROWS, columns: int = COLUMNS) -> torch.Tensor:
    maps = torch.zeros(1, len(cells), rows * columns, dtype=torch.float64)
    maps[0, range(len(cells)), cells] = 1
    return maps.reshape(1, len(cells), rows, columns)


@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)
def test_equation_5_equals_its_loop(unit):
    landmarks = torch.rand(2, 3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    moved = landmarks.flip(0) ** 2
    lengths = unit(ROWS, COLUMNS).double()
    expected = by_image(lambda a, b: reference.equation_5(a, b, lengths.numpy()), landmarks, moved)
    assert_close(landmark_equivariance(landmarks, moved, lengths), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)
@given(seed=seeds)
@few
def test_equation_6_in_linear_time_equals_the_double_sum(unit, seed):
    original, warped = random_maps(seed), random_maps(seed + 1)
    warped_cells, lengths = bent_cells(seed), unit(ROWS, COLUMNS).double()
    expected = by_image(
        lambda p, q, g: reference.equation_6(p, q, g, lengths.numpy()),
        original,
        warped,
        warped_cells,
    )
    found = probability_equivariance(original, warped, warped_cells, lengths)
    assert_close(found, expected, rtol=0, atol=1e-10)


@given(seed=seeds)
@few
def test_equation_6_is_equation_5_and_two_variances(seed):
    original, warped, warped_cells = random_maps(seed), random_maps(seed + 1), bent_cells(seed)
    unit = cells_unit(ROWS, COLUMNS).double()
    centres = pixel_centres(ROWS, COLUMNS, dtype=torch.float64).reshape(-1, 2)

    def mean_and_variance(maps, points):
        mean = torch.einsum("bkn,bnc->bkc", maps.flatten(2), points)
        apart = ((points[:, None] - mean[:, :, None]) * unit).square().sum(-1)
        return mean, (maps.flatten(2) * apart).sum(-1).mean(-1)

    u, u_variance = mean_and_variance(original, centres.expand(2, -1, -1))
    g_v, v_variance = mean_and_variance(warped, warped_cells)
    expected = landmark_equivariance(u, g_v, unit) + u_variance + v_variance
    found = probability_equivariance(original, warped, warped_cells, unit)
    assert_close(found, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)
@given(data=st.data())
@few
def test_a_perfect_delta_detector_scores_zero_whatever_the_warp(unit, data):
    cells = st.lists(st.integers(0, ROWS * COLUMNS - 1), min_size=6, max_size=6, unique=True)
    in_warped = data.draw(cells.filter(lambda found: len({c // COLUMNS for c in found}) > 2))
    in_original = data.draw(cells)
    centres = pixel_centres(ROWS, COLUMNS, dtype=torch.float64).reshape(-1, 2)
    warp = ThinPlateSpline.fit(centres[in_warped], centres[None, in_original])
    warped_cells = warp(centres[None])
    lengths = unit(ROWS, COLUMNS).double()

    def loss(found_in_original, found_in_warped):
        maps = delta_maps(found_in_original), delta_maps(found_in_warped)
        return probability_equivariance(*maps, warped_cells, lengths).item()

    assert loss(in_original, in_warped) == pytest.approx(0, abs=1e-9)
    cell = in_original[2]
    beside = cell + 1 if cell % COLUMNS < COLUMNS - 1 else cell - 1
    one_off = [*in_original[:2], beside, *in_original[3:]]
    width_of_a_cell = 2 / COLUMNS * lengths[0].item()
    assert loss(one_off, in_warped) == pytest.approx(width_of_a_cell**2 / 6)


def test_a_warp_back_to_front_does_not_score_zero():
    in_warped, in_original = [0, 7, 19, 33, 38], [9, 5, 27, 24, 31]
    centres = pixel_centres(ROWS, COLUMNS, dtype=torch.float64).reshape(-1, 2)
    backwards = ThinPlateSpline.fit(centres[in_original], centres[None, in_warped])(centres[None])
    maps = delta_maps(in_original), delta_maps(in_warped)
    unit = cells_unit(ROWS, COLUMNS).double()
    assert probability_equivariance(*maps, backwards, unit).item() > 1


def test_equation_7_equals_its_triple_loop():
    maps = random_maps(5, landmarks=4)
    assert_close(overlap_diversity(maps), by_image(reference.equation_7, maps), rtol=0, atol=1e-10)


def test_equation_8_equals_both_printed_forms():
    maps = random_maps(6, landmarks=4)
    for form in (reference.equation_8, reference.equation_8_compact):
        assert_close(diversity(maps), by_image(form, maps), rtol=0, atol=1e-10)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 9])
def test_pooled_diversity_also_where_blocks_do_not_divide_the_map(size):
    maps = random_maps(7, landmarks=4)
    expected = by_image(lambda p: reference.pooled_diversity(p, size), maps)
    assert_close(diversity(maps, pooling=size), expected, rtol=0, atol=1e-10)
    assert_close(sum_pool(maps, size).sum(dim=(2, 3)), maps.sum(dim=(2, 3)))


def test_diversity_of_disjoint_and_of_equal_maps():
    apart = delta_maps([0, 7, 18, 39])
    assert diversity(apart).item() == 0
    assert diversity(apart, pooling=2).item() == 0
    together = delta_maps([9, 9, 9, 9])
    assert diversity(together).item() == 3
    in_one_block = delta_maps([0, 1, COLUMNS, COLUMNS + 1])
    assert diversity(in_one_block).item() == 0
    assert diversity(in_one_block, pooling=2).item() == 3
    # Eq. 7 counts each map's overlap with itself: 4 pairs of 16 when apart, all when together.
    assert_close(overlap_diversity(apart).item(), 1 / 4)
    assert_close(overlap_diversity(together).item(), 1.0)


@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)
def test_diversity_of_landmarks_equals_its_loop(unit):
    generator = torch.Generator().manual_seed(2)
    landmarks = torch.rand(3, 6, 2, dtype=torch.float64, generator=generator) - 0.4
    lengths = unit(ROWS, COLUMNS).double()
    distance = 0.5 * lengths[0].item()
    expected = by_image(
        lambda a: reference.landmark_diversity(a, lengths.numpy(), distance), landmarks
    )
    assert (expected > 0.1 * distance).all()
    assert_close(landmark_diversity(landmarks, lengths, distance), expected, rtol=0, atol=1e-10)


def test_only_landmarks_that_are_too_close_are_parted():
    landmarks = torch.tensor([[[0.0, 0.0], [0.03, 0.04], [0.5, 0.0], [0.5, 0.0]]]).double()
    landmarks.requires_grad_()
    unit = torch.tensor([1.0, 2.0], dtype=torch.float64)
    landmark_diversity(landmarks, unit, 0.1).sum().backward()
    gradient = landmarks.grad
    assert gradient is not None
    # Away from each other as steep as the direction between them, once for either of the two.
    direction = torch.tensor([0.03, 0.08], dtype=torch.float64) / np.hypot(0.03, 0.08)
    assert_close(gradient[0, 0], 2 / 4 * direction * unit)
    assert_close(gradient[0, 1], -2 / 4 * direction * unit)
    # Two in one place have no direction; what they feel is a number.
    assert_close(gradient[0, 2:], torch.zeros(2, 2, dtype=torch.float64))
    far = landmark_diversity(landmarks[:, :3], unit, 0.05)
    assert far.item() == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize(("num_landmarks", "expected"), [(1, 0.08), (125, 0.08), (500, 0.04)])
def test_many_landmarks_need_to_keep_less_apart(num_landmarks, expected):
    assert roomy_distance(num_landmarks, 0.08) == pytest.approx(expected)


@pytest.mark.parametrize(("per_landmark", "share"), [(False, 1), (True, 1 / 3)])
def test_the_objective_is_made_of_its_parts(per_landmark, share):
    original, warped, warped_cells = random_maps(1), random_maps(2), bent_cells(3)
    unit = view_unit(ROWS, COLUMNS).double()
    by_maps = probability_equivariance(original, warped, warped_cells, unit)
    terms = objective(by_maps, original, warped, pooling=2, per_landmark=per_landmark)
    equivariance = [
        reference.equation_6(*parts, unit.numpy())
        for parts in zip(original.numpy(), warped.numpy(), warped_cells.numpy(), strict=True)
    ]
    spread = [
        reference.pooled_diversity(p, 2) + reference.pooled_diversity(q, 2)
        for p, q in zip(original.numpy(), warped.numpy(), strict=True)
    ]
    assert_close(terms.equivariance.item(), np.mean(equivariance))
    assert_close(terms.diversity.item(), np.mean(spread) * share)
    assert_close(terms.total(7.0), terms.equivariance + 7 * terms.diversity)


def test_the_total_weighs_the_diversity_and_exchange_where_it_is_asked_for():
    terms = ObjectiveTerms(torch.tensor(0.25), torch.tensor(0.5), exchange=torch.tensor(3.0))
    assert terms.total(500).item() == 250.25
    assert terms.total(500, 2.0).item() == 256.25


def test_gamma_of_500_in_cells_of_a_40_x_40_map_is_1_25_in_views():
    """And on a map that is not square the two units differ by one factor on both axes."""
    ratio = (cells_unit(40, 40) / view_unit(40, 40)).square()
    assert_close(500 / ratio, torch.tensor([1.25, 1.25]))
    for size in ((30, 44), (44, 30)):
        by_axis = cells_unit(*size) / view_unit(*size)
        assert_close(by_axis, torch.tensor([15.0, 15.0]))


def test_a_step_of_one_cell_is_one_cell_long_on_either_axis():
    centres = pixel_centres(30, 44)
    steps = torch.stack([centres[0, 1] - centres[0, 0], centres[1, 0] - centres[0, 0]])
    assert_close(steps * cells_unit(30, 44), torch.eye(2))
    assert_close(steps * view_unit(30, 44), torch.eye(2) / 15)


def test_exact_gradients():
    scores = torch.randn(
        2, 2, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )
    unit = cells_unit(3, 4).double()
    controls = control_grid(2, 2)
    centres = pixel_centres(3, 4, dtype=torch.float64).reshape(1, -1, 2)
    targets = controls[None] * torch.tensor([0.8, 1.1], dtype=torch.float64) + 0.1
    warp = ThinPlateSpline.fit(controls, targets)

    def total(both):
        original, warped = spatial_softmax(both).chunk(2)
        by_maps = probability_equivariance(original, warped, warp(centres), unit)
        return objective(by_maps, original, warped, pooling=2).total(3.0)

    def other_terms(both):
        original, warped = spatial_softmax(both).chunk(2)
        moved = warp(soft_argmax(warped))
        by_landmark = landmark_equivariance(soft_argmax(original), moved, unit)
        return by_landmark.mean() + overlap_diversity(original).mean()

    assert torch.autograd.gradcheck(total, scores.requires_grad_())
    assert torch.autograd.gradcheck(other_terms, scores)


@pytest.mark.parametrize(
    ("num_landmarks", "rows", "columns", "expected"),
    [
        (10, 40, 40, 2),
        (30, 32, 32, 2),
        (52, 32, 32, 1),
        (8, 10, 16, 2),
        (9, 10, 16, 1),
        (500, 32, 32, 1),
    ],
)
def test_roomy_pooling_leaves_four_fifths_of_the_map_free(num_landmarks, rows, columns, expected):
    pooling = roomy_pooling(num_landmarks, rows, columns)
    assert pooling == expected
    assert pooling == 1 or num_landmarks * pooling**2 <= rows * columns / 5


def _of(*shape: int) -> torch.Tensor:
    return torch.full(shape, 0.5)


POINTS, MAPS, CELLS, UNIT = _of(2, 3, 2), _of(2, 3, 5, 8), _of(2, 40, 2), _of(2)
APART = {
    "landmarks": lambda: landmark_equivariance(POINTS, POINTS[:, :1], UNIT),
    "batch": lambda: landmark_equivariance(POINTS, POINTS[:1], UNIT),
    "unit": lambda: landmark_equivariance(POINTS, POINTS, torch.tensor(4.0)),
    "maps of one image": lambda: probability_equivariance(MAPS, MAPS[:1], CELLS, UNIT),
    "one map": lambda: probability_equivariance(MAPS, MAPS[:, :1], CELLS, UNIT),
    "lying maps": lambda: probability_equivariance(MAPS, MAPS.mT, CELLS, UNIT),
    "cells of one image": lambda: probability_equivariance(MAPS, MAPS, CELLS[:1], UNIT),
    "objective": lambda: objective(_of(2), MAPS, MAPS[:, :1], pooling=1),
    "annotations": lambda: annotation_distance(POINTS, POINTS[:1], _of(2, 3) > 0, UNIT),
    "which are there": lambda: annotation_distance(POINTS, POINTS, _of(2, 1) > 0, UNIT),
    "scores of one landmark": lambda: concentration(MAPS, POINTS[:, :1]),
    "scores of one image": lambda: concentration(MAPS, POINTS[:1]),
    "crowding": lambda: landmark_diversity(POINTS, _of(1), 0.1),
    "exchange": lambda: exchange_distance(MAPS, MAPS, CELLS[:1], UNIT),
}


@pytest.mark.parametrize("measure", APART.values(), ids=APART)
@pytest.mark.usefixtures("no_type_checks")
def test_what_does_not_belong_together_is_not_broadcast(measure):
    with pytest.raises(InputError, match=r"shapes do not go together: \w+ \(2.*: expected \(batch"):
        measure()


@pytest.mark.usefixtures("no_type_checks")
def test_the_sentence_has_both_shapes():
    with pytest.raises(InputError) as told:
        landmark_equivariance(POINTS, POINTS[:1], UNIT)
    assert str(told.value) == (
        "the shapes do not go together: landmarks (2, 3, 2), moved_landmarks (1, 3, 2), unit (2,): "
        "expected (batch, landmarks, 2), (batch, landmarks, 2), (2), where the same word is the "
        "same number"
    )


NO_MAPS = {
    "no rows": lambda: view_unit(0, 4),
    "no block": lambda: diversity(MAPS, pooling=0),
    "one image": lambda: spatial_softmax(MAPS[0]),
    "one image, too": lambda: soft_argmax(MAPS[0]),
    "overlap of one image": lambda: overlap_diversity(MAPS[0]),
}


@pytest.mark.parametrize("measure", NO_MAPS.values(), ids=NO_MAPS)
@pytest.mark.usefixtures("no_type_checks")
def test_what_is_no_map_is_refused(measure):
    with pytest.raises(InputError, match="expected"):
        measure()


@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)
def test_a_map_without_columns_is_refused(unit):
    with pytest.raises(InputError, match="a map of 4 x 0 cells: expected at least one row and"):
        unit(4, 0)


@pytest.mark.usefixtures("no_type_checks")
def test_compiled_losses_are_one_graph_with_their_checks():
    moved = torch.rand(2, 3, 2)
    compiled = torch.compile(landmark_equivariance, backend="eager", fullgraph=True)
    expected = landmark_equivariance(moved + 1, moved, cells_unit(4, 5))
    assert_close(compiled(moved + 1, moved, cells_unit(4, 5)), expected)
    maps = random_maps(0)
    compiled = torch.compile(diversity, backend="eager", fullgraph=True)
    assert_close(compiled(maps, pooling=2), diversity(maps, pooling=2))


@pytest.mark.usefixtures("no_type_checks")
def test_what_is_no_tensor_has_no_shape():
    with pytest.raises(InputError, match=r"go together: .*unit 2\.0: expected"):
        landmark_equivariance(torch.rand(2, 3, 2), torch.rand(2, 3, 2), 2.0)
