"""The file of points on a video's frames: one line a frame, written while it is detected.

Its columns, in pixels as in `warpmarks.datasets.layout`:

    frame            number of the frame, from 0; frames that cannot be decoded have a line as well
    time             seconds from the beginning of the file
    x1,y1,...,xN,yN  the points as they were found; empty where the frame cannot be decoded
    score1,...       if asked for: how sure the detector is of each, from 0 to 1
    smooth_x1,...    if asked for: the points after smoothing, beside those that were found
"""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import numpy as np

from warpmarks.system.files import atomic_path
from warpmarks.video.detecting import FramePoints


class PointsWriter:
    """Writes one line after the other.

    Args:
        file: open for text.
        num_points: N.
        scores: whether there are columns of scores.
        smoothed: whether there are columns of smoothed points.
    """

    def __init__(self, file: TextIO, num_points: int, *, scores: bool, smoothed: bool) -> None:
        self._writer = csv.writer(file, lineterminator="\n")
        self._count, self._scores, self._smoothed = num_points, scores, smoothed
        numbers = range(1, num_points + 1)
        places = [f"{axis}{number}" for number in numbers for axis in "xy"]
        self._writer.writerow(
            ["frame", "time", *places]
            + ([f"score{number}" for number in numbers] if scores else [])
            + ([f"smooth_{place}" for place in places] if smoothed else [])
        )

    def write(self, frame: FramePoints) -> None:
        """Add the line of a frame."""
        cells = [*_cells(frame.points, 2 * self._count)]
        if self._scores:
            cells += _cells(frame.scores, self._count)
        if self._smoothed:
            cells += _cells(frame.smoothed, 2 * self._count)
        self._writer.writerow([frame.index, f"{frame.time:.6f}", *cells])


@contextmanager
def points_writer(
    path: Path, num_points: int, *, scores: bool = False, smoothed: bool = False
) -> Iterator[PointsWriter]:
    """A file that is there when the block ends well, and not before.

    Raises:
        InputError: it cannot be written.
    """
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        yield PointsWriter(file, num_points, scores=scores, smoothed=smoothed)


def _cells(values: np.ndarray | None, count: int) -> list[str]:
    if values is None:
        return [""] * count
    return [f"{value:.3f}" if np.isfinite(value) else "" for value in values.ravel()]
