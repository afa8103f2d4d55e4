import numpy as np
import pytest
import torch
from torch.testing import assert_close

from warpmarks import exchange
from warpmarks.coordinates import pixel_centres
from warpmarks.exchange import exchange_distance, rebuild
from warpmarks.losses import view_unit

ROWS, COLUMNS = 8, 12


def random_descriptors(batch: int = 4, channels: int = 5, *, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, channels, ROWS, COLUMNS, generator=generator, dtype=torch.float64)


def unwarped(batch: int) -> torch.Tensor:
    """g(v) = v at every cell."""
    return pixel_centres(ROWS, COLUMNS, dtype=torch.float64).reshape(1, -1, 2).repeat(batch, 1, 1)


def by_hand(original, warped, targets, unit) -> np.ndarray:
    """The same sums cell by cell."""
    x, y, g = original.numpy(), warped.numpy(), targets.numpy().reshape(len(targets), ROWS, -1, 2)
    centres = pixel_centres(ROWS, COLUMNS, dtype=torch.float64).numpy()
    partners = {0: 1, 1: 0, 2: 2}

    def unit_length(maps, row, column):
        return maps[:, row, column] / np.linalg.norm(maps[:, row, column])

    def softmax(maps, descriptor):
        scores = np.array(
            [
                [np.exp(20 * unit_length(maps, r, c) @ descriptor) for c in range(COLUMNS)]
                for r in range(ROWS)
            ]
        )
        return scores / scores.sum()

    means = []
    for index in range(len(x)):
        distances = []
        for row in range(ROWS):
            for column in range(COLUMNS):
                target = g[index, row, column]
                if np.abs(target).max() >= 1:
                    continue
                other = x[partners[index]]
                weights = softmax(other, unit_length(y[index], row, column))
                rebuilt = sum(
                    weights[r, c] * unit_length(other, r, c)
                    for r in range(ROWS)
                    for c in range(COLUMNS)
                )
                found = softmax(x[index], rebuilt / np.linalg.norm(rebuilt))
                away = np.linalg.norm((centres - target) * unit.numpy(), axis=-1)
                distances.append((found * away).sum())
        means.append(np.mean(distances))
    return np.array(means)


def test_the_distance_is_that_of_the_sums_written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "PLACES", ROWS * COLUMNS)
    original, warped = random_descriptors(3), random_descriptors(3, seed=1)
    targets = 1.2 * unwarped(3) + torch.tensor([0.1, -0.05], dtype=torch.float64)
    unit = view_unit(ROWS, COLUMNS).double()
    found = exchange_distance(original, warped, targets, unit)
    assert_close(found, torch.from_numpy(by_hand(original, warped, targets, unit)))


def test_one_cell_that_stays_in_x_counts_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "PLACES", ROWS * COLUMNS)
    original, warped = random_descriptors(3), random_descriptors(3, seed=1)
    targets = unwarped(3) + 5
    targets[:, 17] = torch.tensor([0.3, -0.6], dtype=torch.float64)
    unit = view_unit(ROWS, COLUMNS).double()
    found = exchange_distance(original, warped, targets, unit)
    assert_close(found, torch.from_numpy(by_hand(original, warped, targets, unit)))


def test_descriptors_that_all_objects_share_cost_nothing_and_own_ones_do() -> None:
    """Of an object that has nothing in common with the other, nothing can be rebuilt."""
    unit = view_unit(ROWS, COLUMNS).double()
    cells = ROWS * COLUMNS
    shared = (
        torch.eye(cells, dtype=torch.float64).reshape(1, cells, ROWS, COLUMNS).repeat(2, 1, 1, 1)
    )
    own = torch.zeros(2, 2 * cells, ROWS, COLUMNS, dtype=torch.float64)
    own[0, :cells], own[1, cells:] = shared[0], shared[1]
    assert exchange_distance(shared, shared, unwarped(2), unit).max() < 1e-3
    assert exchange_distance(own, own, unwarped(2), unit).min() > 0.5


def test_a_descriptor_is_rebuilt_from_the_other_image_alone() -> None:
    mine = torch.tensor([[[1.0, 0.0, 0.0]]])
    others = torch.nn.functional.normalize(
        torch.tensor([[[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]]), dim=-1
    )
    assert_close(rebuild(mine, others), others[:, :1], rtol=0, atol=1e-4)


@pytest.mark.parametrize("size", [(32, 32), (40, 40), (12, 90), (4, 5)])
def test_about_as_many_places_are_followed_whatever_the_map(size, monkeypatch) -> None:
    followed = []
    match = exchange.match

    def counting(descriptors, others):
        followed.append(descriptors.shape[1])
        return match(descriptors, others)

    monkeypatch.setattr(exchange, "match", counting)
    maps = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0))
    targets = pixel_centres(*size).reshape(1, -1, 2).repeat(2, 1, 1)
    exchange_distance(maps, maps, targets, view_unit(*size))
    assert min(size[0] * size[1], 36) / 2 <= followed[0] <= 72


@pytest.mark.parametrize("size", [(32, 32), (40, 40), (12, 90)])
def test_the_places_that_are_followed_lie_evenly_over_the_map(size) -> None:
    generator = torch.Generator().manual_seed(0)
    original, warped = (torch.randn(2, 3, *size, generator=generator) for _ in "ab")
    targets = 0.9 * pixel_centres(*size).reshape(1, -1, 2).repeat(2, 1, 1)
    exchange_distance(original, warped.requires_grad_(), targets, view_unit(*size)).sum().backward()
    learns = warped.grad[0].abs().sum(dim=0) > 0
    rows, columns = learns.any(dim=1).nonzero().flatten(), learns.any(dim=0).nonzero().flatten()
    assert learns.sum() == len(rows) * len(columns)
    (step,) = {*rows.diff().tolist(), *columns.diff().tolist()}
    for chosen, length in zip((rows, columns), size, strict=True):
        before, behind = int(chosen[0]), length - 1 - int(chosen[-1])
        assert max(before, behind) <= step
        assert abs(before - behind) <= step / 2


def test_cells_that_leave_x_do_not_count() -> None:
    maps = random_descriptors(2)
    outside = torch.full((2, ROWS * COLUMNS, 2), 1.5, dtype=torch.float64)
    unit = view_unit(ROWS, COLUMNS).double()
    assert exchange_distance(maps, maps, outside, unit).tolist() == [0, 0]
