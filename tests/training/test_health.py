import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tiny_runs import TINY_NETWORK, tiny_config
from warpmarks.recipe_reading import load_recipe, override
from warpmarks.runs.geometry import Geometry
from warpmarks.training.health import (
    DEAD_FLATNESS,
    DOUBLED_DISTANCE,
    LAGGING_SHARE,
    NAILED_SHARE,
    Health,
    LandmarkPairs,
    diagnose,
    follow_slopes,
    locate,
    measure_health,
    stiff,
)
from warpmarks.training.step import BatchMaker, objective_unit

PAIRS = 40


def landmark_pairs(warped: Tensor, moved: Tensor, **changes: Tensor) -> LandmarkPairs:
    """Landmarks that follow perfectly, with sharp maps, but for what is changed."""
    shape = warped.shape[:2]
    values = {
        "original": moved,
        "warped": warped,
        "moved": moved,
        "flatness": torch.full(shape, 0.01),
        "concentration": torch.full(shape, 0.9),
    }
    return LandmarkPairs(**(values | changes))


def followers(count: int) -> tuple[Tensor, Tensor]:
    """Places of ``count`` landmarks far apart in x', and where the warps take them."""
    generator = torch.Generator().manual_seed(0)
    base = torch.stack(
        [torch.linspace(-0.8, 0.8, count), torch.linspace(0.7, -0.7, count) ** 3], -1
    )
    shift = 0.2 * torch.randn(PAIRS, 1, 2, generator=generator)
    warped = base + 0.1 * torch.randn(PAIRS, count, 2, generator=generator)
    return warped, warped + shift


def test_some_landmarks_of_pairs() -> None:
    warped, moved = followers(4)
    whole = landmark_pairs(warped, moved, original=moved + 0.01)
    some = whole.of((3, 1))
    for field in dataclasses.fields(LandmarkPairs):
        of_all = getattr(whole, field.name)
        assert torch.equal(getattr(some, field.name), torch.stack([of_all[:, 3], of_all[:, 1]], 1))


def test_perfect_followers_are_healthy() -> None:
    warped, moved = followers(4)
    health = measure_health([landmark_pairs(warped, moved)])
    assert health.equivariance_error_percent == 0
    assert (health.dead, health.nailed, health.doubled) == ([], [], [])
    assert health.mean_concentration == pytest.approx(0.9)
    expected = 50 * moved.double().std(dim=0, correction=0).square().mean(-1).sqrt()
    assert health.spread_percent == pytest.approx(expected.tolist(), abs=1e-3)
    assert diagnose(health, tiny_config()) == []


def test_the_error_is_in_percent_of_the_shorter_side() -> None:
    """Halves of the shorter side are the unit: 0.3 and 0.4 of it are 0.5, a quarter of the side."""
    warped, moved = followers(2)
    off = moved + torch.tensor([[0.3, 0.4], [0.0, 0.0]])
    health = measure_health([landmark_pairs(warped, moved, original=off)])
    assert health.equivariance_error_percent == pytest.approx(25 / 2, rel=1e-5)


def test_chunks_of_unequal_size_weigh_by_their_pairs() -> None:
    warped, moved = followers(3)
    noise = 0.1 * torch.randn(moved.shape, generator=torch.Generator().manual_seed(1))
    whole = landmark_pairs(warped, moved, original=moved + noise)
    fields = [field.name for field in dataclasses.fields(LandmarkPairs)]
    parts = [
        LandmarkPairs(**{name: getattr(whole, name)[chosen] for name in fields})
        for chosen in (slice(0, 7), slice(7, PAIRS))
    ]
    assert measure_health(parts) == measure_health([whole])


def test_a_landmark_that_stays_while_the_object_moves_is_nailed() -> None:
    warped, moved = followers(4)
    original = moved.clone()
    fixed = torch.tensor([0.3, -0.2])
    shift = (moved - warped)[:, 2]
    warped[:, 2] = original[:, 2] = fixed
    moved[:, 2] = fixed + shift
    health = measure_health([landmark_pairs(warped, moved, original=original)])
    assert health.nailed == [2]
    assert (health.dead, health.doubled) == ([], [])
    assert health.spread_percent[2] == 0
    assert health.equivariance_error_percent > 2


@pytest.mark.parametrize(("share", "nailed"), [(NAILED_SHARE - 0.02, True), (0.37, False)])
def test_nailed_is_following_less_than_a_share(share: float, *, nailed: bool) -> None:
    warped, moved = followers(3)
    original = moved.clone()
    original[:, 1] = (warped + share * (moved - warped))[:, 1]
    health = measure_health([landmark_pairs(warped, moved, original=original)])
    assert health.nailed == ([1] if nailed else [])


@pytest.mark.parametrize(
    ("share", "lagging"), [(LAGGING_SHARE - 0.02, [1]), (LAGGING_SHARE + 0.02, []), (0.3, [])]
)
def test_lagging_is_following_in_part(share: float, lagging: list) -> None:
    """Below NAILED_SHARE a landmark is nailed instead."""
    warped, moved = followers(3)
    original = moved.clone()
    original[:, 1] = (warped + share * (moved - warped))[:, 1]
    health = measure_health([landmark_pairs(warped, moved, original=original)])
    assert health.lagging == lagging
    assert health.follow == pytest.approx([1, share, 1], abs=1e-3)


def test_noise_is_not_following() -> None:
    """A nailed landmark that trembles more than the object moves."""
    warped, moved = followers(3)
    generator = torch.Generator().manual_seed(2)
    original = moved.clone()
    original[:, 1] = warped[:, 1] + 0.4 * torch.randn(PAIRS, 2, generator=generator)
    health = measure_health([landmark_pairs(warped, moved, original=original)])
    assert health.nailed == [1]


def test_follow_slopes_are_those_of_a_loop() -> None:
    generator = torch.Generator().manual_seed(3)
    followed, asked = torch.randn(2, 5, 4, 2, dtype=torch.float64, generator=generator)
    for landmark, slope in enumerate(follow_slopes(followed, asked).tolist()):
        x, y = asked[:, landmark].flatten().numpy(), followed[:, landmark].flatten().numpy()
        assert slope == pytest.approx(np.linalg.lstsq(x[:, None], y, rcond=None)[0][0])


@pytest.mark.parametrize(("motion", "slope"), [(0.012, 0.0), (0.008, 1.0)])
def test_a_motion_of_less_than_a_hundredth_says_nothing(motion: float, slope: float) -> None:
    asked = motion * torch.tensor([0.6, -0.8]).expand(PAIRS, 1, 2)
    assert follow_slopes(torch.zeros(PAIRS, 1, 2), asked).tolist() == [slope]


def test_dead_landmarks_have_no_say_in_whether_the_others_are_a_grid() -> None:
    follow = [0.1, 0.9, 0.1, 0.8, 0.1, 0.9, 0.1]
    assert stiff(follow, []) == 0.1
    assert stiff(follow, [0, 2, 4, 6]) is None


def test_nobody_is_nailed_where_nothing_moves() -> None:
    warped, _ = followers(3)
    assert measure_health([landmark_pairs(warped, warped)]).nailed == []


@pytest.mark.parametrize("off", [-0.01, 0.01])
def test_a_landmark_with_flat_maps_is_dead_and_only_that(off: float) -> None:
    warped, moved = followers(3)
    flatness = torch.full((PAIRS, 3), 0.01)
    flatness[:, 1] = DEAD_FLATNESS + off
    centre = torch.zeros(PAIRS, 2)
    warped[:, 1] = moved[:, 1] = centre
    warped[:, 0] = moved[:, 0] = centre + 1e-3
    moved[:, 1] += 0.2  # a dead landmark does not follow either, and is not called nailed
    original = moved.clone()
    original[:, 1] = centre
    health = measure_health([landmark_pairs(warped, moved, original=original, flatness=flatness)])
    is_dead = off > 0
    assert health.dead == ([1] if is_dead else [])
    assert health.nailed == ([] if is_dead else [1])
    assert health.doubled == ([] if is_dead else [(0, 1)])


@pytest.mark.parametrize("which", [0, 1])
def test_a_dead_landmark_is_nobodys_double(which: int) -> None:
    warped, moved = followers(3)
    warped[:, 1], moved[:, 1] = warped[:, 0], moved[:, 0]
    flatness = torch.full((PAIRS, 3), 0.01)
    assert measure_health([landmark_pairs(warped, moved, flatness=flatness)]).doubled == [(0, 1)]
    flatness[:, which] = 0.9
    assert measure_health([landmark_pairs(warped, moved, flatness=flatness)]).doubled == []


@pytest.mark.parametrize(("percent", "doubled"), [(-0.05, [(1, 3)]), (0.05, [])])
def test_landmarks_on_each_other_are_doubled(percent: float, doubled: list) -> None:
    warped, moved = followers(4)
    distance = (DOUBLED_DISTANCE + percent) / 50
    offset = distance * torch.tensor([0.6, -0.8])
    warped[:, 3] = warped[:, 1] + offset
    moved[:, 3] = moved[:, 1] + offset
    assert measure_health([landmark_pairs(warped, moved)]).doubled == doubled


def test_landmarks_that_meet_now_and_then_are_not_doubled() -> None:
    warped, moved = followers(2)
    moved[: PAIRS // 2, 1] = moved[: PAIRS // 2, 0]
    assert measure_health([landmark_pairs(warped, moved)]).doubled == []


def health(**changes: object) -> Health:
    values: dict = {
        "equivariance_error_percent": 3.0,
        "spread_percent": [10.0] * 8,
        "follow": [0.95] * 8,
        "dead": [],
        "nailed": [],
        "lagging": [],
        "doubled": [],
        "mean_concentration": 0.8,
    }
    return Health(**(values | changes))


def test_each_failure_is_told_with_its_count_and_what_to_try() -> None:
    config = tiny_config()
    (dead,) = diagnose(health(dead=[0, 5]), config)
    assert dead.startswith("2 of 8 landmarks are dead")
    assert "network.score_scale" in dead
    (nailed,) = diagnose(health(nailed=[1, 2, 3]), config)
    assert nailed.startswith("3 of 8 landmarks are nailed to one place of the image")
    assert "loss.diversity_weight" in nailed
    (lagging,) = diagnose(health(lagging=[1, 2, 3, 4]), config)
    assert lagging.startswith("4 of 8 landmarks follow the object only in part (less than 50 %")
    assert diagnose(health(follow=[0.6, 0.6]), config) == []  # two make no grid
    (grid,) = diagnose(health(follow=[0.9, 0.9, 0.43, 0.43, 0.43, 0.42, 0.42, 0.9]), config)
    assert grid.startswith("the landmarks are a stiff grid: the middle one follows 43 % of the")
    assert "train longer, or learn more landmarks (50), or lower" in grid
    default = load_recipe("default")  # where ten are kept they are of fifty
    (many,) = diagnose(health(follow=[0.43] * 10), override(default, ["num_landmarks=10"]))
    assert "stiff grid" in many
    assert "more landmarks" not in many
    (doubled,) = diagnose(health(doubled=[(0, 1), (0, 2), (1, 2), (4, 6)]), config)
    assert doubled.startswith("5 of 8 landmarks sit on top of another")
    assert "raise loss.diversity_weight" in doubled
    kept = override(default, ["num_landmarks=8"])  # of fifty that are learned anyway
    for trouble in ({"lagging": [1, 2]}, {"doubled": [(0, 1)]}):
        (told,) = diagnose(health(**trouble), kept)
        assert "learn fewer (candidates=25)" in told
        assert "ask for fewer" not in told
    (lost,) = diagnose(health(equivariance_error_percent=math.nan), config)
    assert "lower optimiser.learning_rate" in lost
    assert len(diagnose(health(dead=[0], nailed=[1], doubled=[(2, 3)]), config)) == 3


@pytest.mark.parametrize("padding", ["replicate", "zeros"])
@pytest.mark.parametrize("share", [0.0, 0.8])
def test_nothing_is_advised_that_a_run_has_already(padding: str, share: float) -> None:
    config = tiny_config(
        self_training={"share": share},
        optimiser={"averaging": 0.995},
        network=TINY_NETWORK | {"padding": padding},
    )
    nailed, doubled = diagnose(health(nailed=[1], doubled=[(0, 3)]), config)
    assert nailed.split(": ", 1)[1].startswith("train longer")
    assert ("self_training.share" in nailed) == (share == 0)
    assert ("network.padding" in nailed) == (padding == "zeros")
    assert ("self_training.diversity_weight" in doubled) == (share > 0)


def test_what_is_lowest_already_is_not_to_be_lowered() -> None:
    least = tiny_config(loss={"pooling": 1, "diversity_weight": 0})
    troubles = health(dead=[0], nailed=[1], follow=[0.4] * 8)
    assert not any("lower" in sentence for sentence in diagnose(troubles, least))
    assert all("loss.diversity_weight" in one for one in diagnose(troubles, tiny_config()))


class Follower(nn.Module):
    """Score maps that a red disc lights up, and ones that nothing moves."""

    def forward(self, images: Tensor) -> Tensor:
        cells = nn.functional.avg_pool2d(images, 2)
        red = cells[:, 0] - cells[:, 1]
        nailed = torch.zeros_like(red)
        nailed[:, 2, 5] = 1.0
        return torch.stack([30 * red, 30 * nailed, torch.zeros_like(red)], dim=1)


def discs(count: int, height: int, width: int) -> np.ndarray:
    generator = np.random.default_rng(0)
    y, x = np.mgrid[0:height, 0:width]
    pictures = np.full((count, height, width, 3), 90, np.uint8)
    for picture in pictures:
        centre = generator.uniform((0.35 * width, 0.35 * height), (0.65 * width, 0.65 * height))
        near = np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / 30)
        picture[..., 0] = 90 + 150 * near
    return pictures


def test_a_network_that_follows_an_object_is_told_from_one_that_does_not() -> None:
    """From pictures through warps to health, on views that are not square."""
    geometry = Geometry(picture=(35, 50), view=(28, 40))
    config = tiny_config(image={"size": 32})
    batches = BatchMaker(discs(20, *geometry.picture), config, geometry)
    unit = objective_unit(config.loss, geometry)
    parts = [part for *_, part in locate(Follower(), batches.held_out(8), unit)]
    assert [len(part.original) for part in parts] == [8, 8, 4]
    found = measure_health(parts)
    error = torch.cat([(part.original - part.moved).norm(dim=-1) for part in parts]).mean(0) * 50
    assert error[0] < 1  # a cell is 7 % of the shorter side
    assert error[1] > 5
    assert found.nailed == [1]
    assert found.dead == [2]
