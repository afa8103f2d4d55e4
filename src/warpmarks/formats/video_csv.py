"""Points on the frames of a video, as ``warpmarks detect RUN clip.mp4`` writes them.

Columns: frame, time, x1, y1, ..., score1, ..., smooth_x1, ... (see `warpmarks.video.points_csv`).
The points as they were found are read; of the smoothed ones only which there are. Frames are called
``clip.mp4#12`` if the video is given, or lies beside the file under the same name, and else by
their numbers. The names of the points are read from points.names.json beside points.csv, if it is
there.
"""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from warpmarks.datasets.scheme_file import read_scheme, scheme_path
from warpmarks.datasets.videos import is_video_name
from warpmarks.errors import InputError
from warpmarks.formats.image_files import ImageFiles
from warpmarks.formats.sources import filled, number, read_text, whole
from warpmarks.formats.table import (
    ImagePoints,
    PointTable,
    assemble,
    check_room,
    seen_where_placed,
)
from warpmarks.points import numbered_names
from warpmarks.wording import counted

KIND = "a CSV file with the columns frame,time,x1,y1,..."
_FIRST = ["frame", "time"]
_SAME_TIME = 0.002  # seconds: times may be rounded to milliseconds
_MOST_STRANGE = 0.1  # of the times may have no frame there
_SMOOTHED = re.compile(r"smooth_[xy]\d+")


def is_of_frames(header: list[str]) -> bool:
    """Whether a file with this header holds points on frames."""
    return header[:2] == _FIRST


def read(path: Path, files: ImageFiles) -> PointTable:
    """Read the points of all frames; of broken ones too, which have none.

    Raises:
        InputError: a line is wrong, which the message names, or the points are of another video.
    """
    reader = csv.reader(io.StringIO(read_text(path, KIND), newline=""), strict=True)
    if files.video is None:
        files = _with_video_beside(path, files)
    rows: list[ImagePoints] = []
    frames: list[tuple[int, float]] = []
    smoothed: list[list[bool]] = []
    try:
        header = next(reader, [])
        count, scored = _columns(path, header)
        smooth = [
            header.index(name) if (name := f"smooth_x{each}") in header else None
            for each in range(1, count + 1)
        ]
        for cells in reader:
            where = f"{path}, line {reader.line_num}"
            if len(cells) != len(header):
                raise InputError(
                    f"{where}: {counted(len(cells), 'column')}, where the header has "
                    f"{len(header)}: make them the same"
                )
            values = np.array([number(cell, where) if filled(cell) else np.nan for cell in cells])
            points = values[2 : 2 + 2 * count].reshape(count, 2)
            scores = values[2 + 2 * count : 2 + 3 * count] if scored else None
            frame = whole(cells[0], where)
            if np.isfinite(points).any():
                frames.append((frame, values[1]))
            name = files.frame(str(frame))
            rows.append(ImagePoints(name, points, seen_where_placed(points), scores=scores))
            smoothed.append(
                [column is not None and bool(filled(cells[column])) for column in smooth]
            )
            check_room(len(rows), count, source=str(path))
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: {error}: expected {KIND}") from error
    _check_video(path, frames, files)
    beside = scheme_path(path)
    scheme = read_scheme(beside, count) if beside.exists() else None
    table = assemble(
        scheme.names if scheme else numbered_names(count),
        rows,
        source=str(path),
        named=scheme is not None,
        mirror=scheme.mirror if scheme else (),
        normaliser=scheme.normaliser.text if scheme else None,
    )
    return replace(table, smoothed=np.array(smoothed)) if any(map(any, smoothed)) else table


def _columns(path: Path, header: list[str]) -> tuple[int, bool]:
    """Number of points, and whether there are scores."""
    names = [name for name in header if not _SMOOTHED.fullmatch(name)]
    scored = sum(name.startswith("score") for name in names)
    numbers = range(1, (len(names) - 2 - scored) // 2 + 1)
    wanted = _FIRST + [f"{axis}{each}" for each in numbers for axis in "xy"]
    wanted += [f"score{each}" for each in numbers] if scored else []
    if names != wanted or header[: len(names)] != names or not numbers:
        raise InputError(f"{path} has the columns {','.join(header)[:80]}: expected {KIND}")
    return len(numbers), bool(scored)


def _with_video_beside(path: Path, files: ImageFiles) -> ImageFiles:
    videos = [
        each
        for each in sorted(path.parent.glob("*"))
        if each.stem == path.stem and is_video_name(each)
    ]
    if len(videos) != 1:
        return files
    return replace(files, folders=(path.parent, *files.folders), video=videos[0])


def _check_video(path: Path, frames: Sequence[tuple[int, float]], files: ImageFiles) -> None:
    """Raise where the video cannot be the one that the points are of.

    Args:
        path: of the points.
        frames: number and seconds of each that has points, and so was decoded.
        files: the video.
    """
    if files.video is None or files.frame_times is None or not frames:
        return
    try:
        stored = files.frame_times(files.video)
    except InputError:
        return  # told of where its size is needed
    last = max(number for number, _ in frames)
    name_it = "name the video that the points are of with --images"
    if last >= len(stored):
        raise InputError(
            f"{path} has points on frame {last}, but {files.video} has only "
            f"{counted(len(stored), 'frame')}, from 0: {name_it}"
        )
    times = [time for time in stored if time is not None]
    if len(times) < len(stored):
        return
    known = np.array([-np.inf, *sorted(times), np.inf])
    asked = np.array([time for _, time in frames if np.isfinite(time)])
    after = np.searchsorted(known, asked)
    nearest = np.minimum(asked - known[after - 1], known[after] - asked)
    strange = asked[nearest > _SAME_TIME]
    if len(strange) > _MOST_STRANGE * len(asked):
        raise InputError(
            f"{path} has points on a frame at {strange[0]:.3f} s, where {files.video} has none: "
            f"it is another video, so {name_it}"
        )
