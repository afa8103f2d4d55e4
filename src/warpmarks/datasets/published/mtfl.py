"""MTFL, and AFLW as the paper takes it: five points on faces in the wild.

Known of MTFL's layout, from its readme and its readers: ``training.txt`` (10,000 images in
``lfw_5590/`` and ``net_7876/``) and ``testing.txt`` (2,995 images of AFLW in ``AFLW/``, already cut
to 150 x 150), each line ``image x1 ... x5 y1 ... y5 gender smile glasses pose``: all x first, then
all y. Lines begin with a space and folders are set apart by backslashes. The last four columns are
not needed, and some copies lack them.

The paper trains on 10,122 other faces of AFLW, cut in the same way, which its first author
published as ``aflw_cropped/``: ``facedata_cropped.csv`` has the columns ``image_file`` (of AFLW),
``crop_file`` and ``set`` (1: training) by name, and in the fifth to fourteenth column x and y of
the five points in turn, in pixels of the 150 x 150 crop. It tests on MTFL's ``testing.txt``.

The first author's later code (DVE) takes one pixel off all of these coordinates, as they are
counted from 1; so does this reader. That crops lie in ``aflw_cropped/cropped/`` is known, but not
whether ``crop_file`` says so: both are tried.

MTFL's training images are whole photographs. They are cut so that the points come to lie as in the
test images, measured on 1,501 of these: their root mean square distance from their mean is 0.19 of
the side, and their mean is in the middle.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from warpmarks.datasets.published.crops import WHOLE, Boxes, Crop, Points, square
from warpmarks.datasets.published.faces import FIVE_NORMALISERS, FIVE_POINTS
from warpmarks.datasets.published.finding_parts import ImagesByName, Places, missing
from warpmarks.datasets.published.published_set import PublishedSet, SourceImages
from warpmarks.datasets.published.tables import Once, numbers, rows
from warpmarks.errors import InputError
from warpmarks.wording import counted

SPREAD = 0.19
STORED_SIZE = (150, 150)
_Row = tuple[str, Float[np.ndarray, "5 2"]]


def read_mtfl(places: Places) -> SourceImages:
    """MTFL with splits train (LFW and web faces) and test (AFLW).

    Raises:
        InputError: a list is not there, or a line of it is wrong.
    """
    return _source(
        *(
            _listed(_mtfl_list(places, file), split)
            for file, split in (("training.txt", "train"), ("testing.txt", "test"))
        )
    )


def read_aflw(places: Places) -> SourceImages:
    """AFLW with splits train (the paper's 10,122 faces) and test (MTFL's 2,995).

    Raises:
        InputError: a list is not there, or a line of it is wrong.
    """
    table = places.require_file(
        "facedata_cropped.csv", what="the paper's training faces (aflw_10122train_cropped.zip)"
    )
    return _source(_cropped(table), _listed(_mtfl_list(places, "testing.txt"), "test"))


def face_boxes(points: Points, splits: tuple[str, ...]) -> Boxes:
    """Squares like those of the test images for train; the test images whole."""
    means = points.mean(axis=1)
    spread = np.sqrt(((points - means[:, None]) ** 2).sum(axis=2).mean(axis=1))
    boxes = square(means, spread / SPREAD)
    boxes[np.array(splits) == "test"] = WHOLE
    return boxes


class _Part:
    """The images that one list names: those that are there, and what is wrong with the others."""

    def __init__(self, split: str, table: Path, wanted: Sequence[_Row], folder: Path) -> None:
        pictures = ImagesByName(folder)
        found = [(name, pictures.find(name), points) for name, points in wanted]
        lost = [name for name, file, _ in found if file is None]
        self.split = split
        self.rows = [(name, str(file), points) for name, file, points in found if file is not None]
        self.gaps = (missing(len(lost), folder, table, lost[0]),) if lost else ()


def _source(*parts: _Part) -> SourceImages:
    entries = [
        (name, file, part.split, points) for part in parts for name, file, points in part.rows
    ]
    return SourceImages(
        tuple(name for name, _, _, _ in entries),
        tuple(file for _, file, _, _ in entries),
        tuple(split for _, _, split, _ in entries),
        np.array([points for _, _, _, points in entries]).reshape(len(entries), 5, 2),
        FIVE_POINTS,
        tuple(gap for part in parts for gap in part.gaps),
    )


def _mtfl_list(places: Places, name: str) -> Path:
    return places.require_file(name, what="one of the two lists of MTFL.zip", inside="MTFL")


def _listed(path: Path, split: str) -> _Part:
    once = Once(path)
    wanted: list[_Row] = []
    for line, cells in rows(path):
        if len(cells) < 11:
            raise InputError(
                f"{path}, line {line}: {counted(len(cells), 'column')}: expected the image, x1 to "
                "x5 and y1 to y5, as in MTFL"
            )
        name = cells[0].replace("\\", "/").removeprefix("./")
        once.add(name, line)
        wanted.append((name, numbers(path, line, cells[1:11]).reshape(2, 5).T - 1))
    return _Part(split, path, wanted, path.parent)


def _cropped(path: Path) -> _Part:
    once = Once(path)
    wanted: list[_Row] = []
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            table = csv.reader(file)
            header = [cell.strip() for cell in next(table, [])]
            if absent := [name for name in ("crop_file", "set") if name not in header]:
                raise InputError(f"{path} has no column {absent[0]}: fetch it again")
            crop_file, part = header.index("crop_file"), header.index("set")
            for row in table:
                if not any(row) or row[part : part + 1] != ["1"]:
                    continue
                if len(row) < 14:
                    raise InputError(
                        f"{path}, line {table.line_num}: {counted(len(row), 'column')}: expected "
                        "four and then x and y of five points"
                    )
                name = row[crop_file].strip().replace("\\", "/")
                once.add(name, table.line_num)
                values = numbers(path, table.line_num, row[4:14])
                wanted.append((name, values.reshape(5, 2) - 1))
    except (OSError, csv.Error) as error:
        raise InputError(f"{path} cannot be read ({error})") from error
    inner = path.parent / "cropped"
    nested = wanted and not wanted[0][0].startswith("cropped/") and inner.is_dir()
    folder = inner if nested else path.parent
    return _Part("train", path, wanted, folder)


_WHERE_MTFL = "http://mmlab.ie.cuhk.edu.hk/projects/TCDCN.html (MTFL.zip)"
_LICENCE = "non-commercial research only; no redistribution (AFLW's and MTFL's terms)"

MTFL = PublishedSet(
    name="mtfl",
    title="MTFL",
    category="faces in the wild",
    used_for="its 2,995 test faces are those of table 3; train is another than the paper's",
    counts={"train": 10_000, "test": 2_995},
    points="5: eyes, nose, mouth corners",
    normalisers=FIVE_NORMALISERS,
    licence=_LICENCE,
    where=_WHERE_MTFL,
    citation="Zhang, Luo, Loy, Tang: Facial landmark detection by deep multi-task learning, "
    "ECCV 2014",
    layout=("training.txt", "testing.txt", "lfw_5590/", "net_7876/", "AFLW/"),
    crops={
        "face": Crop(
            "train: a square around the points like that of the test images; test: whole",
            face_boxes,
        ),
    },
    read=read_mtfl,
    stored_sizes={"test": STORED_SIZE},
)

AFLW = PublishedSet(
    name="aflw",
    title="AFLW, five points",
    category="faces in the wild",
    used_for="table 3",
    counts={"train": 10_122, "test": 2_995},
    points="5: eyes, nose, mouth corners",
    normalisers=FIVE_NORMALISERS,
    licence=_LICENCE,
    where="train: http://www.robots.ox.ac.uk/~jdt/aflw_10122train_cropped.zip; test: "
    + _WHERE_MTFL,
    citation="Koestinger, Wohlhart, Roth, Bischof: Annotated facial landmarks in the wild, "
    "ICCV workshops 2011",
    layout=(
        "aflw_cropped/facedata_cropped.csv",
        "aflw_cropped/cropped/",
        "MTFL/testing.txt",
        "MTFL/AFLW/",
    ),
    crops={"whole": Crop("the crops as they are, 150 x 150")},
    read=read_aflw,
    stored_sizes={"all": STORED_SIZE},
)
