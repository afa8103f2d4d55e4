"""Smoothing of points over time: a local parabola through each point's neighbours in time.

For every frame and point a parabola over time is fitted by least squares to the frames around it,
each weighted by its score, and read off at the frame. With equal scores and a constant rate that
is the filter of Savitzky and Golay: it adds no delay, keeps the height of peaks that a mean would
cut off, and has no model of noise or motion to tune, as a Kalman smoother has. Beyond it, times may
be unequal, frames may be missing, and uncertain frames count for less. It looks at a few frames
only, so that it needs no more memory for a longer video.

At the ends, and before and after a gap, the parabola of the nearest whole window is read off (as
SciPy's ``savgol_filter(mode="interp")``). Nothing is filled in: a frame without points stays
without, and nothing is smoothed across a gap of half a window or more.
"""

import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Float

from warpmarks.arguments import expect_whole
from warpmarks.errors import InputError

_DEGREE = 2
_LEAST_WEIGHT = 1e-3  # a window of hopeless frames still has a parabola
LONGEST = 101


@runtime_checkable
class Measured(Protocol):
    """What can be smoothed."""

    @property
    def time(self) -> float:
        """In seconds; rising."""

    @property
    def points(self) -> Float[np.ndarray, "points 2"] | None:
        """Of the frame; None where it has none."""

    @property
    def scores(self) -> Float[np.ndarray, " points"] | None:
        """How much each point counts; all the same if None."""


Item = TypeVar("Item", bound=Measured)


@dataclass(frozen=True)
class Smoother:
    """Savitzky and Golay's filter for unequal times and weights.

    Attributes:
        window: frames that a parabola is fitted to, an odd number.
        interval: usual seconds between frames, until the frames themselves tell.
    """

    window: int
    interval: float

    def __post_init__(self) -> None:
        expect_whole(self.window, "smooth", least=-sys.maxsize)
        if self.window < 3 or self.window % 2 == 0 or self.window > LONGEST:
            raise InputError(
                f"--smooth is {self.window}: expected an odd number of frames from 3 to {LONGEST}, "
                "such as 7"
            )

    def __call__(
        self, items: Iterable[Item]
    ) -> Iterator[tuple[Item, Float[np.ndarray, "points 2"] | None]]:
        """Each item with its smoothed points, in order and at most a window late."""
        # The last window of frames with points, of which ``done`` have been given back, and all
        # frames that have not.
        stretch: deque[Item] = deque()
        waiting: deque[Item] = deque()
        done = 0

        def give(count: int) -> Iterator[tuple[Item, np.ndarray | None]]:
            nonlocal done
            while count:
                item = waiting.popleft()
                if item.points is None:
                    yield item, None
                    continue
                yield item, fit(list(stretch), done)
                done += 1
                count -= 1

        half = self.window // 2
        for item in items:
            if stretch and item.time - stretch[-1].time > (half + 0.5) * self._usual(stretch):
                yield from give(len(stretch) - done)
                stretch.clear()
                done = 0
            waiting.append(item)
            if item.points is not None:
                if len(stretch) == self.window:
                    stretch.popleft()
                    done -= 1
                stretch.append(item)
            if len(stretch) == self.window:
                yield from give(half + 1 - done)
            elif not stretch:
                yield from ((waiting.popleft(), None) for _ in range(len(waiting)))
        yield from give(len(stretch) - done)
        yield from ((item, None) for item in waiting)

    def _usual(self, stretch: deque[Item]) -> float:
        times = [item.time for item in stretch]
        gaps = [after - before for before, after in pairwise(times)]
        return median(gaps) if gaps else self.interval


def fit(window: Sequence[Measured], index: int) -> Float[np.ndarray, "points 2"]:
    """The points at ``index`` of a window, from the weighted parabola through all of it.

    Fewer than three times have a line, or a mean.
    """
    times = np.array([item.time for item in window]) - window[index].time
    degree = min(_DEGREE, len(np.unique(times)) - 1)
    powers = np.vander(times / (np.abs(times).max() or 1.0), degree + 1, increasing=True)
    values = np.stack([_points(item) for item in window])
    weights = np.stack([_weights(item, values.shape[1]) for item in window])
    normal = np.einsum("wi,wk,wj->kij", powers, weights, powers)
    right = np.einsum("wi,wk,wkc->kic", powers, weights, values)
    smoothed: np.ndarray = np.linalg.solve(normal, right)[:, 0]
    return smoothed


def _points(item: Measured) -> np.ndarray:
    assert item.points is not None
    return item.points


def _weights(item: Measured, count: int) -> np.ndarray:
    if item.scores is None:
        return np.ones(count)
    return np.maximum(np.nan_to_num(item.scores), _LEAST_WEIGHT)
