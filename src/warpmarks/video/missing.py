"""Frames that a damaged file no longer holds, told from the times of those that it does.

The file of a container with an index, such as MP4, names every frame, so that a lost one has its
place there. Matroska and others have none: a damaged stretch is passed over in silence, and a file
that was cut short just ends.
"""

from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np

from warpmarks.video.reading import StoredFrame, Video
from warpmarks.wording import be, counted

_FAR = 2.5  # distances between frames, beyond which some are missing
_ALIKE = 0.25  # by which distances differ in a video of constant rate, as a share of the middle one
_MOST = 0.9  # of the distances are alike in a video of constant rate
_EARLY = 0.5  # seconds
_EARLY_FRAMES = 3


class Timeline:
    """Notes the times of a video's frames and tells what is missing between and after them.

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
        return [line for line in (self._between(), self._after()) if line]

    def note_stored(self, stored: Sequence[StoredFrame]) -> None:
        """Remember all frames of the file, of which none need be decoded."""
        ticks = [frame.tick for frame in stored if frame.tick is not None]
        if len(ticks) == len(stored):
            self._times.extend(map(self._video.seconds, sorted(ticks)))
            self._numbers.extend(range(len(ticks)))

    def _between(self) -> str | None:
        times, steps = np.array(self._times), np.diff(np.array(self._numbers))
        if self._video.indexed or len(times) < 3:
            return None
        distances = np.diff(times) / steps
        usual = float(np.median(distances))
        alike = np.abs(distances - usual) <= _ALIKE * usual
        as_told = abs(usual * float(self._video.rate) - 1) <= _ALIKE
        if usual <= 0 or alike.mean() < _MOST or not as_told:
            return None
        places = np.flatnonzero(distances > _FAR * usual)
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

    def _after(self) -> str | None:
        rate = float(self._video.rate)
        if not self._times:
            return None
        if self._video.length is not None:
            end, length = max(self._times) + 1 / rate, self._video.length
        elif (ends := self._video.end_of_all()) is not None:
            end, length = ends
        else:
            return None
        if length - end <= max(_EARLY, _EARLY_FRAMES / rate):
            return None
        return f"the file ends at {end:.2f} s, where its head announces {length:.2f} s"
