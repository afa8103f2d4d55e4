"""What a new project begins with: points of a table in any format that `convert` reads.

Points with a score were found by a program: nobody has placed them, and they are left out.
What else a project cannot hold is told of.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from warpmarks.annotator.annotations import Labels, Placed, Scheme, rounded
from warpmarks.annotator.new_scheme import scheme_of_table, starting_scheme
from warpmarks.annotator.project_images import ProjectImages
from warpmarks.errors import InputError
from warpmarks.formats.image_files import ImageFiles
from warpmarks.formats.lost import Keeps, lost
from warpmarks.formats.registry import read
from warpmarks.formats.table import UNLABELLED, VISIBLE, PointTable
from warpmarks.system.progress import Progress
from warpmarks.wording import be, counted, have, shown

_DROPPED = {Keeps.BOXES, Keeps.LINES, Keeps.SCALES, Keeps.NOTES, Keeps.SKELETON}


@dataclass(frozen=True)
class Beginning:
    """The points of a new project, and where they lie on images by name.

    Attributes:
        scheme: the points.
        labels: of the images.
        table: that they are from, with its images called as they are found.
        files: where these are.
        notices: sentences for the user on what is left out.
    """

    scheme: Scheme
    labels: dict[str, Labels]
    table: PointTable
    files: ImageFiles
    notices: tuple[str, ...]


def begin_from(
    path: Path, images: ProjectImages, progress: Progress, *, points: str | None = None
) -> Beginning:
    """Read what a project begins with.

    Args:
        path: a file or folder with points on images.
        images: of the project.
        progress: told of what is read.
        points: names of the points, or a points.json, in place of the table's.

    Raises:
        InputError: the table is wrong, its points are not as many as are named, none of its images
            is there, or a program has found all of its points.
    """
    files = ImageFiles((images.root,), progress=progress, given=True, flag="IMAGES")
    table = read(path, images=files)
    scheme = scheme_of_table(table, source=str(path))
    if points is not None:
        scheme = starting_scheme(points)
        if scheme.count != len(table.names):
            raise InputError(
                f"--points names {counted(scheme.count, 'point')}, but {path} has "
                f"{len(table.names)}: name each of them once"
            )
    there = set(images.names)
    if there.isdisjoint(table.images):
        raise InputError(
            f"{path} has points on {shown(table.images[0])} and others, none of which is in "
            f"{images.root}: give the images that they lie on"
        )
    if name := next((name for name in table.images if "\0" in name), None):
        raise InputError(f"{path}: the image {name!r} has a character that no project can hold")
    found = np.zeros_like(table.placed)
    if table.scores is not None:
        found = table.placed & np.isfinite(table.scores)
    rows = {name: _labels(table, row, found[row]) for row, name in enumerate(table.images)}
    labels = {name: row for name, row in rows.items() if any(row)}
    count = int(found.sum())
    if count and not labels:
        raise InputError(
            f"{path} has points with scores only, which a program found: a project begins with "
            "what people placed"
        )
    notices = []
    if count:
        notices.append(
            f"{counted(count, 'point')} of {path} {have(count)} a score, as a program gives, and "
            f"{be(count)} left out: a project begins with what people placed"
        )
    kept = set(Keeps) - _DROPPED
    if scheme.normaliser is None:
        kept -= {Keeps.NORMALISER}
    if tuple(map(str.lower, table.colours or ())) != scheme.colours:
        kept -= {Keeps.COLOURS}
    if dropped := lost(table, kept):
        notices.append(f"a project does not keep of {path}: {', '.join(dropped)}")
    return Beginning(scheme, labels, table, files, tuple(notices))


def _labels(table: PointTable, row: int, found: np.ndarray) -> Labels:
    accepted = np.zeros_like(found) if table.accepted is None else table.accepted[row]
    return tuple(
        None
        if mark == UNLABELLED or by_program
        else _placed(point, visible=bool(mark == VISIBLE), accepted=bool(as_suggested))
        for point, mark, by_program, as_suggested in zip(
            table.points[row], table.visibility[row], found, accepted, strict=True
        )
    )


def _placed(point: np.ndarray, *, visible: bool, accepted: bool) -> Placed | None:
    if np.isfinite(point).all():
        return rounded(float(point[0]), float(point[1]), visible=visible, accepted=accepted)
    return None if visible else rounded(None, None, visible=False)
