"""The .pts files of 300-W: one text file per image, with its name and another extension.

    version: 1
    n_points: 2
    {
    1 1
    30.5 18.25
    }

Pixels: counted from 1, as in MATLAB, so that (1, 1) is the centre of the first pixel; 1 is
subtracted (so does menpo, whose PTSImporter says that this is the common assumption). Points have
no names. A missing point is written as nan nan.
"""

import re
from pathlib import Path

import numpy as np

from warpmarks.errors import InputError
from warpmarks.formats.image_files import ImageFiles
from warpmarks.formats.sources import (
    check_texts,
    decimal,
    number,
    path_within,
    read_text,
    whole,
)
from warpmarks.formats.table import ImagePoints, PointTable, assemble, seen_where_placed
from warpmarks.points import numbered_names
from warpmarks.system.files import files_below, make_folder, write_text
from warpmarks.system.progress import Progress, SilentProgress, one_by_one
from warpmarks.system.whole_folder import whole_folder
from warpmarks.wording import counted

KIND = "a .pts file: version, n_points and points in braces"
_LAYOUT = re.compile(r"\s*version:\s*1\s+n_points:\s*(\S+)\s*\{(.*?)\}\s*", re.DOTALL)


def read(path: Path, files: ImageFiles) -> PointTable:
    """Read one .pts file, or all of a folder and its folders.

    An image has the name of its file, with the extension of the image that lies beside it or in
    the folder of images, and without one if there is none.

    Raises:
        InputError: a file is wrong, or has another number of points than the others.
    """
    home = path if path.is_dir() else path.parent
    paths = sorted(files_below(path, is_pts_name)) if path.is_dir() else [path]
    rows: list[ImagePoints] = []
    for each in one_by_one(files.progress, "Reading points", paths):
        points = _points(each)
        if rows and len(points) != len(rows[0].points):
            raise InputError(
                f"{each} has {counted(len(points), 'point')}, but {paths[0]} has "
                f"{len(rows[0].points)}: expected the same number in every file"
            )
        stem = each.relative_to(home).with_suffix("").as_posix()
        rows.append(ImagePoints(files.find_stem(stem) or stem, points, seen_where_placed(points)))
    if not rows:
        raise InputError(f"{path} holds no .pts files: expected one for each image")
    names = numbered_names(len(rows[0].points))
    return assemble(names, rows, source=str(path), named=False)


def is_pts_name(name: str) -> bool:
    """Whether a file is one of these, by its extension in any case of letters."""
    return name.lower().endswith(".pts")


def write(path: Path, table: PointTable, progress: Progress | None = None) -> None:
    """Write a folder with one .pts file per image; of one image also the file itself.

    A folder is written whole or not at all; ``progress`` is told of its files.

    Raises:
        InputError: two images would share a file, or an image's name leads out of the folder.
    """
    check_texts(table.images, what="image", kind="a .pts file")
    if path.suffix.lower() == ".pts":
        if len(table.images) != 1:
            raise InputError(
                f"{path} is one file, but there are {len(table.images)} images: name a folder"
            )
        write_text(path, _text(table.points[0]))
        return
    targets = [path_within(path, name, ".pts") for name in table.images]
    owners: dict[Path, str] = {}
    for target, name in zip(targets, table.images, strict=True):
        if owners.setdefault(target, name) is not name:
            shared = target.relative_to(path).as_posix()
            raise InputError(
                f"the images {owners[target]!r} and {name!r} would share {shared}: rename one"
            )
    with whole_folder(path) as fresh:
        for row in one_by_one(progress or SilentProgress(), "Writing points", range(len(targets))):
            target = fresh / targets[row].relative_to(path)
            make_folder(target.parent)
            write_text(target, _text(table.points[row]), sync=False)


def _points(path: Path) -> np.ndarray:
    match = _LAYOUT.fullmatch(read_text(path, KIND))
    if match is None:
        raise InputError(f"{path} is damaged: expected {KIND}")
    count = whole(match[1], f"{path}, n_points", low=1)
    lines = [line.split() for line in match[2].splitlines() if line.strip()]
    if len(lines) != count or any(len(cells) != 2 for cells in lines):
        raise InputError(
            f"{path} says that it has {counted(count, 'point')}: expected as many lines with x and "
            f"y, but found {len(lines)}"
        )
    return np.array([_point(path, cells) for cells in lines]) - 1


def _point(path: Path, cells: list[str]) -> list[float]:
    if [cell.lower() for cell in cells] == ["nan", "nan"]:
        return [np.nan, np.nan]
    return [number(cell, str(path)) for cell in cells]


def _text(points: np.ndarray) -> str:
    lines = [
        " ".join(decimal(cell + 1) for cell in point) if np.isfinite(point).all() else "nan nan"
        for point in points
    ]
    return "\n".join(["version: 1", f"n_points: {len(points)}", "{", *lines, "}", ""])
