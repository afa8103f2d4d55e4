"""The formats by name, and reading and writing any of them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from warpmarks.errors import InputError
from warpmarks.formats import (
    coco,
    deeplabcut,
    dlib_xml,
    label_studio,
    lightning_pose,
    own_csv,
    pts,
    sleap,
    tps,
    yolo,
)
from warpmarks.formats.checked_images import with_images_checked
from warpmarks.formats.image_files import ImageFiles, images_beside, with_sizes
from warpmarks.formats.lost import Keeps, lost
from warpmarks.formats.recognition import recognise, recognise_target
from warpmarks.formats.table import PointTable


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        title: what people call it.
        read: a file or folder, with the images around it, to a table.
        write: a table to a file or folder; of one with a file for each image, told of by its
            third argument.
        keeps: what it holds beside images and places.
        sizes: whether it holds the sizes of images, or cannot be written without them.
        files: of a format that is a folder, what is written into it; empty for a single file.
        for_each: whether it has a file for each image.
        located: whether it is written with the places of the images on this disk, where they are
            found, since its tools do not look for them.
    """

    title: str
    read: Callable[[Path, ImageFiles], PointTable]
    write: Callable[..., None]
    keeps: frozenset[Keeps]
    sizes: Literal["unused", "held", "needed"] = "unused"
    files: tuple[str, ...] = ()
    for_each: bool = False
    located: bool = False


_PLACES = frozenset({Keeps.FRACTIONS, Keeps.OUTSIDE})
_NAMED = _PLACES | {Keeps.NAMES}

FORMATS = {
    "coco": Format(
        "COCO keypoints",
        coco.read,
        coco.write,
        _NAMED | {Keeps.HIDDEN, Keeps.SCORES, Keeps.BOXES, Keeps.SKELETON},
        sizes="held",
    ),
    "deeplabcut": Format(
        "DeepLabCut CSV", deeplabcut.read, deeplabcut.write, _NAMED | {Keeps.SCORES}
    ),
    "dlib": Format(
        "dlib imglab XML",
        dlib_xml.read,
        dlib_xml.write,
        frozenset({Keeps.NAMES, Keeps.BOXES, Keeps.OUTSIDE}),
        sizes="held",
    ),
    "label-studio": Format(
        "Label Studio JSON",
        label_studio.read,
        label_studio.write,
        _NAMED | {Keeps.SCORES},
        sizes="needed",
    ),
    "lightning-pose": Format(
        "Lightning Pose CSV",
        lightning_pose.read,
        lightning_pose.write,
        _NAMED | {Keeps.HIDDEN, Keeps.HIDDEN_NOWHERE},
    ),
    "pts": Format(
        "300-W .pts",
        pts.read,
        pts.write,
        _PLACES,
        files=("**/*.[pP][tT][sS]",),
        for_each=True,
    ),
    "sleap": Format(
        "SLEAP .slp",
        sleap.read,
        sleap.write,
        _NAMED | {Keeps.HIDDEN, Keeps.SCORES, Keeps.SKELETON, Keeps.MIRROR},
        sizes="held",
        located=True,
    ),
    "tps": Format(
        "tpsDig TPS",
        tps.read,
        tps.write,
        _PLACES | {Keeps.LINES, Keeps.SCALES, Keeps.NOTES},
        sizes="needed",
    ),
    "warpmarks": Format(
        "warpmarks CSV",
        own_csv.read,
        own_csv.write,
        _NAMED | {Keeps.SCORES, Keeps.MIRROR, Keeps.NORMALISER, Keeps.COLOURS},
        files=(own_csv.TABLE, own_csv.SCHEME),
    ),
    "yolo": Format(
        "YOLO pose",
        yolo.read,
        yolo.write,
        frozenset({Keeps.NAMES, Keeps.HIDDEN, Keeps.BOXES, Keeps.MIRROR, Keeps.FRACTIONS}),
        sizes="needed",
        files=("data.yaml", "images.txt", "labels"),
        for_each=True,
    ),
}


def find_format(name: str, *, flag: str) -> Format:
    """The format of that name.

    Raises:
        InputError: there is none; ``flag`` is where the name was given.
    """
    if name not in FORMATS:
        raise InputError(f"{flag} is {name!r}: expected one of {', '.join(FORMATS)}")
    return FORMATS[name]


def read(
    path: str | Path, format: str | None = None, images: str | Path | ImageFiles | None = None
) -> PointTable:
    """The points of a file or folder in any format.

    Args:
        path: what to read.
        format: its name in `FORMATS`; recognised from what is there if not given.
        images: the folder of the images, or where they are, for formats that do not hold their
            sizes; around ``path`` if not given. Images are called by their paths in it.

    Raises:
        InputError: it is not in that format, or not recognised, or wrong, or of images of another
            size than those that are found.
    """
    path = Path(path)
    name = format or recognise(path, flag="--from")
    chosen = find_format(name, flag="--from")
    if not path.exists():
        raise InputError(f"{path} does not exist: give a file or folder with points on images")
    if path.is_dir() and not chosen.files:
        raise InputError(f"{path} is a folder: expected a file of {chosen.title}")
    if isinstance(images, str):
        images = Path(images)
    files = images if isinstance(images, ImageFiles) else images_beside(path, images)
    return with_images_checked(chosen.read(path, files), files, source=str(path))


def write(
    path: str | Path,
    format: str | None,
    table: PointTable,
    images: ImageFiles | None = None,
) -> list[str]:
    """Write a table in any format; what the format cannot hold, as ``what (how many)``.

    Args:
        path: the file, or the folder for formats of several files.
        format: its name in `FORMATS`; from the name of the file if not given.
        table: what to write.
        images: where the images are, for sizes that the table does not have; told of progress.

    Raises:
        InputError: the format is not clear, a size is needed and not known, or something cannot be
            written.
    """
    path = Path(path)
    name = format or recognise_target(path, flag="--to")
    chosen = find_format(name, flag="--to")
    if chosen.sizes != "unused":
        needed_by = chosen.title if chosen.sizes == "needed" else None
        table = with_sizes(table, images or ImageFiles(), needed_by=needed_by)
    if chosen.located and images is not None:
        chosen.write(path, replace(table, images=tuple(map(images.place, table.images))))
    elif chosen.for_each:
        chosen.write(path, table, images.progress if images else None)
    else:
        chosen.write(path, table)
    return lost(table, chosen.keeps)
