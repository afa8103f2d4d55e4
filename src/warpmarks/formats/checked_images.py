"""The images of a table that was read: whether they are as it says, and what they are called.

An image is called by its path in the folder that the user named, for that is where the other
commands look for it. Around the file only absolute paths are replaced, which are of another disk,
and other ways to compose a letter.
"""

from dataclasses import replace
from pathlib import PurePosixPath, PureWindowsPath

import numpy as np

from warpmarks.datasets.reading import UnreadableImage
from warpmarks.datasets.videos import frame_of
from warpmarks.errors import InputError
from warpmarks.formats.exif_turns import extras_upright, points_upright, size_upright
from warpmarks.formats.image_files import ImageFiles, check_size, composed
from warpmarks.formats.table import PointTable
from warpmarks.system.progress import one_by_one


def with_images_checked(table: PointTable, files: ImageFiles, *, source: str) -> PointTable:
    """The table with its images called as they were found, and its points upright.

    From then on ``files`` calls the images as they were found too, and tells their upright sizes.

    Raises:
        InputError: an image has another size than the file says, two names lead to one image, or an
            image that is to be turned is not there; ``source`` names the file.
    """
    rows = [row for row in range(len(table.images)) if _matters(table, row, files)]
    names = {name: name for name in table.images}
    told = np.isfinite(table.sizes).all(axis=1) | files.as_stored
    files.read_sizes(table.images[row] for row in rows if told[row])
    for row in one_by_one(files.progress, "Comparing images", rows) if rows else ():
        name = table.images[row]
        if files.find(name) is not None:
            _compare(table, row, files)
            names[name] = _name(name, files)
    if files.as_stored:
        table, files.as_stored = _turned(table, rows, files, source), False
    owners: dict[str, str] = {}
    for old, new in names.items():
        if owners.setdefault(new, old) != old:
            raise InputError(
                f"{source} has {owners[new]!r} and {old!r}, which are both {new!r} here: keep one "
                "of the two"
            )
    files.rename({new: old for old, new in names.items() if new != old})
    return replace(table, images=tuple(names[name] for name in table.images))


def _matters(table: PointTable, row: int, files: ImageFiles) -> bool:
    name = table.images[row]
    if frame_of(name):
        return False
    told = np.isfinite(table.sizes[row]).all()
    asked = files.given or files.as_stored
    return bool(asked or told or _is_absolute(name) or not name.isascii())


def _compare(table: PointTable, row: int, files: ImageFiles) -> None:
    if not np.isfinite(table.sizes[row]).all():
        return
    try:
        size = files.size(table.images[row])
    except UnreadableImage:
        return  # whoever needs its pixels says so
    if size is not None:
        check_size(files, table.images[row], table.sizes[row], size)


def _name(name: str, files: ImageFiles) -> str:
    called = files.called(name)
    alike = composed(called) == composed(name)
    return called if files.given or _is_absolute(name) or alike else name


def _is_absolute(name: str) -> bool:
    return PurePosixPath(name).is_absolute() or bool(PureWindowsPath(name).drive)


def _turned(table: PointTable, rows: list[int], files: ImageFiles, source: str) -> PointTable:
    """The table with what lies on stored pixels laid onto the upright images."""
    points, sizes, extras = table.points.copy(), table.sizes.copy(), list(table.extras)
    for row in rows:
        name = table.images[row]
        size = files.needed_size(name, f"{source}: --as-stored")
        path = files.find(name)
        turn = files.turned.get(path, 1) if path else 1
        points[row] = points_upright(points[row], size, turn)
        extras[row] = extras_upright(extras[row], size, turn)
        sizes[row] = size_upright(size, turn)
    return replace(table, points=points, sizes=sizes, extras=tuple(extras))
