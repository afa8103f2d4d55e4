"""Our own files: landmarks.csv, and points.json with the names of the points.

Pixels: ours. See `warpmarks.datasets.layout` for the table, and `warpmarks.datasets.scheme_file`
for points.json, which is read where it lies beside landmarks.csv and names as many points. A table
of another name, such as points.csv, has its names in points.names.json. An annotation project tells
the sizes that its images had when they were labelled, and the marks of its points. Points on the
frames of a video are read as well, see `warpmarks.formats.video_csv`.
"""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np

from warpmarks.datasets.layout import read_landmarks, write_landmarks
from warpmarks.datasets.project import (
    ACCEPTED,
    NOT_VISIBLE,
    is_project,
    marked_images,
    marked_points,
    sizes_when_labelled,
)
from warpmarks.datasets.scheme_file import (
    SCHEME,
    TABLE,
    colours_in,
    read_scheme,
    scheme_path,
    scheme_record,
)
from warpmarks.errors import InputError
from warpmarks.formats import video_csv
from warpmarks.formats.image_files import ImageFiles
from warpmarks.formats.sources import decode
from warpmarks.formats.table import (
    HIDDEN,
    ImagePoints,
    PointTable,
    assemble,
    empty_row,
    seen_where_placed,
)
from warpmarks.points import numbered_names
from warpmarks.system.files import write_json
from warpmarks.system.whole_folder import whole_folder

_HEAD = 65_536


def read(path: Path, files: ImageFiles) -> PointTable:
    """Read a landmarks.csv or the folder that holds it.

    Raises:
        InputError: a file is missing or wrong.
    """
    if path.is_dir():
        path = path / TABLE
    if video_csv.is_of_frames(_header(path)):
        return video_csv.read(path, files)
    table = read_landmarks(path)
    count = table.points.shape[1]
    beside = scheme_path(path)
    named = beside.exists()
    scheme = read_scheme(beside, count) if named else None
    scores = [None] * len(table.images) if table.scores is None else table.scores
    project = path.parent if path.name == TABLE and is_project(path.parent) else None
    sizes = sizes_when_labelled(project) if project else {}
    rows = [
        ImagePoints(image, points, seen_where_placed(points), sizes.get(image), score)
        for image, points, score in zip(table.images, table.points, scores, strict=True)
    ]
    if project:  # the table has no lines of images without any place
        others = set(marked_images(project, NOT_VISIBLE)) - set(table.images)
        rows += [ImagePoints(each, *empty_row(count), sizes.get(each)) for each in sorted(others)]
    read = assemble(
        scheme.names if scheme else numbered_names(count),
        rows,
        source=str(path),
        named=named,
        mirror=scheme.mirror if scheme else (),
        normaliser=scheme.normaliser.text if scheme else None,
        colours=colours_in(beside, count) if named else None,
    )
    return _marked(read, project) if project else read


def _marked(table: PointTable, project: Path) -> PointTable:
    images, count = table.images, len(table.names)
    hidden = marked_points(project, NOT_VISIBLE, images, count)
    accepted = marked_points(project, ACCEPTED, images, count) & table.placed
    visibility = np.where(hidden, HIDDEN, table.visibility).astype(np.int8)
    return replace(table, visibility=visibility, accepted=accepted if accepted.any() else None)


def _header(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            cells = next(csv.reader([decode(file.readline(_HEAD))]), [])
        return [cell.strip() for cell in cells]
    except (OSError, csv.Error):
        return []  # the reader says what is wrong with it


def write(path: Path, table: PointTable) -> None:
    """Write landmarks.csv with three decimals, and points.json, into a folder.

    Args:
        path: the folder, which is made, or its landmarks.csv.
        table: what to write.

    Raises:
        InputError: a name cannot be held, or a file cannot be written.
    """
    folder = path.parent if path.name == TABLE else path
    if folder.suffix.lower() == ".csv":
        raise InputError(f"{path}: our points have two files: name a folder or its {TABLE}")
    if name := next((name for name in table.images if "\0" in name), None):
        raise InputError(f"the image {name!r} has a character that {TABLE} cannot hold: rename it")
    scores = table.scores
    with whole_folder(folder, last=TABLE) as fresh:
        record = scheme_record(table.names, table.normaliser, table.mirror, table.colours)
        write_json(fresh / SCHEME, record)
        write_landmarks(
            fresh / TABLE,
            table.images,
            table.points,
            None if scores is None else np.where(table.placed, scores, np.nan),
        )
