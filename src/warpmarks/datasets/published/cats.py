"""The cat head set of Zhang, Sun and Tang: nine points on photographs of cats.

Known of the layout, from its readme and its readers: ``CAT_00/`` to ``CAT_06/`` with photographs
``00000001_000.jpg`` and, beside each, ``00000001_000.jpg.cat``: the number of points, 9, and x and
y of each in turn: left eye, right eye, mouth, left ear 1 to 3, right ear 1 to 3, all on one line.
Left and right are as seen; an ear's points run from the left to the right of the picture: base,
tip, inner base on the left ear; inner base, tip, base on the right one.
As it was published, ``00000003_019.jpg.cat`` has no photograph and ``00000003_015.jpg`` no points.

Assumed: that the pixels, whole numbers, are counted from 0. The paper trains on 8,609 images and
keeps the rest, but does not say which: train is the first 8,609 in the order of their names here
(in a copy of fewer than 9,000, the first 86 %). It does not say either how it cut the heads out:
here by a square around the centre of the box of the points, half as large again as its longer side.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from warpmarks.datasets.published.crops import Boxes, Crop, Points, box_of_points, square
from warpmarks.datasets.published.finding_parts import ImagesByName, Places
from warpmarks.datasets.published.published_set import PublishedSet, SourceImages, scheme_of
from warpmarks.datasets.published.tables import numbers, rows
from warpmarks.errors import InputError
from warpmarks.wording import counted

NAMES = (
    "left eye",
    "right eye",
    "mouth",
    "left ear base",
    "left ear tip",
    "left ear inner base",
    "right ear inner base",
    "right ear tip",
    "right ear base",
)
NORMALISERS = {"inter-ocular": "left eye:right eye", "box": "box"}
SCHEME = scheme_of(NAMES, NORMALISERS["inter-ocular"], ((1, 2), (4, 9), (5, 8), (6, 7)))

FOLDERS = tuple(f"CAT_{number:02}" for number in range(7))
TRAIN = 8_609
_KNOWN_DEFECTS = {"00000003_019.jpg.cat", "00000003_015.jpg"}
ENLARGEMENT = 1.5


def read_cats(places: Places) -> SourceImages:
    """The cat heads with splits train and val.

    Raises:
        InputError: none of its folders is there, or a .cat file is wrong.
    """
    names, files, points = [], [], []
    gaps: list[str] = []
    for end in FOLDERS:
        folder = places.folder(end, (".cat",))
        if folder is None:
            gaps.append(f"{places.have} no folder {end} with .jpg.cat files")
            continue
        pictures = ImagesByName(folder)
        lost = []
        for table in sorted(folder.glob("[!.]*.cat")):
            image = pictures.find(table.stem)
            if image is not None:
                names.append(f"{end}/{image.name}")
                files.append(str(image))
                points.append(read_cat(table))
            elif table.name not in _KNOWN_DEFECTS:
                lost.append(table.name)
        if lost:
            gaps.append(f"{folder} has .cat files without an image: {len(lost)}, such as {lost[0]}")
        gaps += _without_points(folder)
    if not names:
        raise InputError(
            f"{places.have} none of the folders {FOLDERS[0]} to {FOLDERS[-1]} with images and "
            ".jpg.cat files: unpack them there"
        )
    train = TRAIN if len(names) > 9_000 else round(0.86 * len(names))
    return SourceImages(
        tuple(names),
        tuple(files),
        tuple("train" if index < train else "val" for index in range(len(names))),
        np.stack(points),
        SCHEME,
        tuple(gaps),
    )


def read_cat(path: Path) -> Float[np.ndarray, "9 2"]:
    """The nine points of a .cat file.

    Raises:
        InputError: it cannot be read, or holds anything else.
    """
    cells = [(line, cell) for line, row in rows(path) for cell in row]
    values = np.array([numbers(path, line, [cell])[0] for line, cell in cells])
    if len(values) < 19 or values[0] != 9:
        raise InputError(
            f"{path} has {counted(len(values), 'number')}, the first is {cells[0][1]}: expected 9 "
            "and x and y of nine points"
        )
    return values[1:19].reshape(9, 2)


def head_boxes(points: Points, _: tuple[str, ...]) -> Boxes:
    """Squares around the points, see the module."""
    centres, sides = box_of_points(points)
    return square(centres, ENLARGEMENT * sides.max(axis=1))


def _without_points(folder: Path) -> list[str]:
    there = {path.name.casefold() for path in folder.iterdir()}
    bare = sorted(
        name
        for name in there
        if name.endswith(".jpg")
        and not name.startswith(".")
        and f"{name}.cat" not in there
        and name not in _KNOWN_DEFECTS
    )
    return (
        [f"{folder} has images without a .cat file: {len(bare)}, such as {bare[0]}"] if bare else []
    )


CATS = PublishedSet(
    name="cats",
    title="Cat heads",
    category="heads of cats",
    used_for="figure 4",
    counts={"train": TRAIN},
    points="9: eyes, mouth, three on each ear",
    normalisers=NORMALISERS,
    licence="photographs of Flickr users, for research; no licence is stated",
    where="https://archive.org/details/CAT_DATASET or https://www.kaggle.com/datasets/crawford/"
    "cat-dataset",
    citation="Zhang, Sun, Tang: Cat head detection - how to effectively exploit shape and texture "
    "features, ECCV 2008",
    layout=("CAT_00/00000001_000.jpg", "CAT_00/00000001_000.jpg.cat", "... CAT_06/"),
    crops={
        "head": Crop("a square around the points, half as large again as their box", head_boxes),
    },
    read=read_cats,
)
