import math

import numpy as np
import pytest
import torch
from numpy.random import default_rng
from scipy.interpolate import RBFInterpolator
from torch.testing import assert_close

from warpmarks.coordinates import pixel_centres
from warpmarks.losses import view_unit
from warpmarks.warps.bend import FARTHEST, NOISE, REACH, Bends
from warpmarks.warps.pose import Pose, pose_of

ROWS, COLUMNS = 8, 13
UNIT = 1.2 * view_unit(ROWS, COLUMNS).double()
"""Along neither side half a view is 1."""

PIXELS = pixel_centres(ROWS, COLUMNS, dtype=torch.float64)


def usual(count=9):
    return torch.from_numpy(default_rng(0).uniform([-0.8, -0.6], [0.7, 0.9], (count, 2)))


def lying(degrees, size, shift):
    angle = np.radians(degrees)
    turn = size * torch.tensor([[np.cos(angle), np.sin(angle)]])
    return Pose(turn, torch.tensor([shift], dtype=torch.float64), UNIT)


def bends_of(reference):
    return Bends(reference, UNIT, PIXELS)


def test_points_are_moved_as_the_field_of_scipy_says_and_then_lie_as_the_object():
    reference, pose = usual(), lying(25, 1.3, [0.1, -0.2])
    off = default_rng(1).normal(0, 0.02, (9, 2))
    landmarks = pose((reference + torch.from_numpy(off) / UNIT)[None])
    bent = bends_of(reference)(pose, landmarks)
    oracle = RBFInterpolator(
        (reference * UNIT).numpy(),
        off,
        smoothing=NOISE,
        kernel="gaussian",
        epsilon=1 / (math.sqrt(2) * REACH),
        degree=-1,
    )
    points = torch.from_numpy(default_rng(2).uniform(-1.1, 1.1, (30, 2)))
    moved = torch.from_numpy(oracle((points * UNIT).numpy()))
    assert_close(bent(points[None]), pose((points + moved / UNIT)[None]))


def test_pixels_are_moved_as_any_points_are_and_each_image_by_its_own_bend():
    reference = usual()
    poses = Pose(torch.tensor([[0.9, 0.2], [1.1, -0.4]]).double(), 0.1 * torch.ones(2, 2), UNIT)
    landmarks = poses(reference.expand(2, -1, -1))
    landmarks = landmarks + torch.from_numpy(default_rng(3).normal(0, 0.03, (2, 9, 2)))
    bent = bends_of(reference)(poses, landmarks)
    expected = bent(PIXELS.expand(2, -1, -1, -1))
    assert_close(bent.at_pixels(PIXELS), expected)
    assert_close(bent.of(slice(1, 2)).at_pixels(PIXELS), expected[1:])
    assert not torch.allclose(expected[0], poses.at_pixels(PIXELS)[0], atol=1e-3)


def test_in_single_precision_points_are_moved_as_in_double_and_weights_files_stay_as_they_are():
    reference, pose = usual(), lying(25, 1.3, [0.1, -0.2])
    off = torch.from_numpy(default_rng(1).normal(0, 0.02, (1, 9, 2)))
    expected = bends_of(reference)(pose, pose(reference + off)).at_pixels(PIXELS)
    single = Pose(pose.turn.float(), pose.shift.float(), UNIT.float())
    bends = Bends(reference.float(), UNIT.float(), PIXELS.float())
    found = bends(single, single((reference + off).float())).at_pixels(PIXELS.float())
    assert_close(found, expected.float(), rtol=0, atol=1e-6)
    assert not bends.state_dict()


def test_a_bent_object_is_met_more_closely_than_by_a_similarity():
    reference = usual(40)
    x, y = reference.unbind(-1)
    landmarks = torch.stack([x + 0.05 * y * y, y + 0.06 * torch.sin(2 * x)], dim=-1)[None]
    pose = pose_of(landmarks, reference, UNIT)
    bent = bends_of(reference)(pose, landmarks)
    straight, met = (
        ((way(reference[None]) - landmarks) * UNIT).norm(dim=-1).mean() for way in (pose, bent)
    )
    assert met < 0.35 * straight


def test_a_landmark_that_went_wrong_pulls_no_more_than_one_a_little_off():
    """By 3.5 % of the view's shorter side, as the docs say."""
    reference, pose = usual(), lying(0, 1, [0, 0])
    away = torch.tensor([3.0, -4.0], dtype=torch.float64) / 5
    little, far = reference.clone(), reference.clone()
    little[2] += 0.07 * away / UNIT
    far[2] += 0.7 * away / UNIT
    bends = bends_of(reference)
    found = [bends(pose, landmarks[None]).at_pixels(PIXELS) for landmarks in (little, far)]
    assert_close(found[0], found[1])
    assert not torch.allclose(found[0][0], PIXELS, atol=1e-3)


@pytest.mark.parametrize("count", [1, 2, 3, 10])
@pytest.mark.parametrize("height", [1.0, 1e-3, 0.0])
@pytest.mark.parametrize("width", [1.0, 0.05])
def test_no_field_moves_much_more_than_a_landmark_may(count, height, width):
    """Of few landmarks, and of such as lie on a line or close together."""
    reference = usual(count) * torch.tensor([width, width * height])
    pose = lying(0, 1, [0, 0])
    landmarks = torch.from_numpy(default_rng(5).normal(0, 0.4, (64, count, 2)))
    poses = Pose(pose.turn.expand(64, -1), pose.shift.expand(64, -1), UNIT)
    bent = bends_of(reference)(poses, landmarks)
    moved = ((bent.at_pixels(PIXELS) - PIXELS) * UNIT).norm(dim=-1)
    assert 0.1 * FARTHEST < moved.max() < 2 * FARTHEST


def test_an_object_that_lies_moved_is_bent_first_and_moved_then():
    reference, pose, little = usual(), lying(25, 1.3, [0.1, -0.2]), lying(-8, 0.9, [0.05, 0.02])
    off = torch.from_numpy(default_rng(1).normal(0, 0.02, (9, 2)))
    landmarks = pose((reference + off / UNIT)[None])
    bent = bends_of(reference)(pose, landmarks)
    straight = bends_of(reference)(lying(0, 1, [0, 0]), (reference + off / UNIT)[None])
    points = torch.from_numpy(default_rng(2).uniform(-1.1, 1.1, (1, 30, 2)))
    assert_close(bent.moved(little)(points), pose(little(straight(points))))
    pixels = PIXELS[None]
    assert_close(bent.moved(little).at_pixels(PIXELS), pose(little(straight(pixels))))
