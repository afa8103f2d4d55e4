"""Frames that a damaged file no longer holds, told from the times of those that it does.

The file of a container with an index, such as MP4, names every frame, so that a lost one has its
place there. Matroska and others have none: a damaged stretch is passed over in silence, and a file
that was cut short just ends. Times alone do not tell a single frame that was lost from one that the
camera never took; bytes that were passed over do (`warpmarks.video.holes`).
"""

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from warpmarks.video.holes import Holes, holes
from warpmarks.video.reading import StoredFrame, Video
from warpmarks.wording import be, counted

_FAR = 2.5  # distances between frames, beyond which some are missing
_FAR_AT_HOLE = 1.5  # the same where bytes were passed over
_ALIKE = 0.25  # by which distances differ in a video of constant rate, as a share of the middle one
_MOST = 0.9  # of the distances are alike in a video of constant rate
_EARLY = 0.5  # seconds
_EARLY_FRAMES = 3
_EARLY_AT_HOLE = 0.75  # of a frame


class Timeline:
    """Notes the times of a video's frames and tells what is missing before, between and after them.

    Args:
        video: whose frames they are.
    """

    def __init__(self, video: Video) -> None:
        self._video = video
        self._times, self._numbers = array("d"), array("q")

    def note(self, frame: Any) -> None:
        """Remember a frame, whole or not; one without a time of its own is passed over."""
        if frame.tick is not None:
            self._times.append(frame.time)
            self._numbers.append(frame.index)

    def lines(self) -> list[str]:
        """Sentences on what is missing; none where nothing is."""
        return [line for line in (self._before(), self._between(), self._after()) if line]

    def note_stored(self, stored: Sequence[StoredFrame]) -> None:
        """Remember all frames of the file, of which none need be decoded."""
        ticks = [frame.tick for frame in stored if frame.tick is not None]
        if len(ticks) == len(stored):
            self._times.extend(map(self._video.seconds, sorted(ticks)))
            self._numbers.extend(range(len(ticks)))

    @cached_property
    def _holes(self) -> Holes:
        """Looked for only where times ask for it: the file is read once more."""
        return holes(self._video)

    @property
    def _step(self) -> float:
        """Seconds from frame to frame, as the file states them."""
        return 1 / float(self._video.rate)

    def _before(self) -> str | None:
        if not self._times or self._video.indexed:
            return None
        first = min(self._times) + max(0.0, self._video.begin)
        if first < _EARLY_AT_HOLE * self._step or not self._holes.before:
            return None
        count = round(first / self._step)
        return (
            f"about {counted(count, 'frame')} {be(count)} missing at its beginning: all numbers "
            "are lower by as many"
        )

    def _between(self) -> str | None:
        if self._video.indexed or len(self._times) < 3:
            return None
        times, numbers = _rising(np.array(self._times), np.array(self._numbers))
        steps = np.diff(numbers)
        distances = np.diff(times) / steps
        usual, places = float(np.median(distances)), np.array([], dtype=int)
        if usual > 0 and abs(usual / self._step - 1) <= _ALIKE:
            if (np.abs(distances - usual) <= _ALIKE * usual).mean() >= _MOST:
                places = np.flatnonzero(distances > _FAR * usual)
        else:
            usual = self._step
        near = self._at_holes(times, distances, usual)
        if len(near) and self._is_constant(times, distances / usual):
            places = np.union1d(places, near)
        elif len(near):
            return (
                f"what it holds near {times[near[0]]:.2f} s is damaged: frames may be missing, and "
                "numbers after that be lower by as many"
            )
        if not len(places):
            return None
        count = sum(round(np.diff(times)[place] / usual) - int(steps[place]) for place in places)
        first, last = times[places[0]], times[places[0] + 1]
        where = f"between {first:.2f} and {last:.2f} s"
        if len(places) > 1:
            where = f"in {counted(len(places), 'place')}, the first {where}"
        return (
            f"about {counted(count, 'frame')} {be(count)} missing {where}: numbers after that are "
            "lower by as many"
        )

    def _at_holes(self, times: np.ndarray, distances: np.ndarray, usual: float) -> np.ndarray:
        """Distances that are too long where bytes were passed over."""
        places = np.flatnonzero(distances > _FAR_AT_HOLE * usual).tolist()
        touched = [each for each in places if self._holes.touch(times[each], times[each + 1])]
        return np.array(touched, dtype=int)

    def _is_constant(self, times: np.ndarray, distances: np.ndarray) -> bool:
        """Whether the rate is constant, by distances in usual ones.

        Damage makes distances unlike, but leaves each near a whole number of usual ones; those
        away from it are as they were.
        """
        whole = np.abs(distances - np.maximum(1, np.round(distances))) <= _ALIKE
        pairs = zip(times[:-1].tolist(), times[1:].tolist(), strict=True)
        away = np.array([not self._holes.touch(*pair) for pair in pairs])
        alike = np.abs(distances[away] - 1) <= _ALIKE
        return bool(whole.mean() >= _MOST and (not away.any() or alike.mean() >= _MOST))

    def _after(self) -> str | None:
        if not self._times:
            return None
        if self._video.length is not None:
            times, _ = _rising(np.array(self._times), np.array(self._numbers))
            end, length = float(times[-1]) + self._step, self._video.length
        elif (ends := self._video.end_of_all()) is not None:
            end, length = ends
        else:
            return None
        short = length - end
        if short <= max(_EARLY, _EARLY_FRAMES * self._step) and not (
            short > _EARLY_AT_HOLE * self._step and self._holes.after
        ):
            return None
        return f"the file ends at {end:.2f} s, where its head announces {length:.2f} s"


def _rising(times: np.ndarray, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Most of the frames, of which none has a time before the last one's, as damage may make it."""
    if (np.diff(times) > 0).all():
        return times, numbers
    ends: list[float] = []  # the least time that so many rising ones can end with
    places: list[int] = []  # whose it is
    previous = np.full(len(times), -1)
    for index, time in enumerate(times.tolist()):
        length = bisect_right(ends, time)
        if length and ends[length - 1] == time:
            continue
        previous[index] = places[length - 1] if length else -1
        ends[length : length + 1] = [time]
        places[length : length + 1] = [index]
    kept = [places[-1]]
    while previous[kept[-1]] >= 0:
        kept.append(int(previous[kept[-1]]))
    return times[kept[::-1]], numbers[kept[::-1]]
