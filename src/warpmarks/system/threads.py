"""How many threads the CPU's arithmetic is given: as many as make it faster here and now.

On a machine that is busy with other work, every parallel step waits for its slowest thread, and two
threads can take longer than one.
"""

import os
import time

import torch

from warpmarks.system.trials import middle_seconds

GAIN = 0.9
"""More threads are taken only if they need less than this share of the time of fewer."""

_GIVEN_BY = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


def choose_threads(asked: int | None = None) -> int:
    """Set the number of threads and return it: the one asked for, or the best of a short trial.

    What ``OMP_NUM_THREADS`` says counts as asked for.
    """
    if asked is None and not any(os.environ.get(name) for name in _GIVEN_BY):
        asked = _fastest(_candidates(torch.get_num_threads()))
    if asked is not None:
        torch.set_num_threads(asked)
    return torch.get_num_threads()


def _candidates(most: int) -> list[int]:
    """1 and its doubles up to the most, and the most itself."""
    doubles = [2**power for power in range(most.bit_length()) if 2**power < most]
    return [*doubles, most]


def _fastest(candidates: list[int]) -> int:
    """The fewest threads that no larger number beats by far."""
    if len(candidates) == 1:
        return candidates[0]
    before = torch.get_num_threads()

    def trial(count: int) -> float:
        torch.set_num_threads(count)
        return _trial()

    try:
        return pick(middle_seconds(candidates, trial))
    finally:
        torch.set_num_threads(before)


def pick(seconds: dict[int, float]) -> int:
    """The number of threads to take from the time that each needed."""
    best, *others = sorted(seconds)
    for count in others:
        if seconds[count] < GAIN * seconds[best]:
            best = count
    return best


@torch.no_grad()
def _trial() -> float:
    """Seconds of work like a training step's: a convolution, and maps gone through one by one."""
    maps = torch.ones(8, 64, 40, 40).contiguous(memory_format=torch.channels_last)
    weights = torch.ones(64, 64, 3, 3)
    began = time.perf_counter()
    for _ in range(2):
        found = torch.conv2d(maps, weights, padding=1)
        torch.batch_norm(found, None, None, None, None, True, 0.1, 1e-5, False).relu_()
    return time.perf_counter() - began
