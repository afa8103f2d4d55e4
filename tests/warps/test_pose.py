import math

import numpy as np
import pytest
import torch
from scipy.spatial import procrustes
from torch.testing import assert_close

from warpmarks.losses import view_unit
from warpmarks.warps.pose import (
    LARGEST_SIZE,
    LEAST_SIZE,
    common_reference,
    pose_of,
)

UNIT = view_unit(28, 40)
"""Of a view that is wider than high: its normalised coordinates are not of one length."""


def layout(count=9, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, 2, generator=generator) * torch.tensor([1.1, 1.4]) - 0.6


def turned_by_hand(points, *, degrees, size, shift):
    """The turn in pixels of the view, point by point."""
    angle = math.radians(degrees)
    moved = []
    for x, y in (points * UNIT).tolist():
        across = size * (x * math.cos(angle) - y * math.sin(angle)) + shift[0]
        down = size * (x * math.sin(angle) + y * math.cos(angle)) + shift[1]
        moved.append([across, down])
    return torch.tensor(moved) / UNIT


MOVES = [
    {"degrees": 35.0, "size": 0.8, "shift": (0.2, -0.1)},
    {"degrees": -160.0, "size": 1.3, "shift": (-0.3, 0.4)},
]


def test_finds_the_turn_size_and_shift_in_units_of_one_length():
    reference = layout()
    landmarks = torch.stack([turned_by_hand(reference, **move) for move in MOVES])
    pose = pose_of(landmarks, reference, UNIT)
    assert_close(pose(reference.expand(2, -1, -1)), landmarks, atol=1e-5, rtol=0)
    for turn, shift, move in zip(pose.turn, pose.shift, MOVES, strict=True):
        angle = math.radians(move["degrees"])
        expected = move["size"] * torch.tensor([math.cos(angle), math.sin(angle)])
        assert_close(turn, expected, atol=1e-5, rtol=0)
        assert_close(shift, torch.tensor(move["shift"]), atol=1e-5, rtol=0)


def test_grids_of_points_are_taken_as_lists_are_and_back():
    reference = layout()
    pose = pose_of(
        torch.stack([turned_by_hand(reference, **move) for move in MOVES]), reference, UNIT
    )
    grid = layout(12, seed=1).reshape(1, 3, 4, 2).expand(2, -1, -1, -1)
    there = pose(grid)
    assert there.shape == grid.shape
    assert_close(there.flatten(1, 2), pose(grid.flatten(1, 2)))
    assert_close(pose.at_pixels(grid[0]), there)
    assert_close(pose.inverse()(there), grid, atol=1e-5, rtol=0)
    second = pose.of(slice(1, 2))
    assert_close(second(grid[1:]), there[1:])


def test_of_a_moved_object_it_is_first_that_and_then_this():
    reference = layout()
    pose, moves = (
        pose_of(
            torch.stack([turned_by_hand(reference, **move) for move in either]), reference, UNIT
        )
        for either in (MOVES, MOVES[::-1])
    )
    points = layout(12, seed=1).expand(2, -1, -1)
    assert_close(pose.moved(moves)(points), pose(moves(points)), atol=1e-5, rtol=0)
    assert not torch.allclose(pose(moves(points)), moves(pose(points)), atol=0.05)
    of_all = moves.of(slice(1))
    expected = pose(of_all(points[:1]).expand(2, -1, -1))
    assert_close(pose.moved(of_all)(points), expected, atol=1e-5, rtol=0)


def test_without_outliers_it_is_nearly_least_squares():
    reference = layout(30)
    noise = 0.03 * torch.randn(30, 2, generator=torch.Generator().manual_seed(2))
    landmarks = turned_by_hand(reference, **MOVES[0]) + noise / UNIT
    pose = pose_of(landmarks[None], reference, UNIT)
    _, _, disparity = procrustes((landmarks * UNIT).numpy(), (reference * UNIT).numpy())
    about = landmarks * UNIT - (landmarks * UNIT).mean(0)
    off = ((pose(reference[None])[0] - landmarks) * UNIT).square().sum() / about.square().sum()
    assert disparity <= off < 1.2 * disparity


def test_landmarks_that_are_far_off_hardly_turn_it():
    reference = layout(20)
    landmarks = turned_by_hand(reference, **MOVES[0])
    landmarks[:3] += torch.tensor([1.2, -0.9])
    pose = pose_of(landmarks[None], reference, UNIT)
    off = ((pose(reference[None])[0] - landmarks) * UNIT)[3:].norm(dim=-1)
    assert off.max() < 0.07


def test_each_fit_counts_a_landmark_for_the_less_the_farther_off_it_was():
    """As complex numbers: three rounds of weighted least squares, 1 / (d^2 + their mean) each."""
    reference = layout(15)
    noise = torch.randn(15, 2, generator=torch.Generator().manual_seed(6)).pow(3) * 0.1
    landmarks = turned_by_hand(reference, **MOVES[1]) + noise
    places, goals = (
        (points * UNIT).double().numpy() @ [1, 1j] for points in (reference, landmarks)
    )
    columns, counts = np.stack([places, np.ones(15)], axis=1), np.ones(15)
    for _ in range(3):
        roots = np.sqrt(counts)
        found = np.linalg.lstsq(columns * roots[:, None], goals * roots, rcond=None)[0]
        off = np.abs(columns @ found - goals) ** 2
        counts = 1 / (off + off.mean())
    # One that is off by far less is beside it.
    pose = pose_of(torch.stack([landmarks, reference]), reference, UNIT)
    for part, expected in zip((pose.turn, pose.shift), found, strict=True):
        assert part[0].tolist() == pytest.approx([expected.real, expected.imag], abs=1e-4)


@pytest.mark.parametrize(("size", "expected"), [(0.1, LEAST_SIZE), (5.0, LARGEST_SIZE)])
def test_sizes_are_bounded_about_the_middle(size, expected):
    reference = layout()
    landmarks = turned_by_hand(reference, degrees=20, size=size, shift=(0.1, 0.2))
    pose = pose_of(landmarks[None], reference, UNIT)
    assert pose.turn.norm() == pytest.approx(expected, rel=1e-5)
    assert_close(pose(reference[None])[0].mean(0), landmarks.mean(0), atol=1e-5, rtol=0)


@pytest.mark.parametrize("count", [1, 5])
def test_where_landmarks_have_no_turn_there_is_a_shift_alone(count):
    found = torch.tensor([0.4, -0.3]).expand(1, count, 2)
    pose = pose_of(found, torch.tensor([0.1, 0.2]).expand(count, 2), UNIT)
    assert_close(pose.turn, torch.tensor([[1.0, 0.0]]))
    points = layout(5)[None]
    assert_close(pose(points), points + torch.tensor([0.3, -0.5]))
    assert_close(common_reference(found, UNIT), found[0])


def test_landmarks_that_all_meet_are_not_zoomed_in_on():
    pose = pose_of(torch.zeros(1, 5, 2), layout(5), UNIT)
    assert pose.turn.norm() == pytest.approx(LEAST_SIZE)


def test_of_two_images_the_reference_lies_between_both():
    """In turn, size and place; the larger object's turn counts no more."""
    shape = layout(6, seed=2)
    landmarks = torch.stack(
        [
            turned_by_hand(shape, degrees=-10, size=0.7, shift=(-0.3, 0.1)),
            turned_by_hand(shape, degrees=50, size=1.3, shift=(0.1, 0.3)),
        ]
    )
    between = turned_by_hand(shape, degrees=20, size=1, shift=(0, 0))
    between += landmarks.mean(dim=(0, 1)) - between.mean(dim=0)
    assert_close(common_reference(landmarks, UNIT), between, atol=1e-5, rtol=0)


def test_of_bent_objects_the_reference_is_what_they_have_in_common():
    """Brought back to it they say it once more; turned all ways, one round is not near that."""
    shape, generator = layout(12, seed=3), np.random.default_rng(4)
    landmarks = torch.stack(
        [
            turned_by_hand(shape, degrees=generator.uniform(-180, 180), size=1.0, shift=(0, 0))
            for _ in range(150)
        ]
    )
    landmarks += 0.15 * torch.randn(150, 12, 2, generator=torch.Generator().manual_seed(9))
    reference = common_reference(landmarks, UNIT)
    again = pose_of(landmarks, reference, UNIT).inverse()(landmarks).quantile(0.5, dim=0)
    again = pose_of(reference[None], again, UNIT)(again[None])[0]
    assert ((again - reference) * UNIT).norm(dim=-1).max() < 0.015


@pytest.mark.parametrize("spread", [30.0, 60.0, None])
def test_the_reference_is_the_shape_that_images_share_lying_as_they_do_in_the_middle(spread):
    shape = layout(12, seed=3)
    generator = np.random.default_rng(4)
    landmarks = []
    for index in range(301):
        turned = generator.uniform(-180, 180) if spread is None else generator.normal(10, spread)
        move = {
            "degrees": float(turned),
            "size": float(np.exp(generator.normal(-0.2, 0.15))),
            "shift": tuple(generator.normal(0.05, 0.2, 2)),
        }
        landmarks.append(turned_by_hand(shape, **move))
        if index % 6 == 0:
            odd = torch.randn(12, 2, generator=torch.Generator().manual_seed(index))
            landmarks[-1] = landmarks[-1] + odd + 1.5
    reference = common_reference(torch.stack(landmarks), UNIT)
    # Up to a similarity it is the shape ...
    pose = pose_of(shape[None], reference, UNIT)
    assert ((pose(reference[None])[0] - shape) * UNIT).norm(dim=-1).max() < 0.02
    # ... as large as on the images in the middle, in the middle of their places, and lying so.
    middles = torch.stack([(one * UNIT).mean(dim=0) for one in landmarks]).median(dim=0).values
    assert ((reference * UNIT).mean(dim=0) - middles).norm() < 0.05
    assert 1 / pose.turn.norm() == pytest.approx(math.exp(-0.2), rel=0.04)
    if spread is not None:
        back = pose.inverse().turn[0]
        degrees = math.degrees(math.atan2(back[1], back[0]))
        assert degrees == pytest.approx(10, abs=3 * spread / math.sqrt(301))
