"""How long several ways of the same work take here and now."""

from collections.abc import Callable, Iterable
from statistics import median
from typing import TypeVar

Way = TypeVar("Way")

ROUNDS = 5
"""Trials of each way, taken in turn: other work comes and goes."""


def middle_seconds(ways: Iterable[Way], trial: Callable[[Way], float]) -> dict[Way, float]:
    """The median of each way's trials, which tell their seconds."""
    seconds: dict[Way, list[float]] = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for way, times in seconds.items():
            times.append(trial(way))
    return {way: median(times) for way, times in seconds.items()}
