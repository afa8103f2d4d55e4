import numpy as np
import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from warpmarks.training.candidates import most_telling


def told(
    landmarks: Float[np.ndarray, "pictures landmarks 2"], chosen: list[int], off: float
) -> float:
    """What the chosen landmarks tell of the others, by ridge regressions on the pictures."""
    pictures = len(landmarks)
    about = landmarks - landmarks.mean(0)
    known = np.concatenate([about[:, each] for each in chosen], axis=1)
    total = 0.0
    for other in range(landmarks.shape[1]):
        if other in chosen:
            continue
        wanted = about[:, other]
        # Ridge regression is least squares with rows of its own for the penalty.
        rows = np.sqrt(pictures) * off * np.eye(known.shape[1])
        inputs = np.concatenate([known, rows])
        outputs = np.concatenate([wanted, np.zeros((len(rows), 2))])
        weights = np.linalg.lstsq(inputs, outputs, rcond=None)[0]
        left = np.square(outputs - inputs @ weights).sum() / pictures
        variance = np.square(wanted).mean(0).sum()
        total += (variance - left) / (variance + 2 * off**2)
    return total


def added(
    landmarks: Float[np.ndarray, "pictures landmarks 2"], chosen: list[int], more: int, off: float
) -> float:
    """What one more tells of those that are left then, beside what the chosen ones told of them."""
    left = [each for each in range(landmarks.shape[1]) if each not in {*chosen, more}]
    known = list(range(len(chosen)))
    before = told(landmarks[:, [*chosen, *left]], known, off) if chosen else 0.0
    return told(landmarks[:, [*chosen, more, *left]], [*known, len(chosen)], off) - before


def chosen_slowly(
    landmarks: Float[np.ndarray, "pictures landmarks 2"], count: int, off: float
) -> list[int]:
    chosen: list[int] = []
    for _ in range(count):
        gains = {
            more: added(landmarks, chosen, more, off)
            for more in range(landmarks.shape[1])
            if more not in chosen
        }
        chosen.append(max(gains, key=gains.__getitem__))
    return sorted(chosen)


def moving(seed: int, pictures: int = 90, landmarks: int = 8) -> Tensor:
    """Landmarks that hang together by four hidden causes, more or less."""
    generator = torch.Generator().manual_seed(seed)
    causes = torch.randn(pictures, 4, generator=generator, dtype=torch.float64)
    ways = torch.randn(4, 2 * landmarks, generator=generator, dtype=torch.float64)
    own = torch.randn(pictures, landmarks, 2, generator=generator, dtype=torch.float64)
    alone = torch.rand(landmarks, 1, generator=generator, dtype=torch.float64)
    middle = torch.rand(landmarks, 2, generator=generator, dtype=torch.float64)
    return middle + 0.1 * (causes @ ways).unflatten(1, (landmarks, 2)) + 0.2 * alone * own


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(("count", "off"), [(1, 0.02), (3, 0.02), (5, 0.15)])
def test_as_regressions_on_the_pictures_choose(seed: int, count: int, off: float) -> None:
    landmarks = moving(seed)
    chosen = most_telling(landmarks, count, off)
    assert list(chosen) == chosen_slowly(landmarks.numpy(), count, off)


def test_the_unit_of_what_is_off_counts() -> None:
    landmarks = moving(0)
    assert most_telling(landmarks, 3, 0.15) == most_telling(10 * landmarks, 3, 1.5)
    assert most_telling(landmarks, 3, 1e-3) != most_telling(landmarks, 3, 0.5)


def test_neither_chance_nor_twins_nor_what_stands_still() -> None:
    generator = torch.Generator().manual_seed(7)
    left, right = torch.randn(2, 200, 2, generator=generator) / 5
    wild = torch.randn(200, 2, generator=generator)
    off = torch.randn(4, 200, 2, generator=generator) / 50
    still = torch.zeros(200, 2)
    # Twins of either side, one that moves by chance, one nailed to the image.
    rows = [left + off[0], left + off[1], wild, right + off[2], right + off[3], still]
    chosen = set(most_telling(torch.stack(rows, dim=1), 2))
    assert len(chosen & {0, 1}) == len(chosen & {3, 4}) == 1


def test_all_can_be_chosen() -> None:
    assert most_telling(moving(1), 8) == tuple(range(8))
