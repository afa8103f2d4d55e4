"""CelebA, the aligned faces, and its part MAFL.

Known of the layout, from its own README and many copies: 202,599 images of 178 x 218 pixels in
``img_align_celeba/``; ``list_landmarks_align_celeba.txt`` with the number of images, a line of
column names (one fewer than there are columns) and ``name x1 y1 ... x5 y5``, whole pixels of the
aligned image; ``list_eval_partition.txt`` with ``name 0|1|2``. Copies from Kaggle have the same as
``.csv`` with one line of names. MAFL (from the authors of TCDCN) is two lists of CelebA's image
names: ``training.txt`` (19,000) and ``testing.txt`` (1,000).

Assumed: that the pixels are counted from 0, as DVE's reader takes them; nothing says so.

The paper takes the test images of MAFL out of CelebA before it trains on it. They have a split of
their own here, "mafl-test", whatever CelebA's split of them was.
"""

from collections.abc import Container, Iterable
from pathlib import Path

import numpy as np
from jaxtyping import Float

from warpmarks.datasets.published.crops import Crop
from warpmarks.datasets.published.faces import FIVE_NORMALISERS, FIVE_POINTS
from warpmarks.datasets.published.finding_parts import ImagesByName, Places, missing
from warpmarks.datasets.published.published_set import PublishedSet, SourceImages
from warpmarks.datasets.published.tables import Once, is_number, numbers, rows
from warpmarks.errors import InputError
from warpmarks.wording import counted

PARTITIONS = {"0": "train", "1": "val", "2": "test"}
STORED_SIZE = (178, 218)

CROPS = {
    "square": Crop.window(
        "rows 30 to 207, all columns: 178 x 178, as DVE crops", (0, 30, 178, 208)
    ),
    "whole": Crop("all of the aligned image, 178 x 218"),
    "tight": Crop.window(
        "131 x 131 around the face: the mean points lie where AFLW's do, for the paper's "
        "fine-tuning on the way to AFLW",
        (23, 67, 154, 198),
    ),
}


def read_celeba(places: Places) -> SourceImages:
    """CelebA with splits train, val, test and mafl-test.

    Raises:
        InputError: a part of the set is not there, or a line of a list is wrong.
    """
    folder, table, annotated = _annotated(places)
    partition = places.require_file(
        "list_eval_partition.txt",
        "list_eval_partition.csv",
        what="the list of CelebA's train, val and test images",
    )
    splits = _partition(partition)
    held_out = _names(_mafl_list(places, "testing.txt"))
    split_of = {name: splits[name] for name in annotated if name in splits}
    moved = [name for name in held_out if split_of.get(name) == "train"]
    split_of |= dict.fromkeys((name for name in held_out if name in annotated), "mafl-test")
    gaps = _gaps(partition, split_of, annotated, f"{table}") + _gaps(
        table, annotated, held_out, "MAFL's testing.txt"
    )
    notes = (f"{len(moved)} of CelebA's training images are test images of MAFL and left train",)
    return _source(folder, table, annotated, split_of, gaps, notes)


def read_mafl(places: Places) -> SourceImages:
    """MAFL with splits train and test.

    Raises:
        InputError: a part of the set is not there, or a line of a list is wrong.
    """
    folder, table, annotated = _annotated(places)
    split_of: dict[str, str] = {}
    gaps: tuple[str, ...] = ()
    for file, split in (("training.txt", "train"), ("testing.txt", "test")):
        path = _mafl_list(places, file)
        names = _names(path)
        if both := [name for name in names if name in split_of]:
            raise InputError(
                f"{path} names {both[0]}, which training.txt names too: fetch it again"
            )
        gaps += _gaps(table, annotated, names, str(path))
        split_of |= {name: split for name in names if name in annotated}
    return _source(folder, table, annotated, split_of, gaps)


def _annotated(places: Places) -> tuple[Path, Path, dict[str, Float[np.ndarray, " coordinates"]]]:
    folder = places.require_folder(
        "img_align_celeba", (".jpg", ".jpeg", ".png"), "CelebA's aligned images"
    )
    table = places.require_file(
        "list_landmarks_align_celeba.txt",
        "list_landmarks_align_celeba.csv",
        what="CelebA's points on the aligned images",
    )
    return folder, table, _points(table)


def _points(path: Path) -> dict[str, Float[np.ndarray, " coordinates"]]:
    found: dict[str, np.ndarray] = {}
    once, promised = Once(path), None
    for line, cells in rows(path):
        if len(cells) == 1 and not found and cells[0].isdigit():
            promised = int(cells[0])
        elif not found and not any(is_number(cell) for cell in cells):
            continue  # the names of the columns
        elif len(cells) != 11:
            raise InputError(
                f"{path}, line {line}: {counted(len(cells), 'column')}: expected the image and x "
                "and y of five points"
            )
        else:
            once.add(cells[0], line)
            found[cells[0]] = numbers(path, line, cells[1:])
    if promised is not None and promised != len(found):
        raise InputError(
            f"{path} promises {promised} images in its first line and has {len(found)}: "
            "fetch it again"
        )
    return found


def _partition(path: Path) -> dict[str, str]:
    splits: dict[str, str] = {}
    once = Once(path)
    for line, cells in rows(path):
        if not splits and cells[-1] == "partition":
            continue  # the names of the columns, in Kaggle's copy
        if len(cells) != 2 or cells[1] not in PARTITIONS:
            raise InputError(
                f"{path}, line {line}: {' '.join(cells)!r}: expected an image and 0, 1 or 2"
            )
        once.add(cells[0], line)
        splits[cells[0]] = PARTITIONS[cells[1]]
    return splits


def _mafl_list(places: Places, name: str) -> Path:
    return places.require_file(
        name, what="a list of MAFL's images (MAFL/training.txt, MAFL/testing.txt)", inside="MAFL"
    )


def _names(path: Path) -> list[str]:
    names: list[str] = []
    once = Once(path)
    for line, cells in rows(path):
        if len(cells) != 1:
            raise InputError(
                f"{path}, line {line}: {counted(len(cells), 'column')}: expected a list of MAFL's "
                "image names"
            )
        once.add(cells[0], line)
        names.append(cells[0])
    return names


def _gaps(table: Path, there: Container[str], wanted: Iterable[str], who: str) -> tuple[str, ...]:
    lost = [name for name in wanted if name not in there]
    if not lost:
        return ()
    return (f"{table} lacks {len(lost)} of the images that {who} names, such as {lost[0]}",)


def _source(
    folder: Path,
    table: Path,
    annotated: dict[str, Float[np.ndarray, " coordinates"]],
    split_of: dict[str, str],
    gaps: tuple[str, ...],
    notes: tuple[str, ...] = (),
) -> SourceImages:
    pictures = ImagesByName(folder)
    files = {name: pictures.find(name) for name in sorted(split_of)}
    lost = [name for name, file in files.items() if file is None]
    if lost:
        gaps = (missing(len(lost), folder, table, lost[0]), *gaps)
    names = tuple(name for name, file in files.items() if file is not None)
    return SourceImages(
        names,
        tuple(str(files[name]) for name in names),
        tuple(split_of[name] for name in names),
        np.array([annotated[name] for name in names]).reshape(len(names), 5, 2),
        FIVE_POINTS,
        gaps,
        notes,
    )


_LICENCE = "non-commercial research only; no redistribution, also not of parts"
_CITATION = "Liu, Luo, Wang, Tang: Deep learning face attributes in the wild, ICCV 2015"

CELEBA = PublishedSet(
    name="celeba",
    title="CelebA, aligned",
    category="faces of celebrities",
    used_for="learning face landmarks (all face experiments), and the regressor of half of table 1",
    counts={"all": 202_599, "mafl-test": 1_000},
    points="5: eyes, nose, mouth corners",
    normalisers=FIVE_NORMALISERS,
    licence=_LICENCE,
    where="https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html (Align&Cropped Images, Landmarks, "
    "Partitions); MAFL's lists: https://github.com/zhzhanp/TCDCN-face-alignment",
    citation=_CITATION,
    layout=(
        "img_align_celeba/000001.jpg ...",
        "list_landmarks_align_celeba.txt",
        "list_eval_partition.txt",
        "MAFL/testing.txt",
    ),
    crops=CROPS,
    read=read_celeba,
    stored_sizes={"all": STORED_SIZE},
)

MAFL = PublishedSet(
    name="mafl",
    title="MAFL",
    category="faces of celebrities",
    used_for="tables 1, 2 and 4, figure 6",
    counts={"train": 19_000, "test": 1_000},
    points="5: eyes, nose, mouth corners",
    normalisers=FIVE_NORMALISERS,
    licence=_LICENCE,
    where="lists: https://github.com/zhzhanp/TCDCN-face-alignment (MAFL); the rest: CelebA",
    citation="Zhang, Luo, Loy, Tang: Learning deep representation for face alignment with "
    "auxiliary attributes, PAMI 2016",
    layout=(
        "img_align_celeba/000001.jpg ...",
        "list_landmarks_align_celeba.txt",
        "MAFL/training.txt",
        "MAFL/testing.txt",
    ),
    crops=CROPS,
    read=read_mafl,
    stored_sizes={"all": STORED_SIZE},
)
