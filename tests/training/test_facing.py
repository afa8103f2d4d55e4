import math

import numpy as np
import pytest

from warpmarks.training.facing import PICTURES, SIDE, facing_alike, mirrored_share

ROWS, COLUMNS = 21, 38


def wedges(count: int, *, turned: int, seed: int = 0) -> np.ndarray:
    """Triangles that grow to the right, in colours and places of their own, some to the left."""
    rng = np.random.default_rng(seed)
    pictures = rng.integers(150, 256, (count, 1, 1, 3)) + rng.integers(-9, 10, (count, ROWS, 1, 1))
    pictures = np.broadcast_to(pictures, (count, ROWS, COLUMNS, 3)).copy()
    for number, picture in enumerate(pictures):
        left, middle = rng.integers(4, 9), rng.integers(9, 12)
        for column in range(left, left + 25):
            half = (column - left) // 3
            picture[middle - half : middle + half + 1, column] = rng.integers(0, 100, 3)
        if number < turned:
            picture[:] = picture[:, ::-1].copy()
    return pictures.clip(0, 255).astype(np.uint8)


def by_loops(pictures: np.ndarray) -> float:
    """The same share by definition: cell by cell, picture by picture."""
    count, rows, columns, _ = pictures.shape
    coarse = np.zeros((count, SIDE, SIDE, 3))
    for i in range(SIDE):
        for j in range(SIDE):
            top, bottom = i * rows // SIDE, math.ceil((i + 1) * rows / SIDE)
            left, right = j * columns // SIDE, math.ceil((j + 1) * columns / SIDE)
            coarse[:, i, j] = pictures[:, top:bottom, left:right].mean(axis=(1, 2)) / 255
    coarse -= coarse.mean(axis=(1, 2), keepdims=True)
    clear = 0
    for number, own in enumerate(coarse):
        others = [other for index, other in enumerate(coarse) if index != number]
        as_they_are = sum((own * other).sum() for other in others)
        in_mirror = sum((own * other[:, ::-1]).sum() for other in others)
        clear += as_they_are - in_mirror > abs(as_they_are) / 10
    return clear / count


@pytest.mark.parametrize("turned", [0, 1, 3, 5])
def test_the_share_is_that_of_the_definition(turned) -> None:
    pictures = wedges(9, turned=turned)
    assert facing_alike(pictures) == pytest.approx(by_loops(pictures))


@pytest.mark.parametrize("spread", [256, 40])
def test_it_is_of_pictures_of_nothing_and_of_any_brightness_too(spread) -> None:
    rng = np.random.default_rng(spread)
    noise = rng.integers(0, spread, (80, ROWS, COLUMNS, 3))
    pictures = (noise + rng.integers(0, 257 - spread, (80, 1, 1, 1))).astype(np.uint8)
    assert 0.2 < facing_alike(pictures) < 0.8
    assert facing_alike(pictures) == pytest.approx(by_loops(pictures))


def test_of_objects_that_all_face_one_way_none_is_mirrored() -> None:
    assert facing_alike(wedges(40, turned=0)) == facing_alike(wedges(40, turned=40)) == 1
    assert mirrored_share("auto", wedges(40, turned=0)) == 0
    assert mirrored_share("auto", wedges(40, turned=2)) == 0
    assert facing_alike(wedges(40, turned=2)) == pytest.approx(38 / 40)


@pytest.mark.parametrize("turned", [8, 20])
def test_where_some_face_the_other_way_half_are_mirrored(turned) -> None:
    assert mirrored_share("auto", wedges(40, turned=turned)) == 0.5


def test_what_looks_nearly_the_same_in_the_mirror_is_mirrored_although_its_light_is_from_one_side():
    half = wedges(40, turned=0)[:, :, : COLUMNS // 2]
    lit = np.concatenate([half, half[:, :, ::-1]], axis=2) * np.linspace(1, 0.97, COLUMNS)[:, None]
    pictures = lit.astype(np.uint8)
    assert mirrored_share("auto", pictures) == 0.5


@pytest.mark.parametrize("count", [1, 3])
def test_pictures_that_show_nothing_are_mirrored(count) -> None:
    assert mirrored_share("auto", np.full((count, ROWS, COLUMNS, 3), 80, np.uint8)) == 0.5


def test_of_many_pictures_those_spread_evenly_are_looked_at() -> None:
    looked_at, passed_over = wedges(1, turned=0), wedges(1, turned=1)
    pictures = np.tile(np.concatenate([looked_at, passed_over]), (PICTURES, 1, 1, 1))
    assert facing_alike(pictures[:-1]) == 1  # 0, 2, 4 and so on are at even distances


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_share_that_is_named_holds_whatever_the_pictures_show(share) -> None:
    assert mirrored_share(share, wedges(8, turned=0)) == share
