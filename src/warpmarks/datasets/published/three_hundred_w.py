"""300-W: 68 points on the faces of AFW, LFPW, HELEN and IBUG.

Known of the layout, from the challenge's own downloads: ``afw/``, ``helen/trainset/``,
``helen/testset/``, ``lfpw/trainset/``, ``lfpw/testset/`` and ``ibug/``, each image with a ``.pts``
of the same stem beside it (``version: 1``, ``n_points: 68``, the points in braces, one ``x y`` a
line). Pixels are counted from 1, as in MATLAB. Image names repeat between the parts, so the part is
kept in the name. One name of ibug has a space in it; some copies hold mirrored images, *_mirror,
which belong to no published split and are passed over. The challenge's own 600 test images
(``01_Indoor/``, ``02_Outdoor/``) are another test set and not read.

Splits as in LBF (Ren et al., CVPR 2014), which the paper follows: train is afw and the two training
sets; test is "test/common" (the two test sets) and "test/challenging" (ibug).

The crop is that of the first author's later code (DVE): a square around the centre of the box of
the points, 100/52 as wide as that box, and moved up by 2 % of its side. DVE takes the box from the
challenge's ``bb_ground_truth``, which is assumed to be the box of the points.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from warpmarks.datasets.published.crops import Boxes, Crop, Points, box_of_points, square
from warpmarks.datasets.published.faces import SIXTY_EIGHT_NORMALISERS, SIXTY_EIGHT_POINTS
from warpmarks.datasets.published.finding_parts import ImagesByName, Places
from warpmarks.datasets.published.published_set import PublishedSet, SourceImages
from warpmarks.datasets.published.tables import numbers
from warpmarks.errors import InputError
from warpmarks.wording import counted

PARTS = {
    "afw": "train",
    "helen/trainset": "train",
    "lfpw/trainset": "train",
    "helen/testset": "test/common",
    "lfpw/testset": "test/common",
    "ibug": "test/challenging",
}
ENLARGEMENT = 100 / 52
LIFT = 0.02


def read_300w(places: Places) -> SourceImages:
    """300-W with splits train, test/common and test/challenging.

    Raises:
        InputError: none of its parts is there, or a .pts file is wrong.
    """
    names, files, splits, points = [], [], [], []
    gaps: list[str] = []
    for part, split in PARTS.items():
        folder = places.folder(part, (".pts",))
        if folder is None:
            gaps.append(f"{places.have} no folder {part} with .pts files")
            continue
        pictures = ImagesByName(folder)
        lost = []
        for table in _tables(folder):
            image = pictures.find(table.stem)
            if image is None:
                lost.append(table.name)
                continue
            names.append(f"{part}/{image.name}")
            files.append(str(image))
            splits.append(split)
            points.append(read_pts(table, 68))
        if lost:
            gaps.append(f"{folder} has .pts files without an image: {len(lost)}, such as {lost[0]}")
    if not names:
        other = (
            "; 01_Indoor and 02_Outdoor are the challenge's own test set, which is another"
            if places.folder("01_Indoor", (".pts",))
            else ""
        )
        raise InputError(
            f"{places.have} none of the folders {', '.join(PARTS)} with images and .pts files"
            f"{other}: unpack them there"
        )
    return SourceImages(
        tuple(names),
        tuple(files),
        tuple(splits),
        np.stack(points),
        SIXTY_EIGHT_POINTS,
        tuple(gaps),
    )


def read_pts(path: Path, count: int) -> Float[np.ndarray, "{count} 2"]:
    """The points of a .pts file in pixels, moved so that the first pixel's centre is at (0, 0).

    Raises:
        InputError: it cannot be read, or has not ``count`` points.
    """
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error})") from error
    lines = list(_lines_in_braces(text))
    if len(lines) != count:
        raise InputError(
            f"{path} has {counted(len(lines), 'point')} in braces: expected {count}, so fetch it "
            "again"
        )
    points = np.empty((count, 2))
    for index, (line, cells) in enumerate(lines):
        if len(cells) != 2:
            raise InputError(f"{path}, line {line}: {' '.join(cells)!r}: expected x and y")
        points[index] = numbers(path, line, cells)
    return points - 1


def face_boxes(points: Points, _: tuple[str, ...]) -> Boxes:
    """The square of the first author's later code, see the module."""
    centres, sides = box_of_points(points)
    side = ENLARGEMENT * sides[:, 0]
    result: Int[np.ndarray, "images 4"] = square(
        centres - np.stack([np.zeros_like(side), LIFT * side], axis=1), side
    )
    return result


def _tables(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.casefold() == ".pts"
        and not path.name.startswith(".")
        and not path.stem.endswith("_mirror")
    )


def _lines_in_braces(text: str) -> Iterator[tuple[int, list[str]]]:
    inside = False
    for line, content in enumerate(text.splitlines(), start=1):
        opened, brace, rest = content.rpartition("{")
        del opened
        inside = inside or bool(brace)
        if not inside:
            continue
        values, closed, _ = (rest if brace else content).partition("}")
        if cells := re.split(r"[,\s]+", values.strip()) if values.strip() else []:
            yield line, cells
        if closed:
            return


THREE_HUNDRED_W = PublishedSet(
    name="300w",
    title="300-W",
    category="faces in the wild",
    used_for="table 5",
    counts={"train": 3_148, "test": 689, "test/common": 554, "test/challenging": 135},
    points="68: jaw, brows, nose, eyes, lips",
    normalisers=SIXTY_EIGHT_NORMALISERS,
    licence="non-commercial research only; the images belong to the four sets that they are from",
    where="https://ibug.doc.ic.ac.uk/resources/facial-point-annotations/ (afw, helen, ibug, lfpw)",
    citation="Sagonas, Antonakos, Tzimiropoulos, Zafeiriou, Pantic: 300 faces in-the-wild "
    "challenge, IMAVIS 2016",
    layout=(
        *(f"{part}/" for part in PARTS),
        "in each: image_0001.png (or .jpg) and image_0001.pts",
    ),
    crops={
        "face": Crop(
            "a square around the box of the points, 100/52 as wide and 2 % higher, as DVE crops",
            face_boxes,
        ),
    },
    read=read_300w,
)
