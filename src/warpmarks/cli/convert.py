"""``warpmarks convert``: points on images from one tool's files into another's."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from warpmarks.cli.options import Overwrite
from warpmarks.wording import be, counted, shown

if TYPE_CHECKING:
    from warpmarks.formats.image_files import ImageFiles
    from warpmarks.formats.table import PointTable


class FormatName(StrEnum):
    """The formats, as `warpmarks.formats.registry.FORMATS` names them."""

    COCO = "coco"
    DEEPLABCUT = "deeplabcut"
    DLIB = "dlib"
    LABEL_STUDIO = "label-studio"
    LIGHTNING_POSE = "lightning-pose"
    PTS = "pts"
    SLEAP = "sleap"
    TPS = "tps"
    WARPMARKS = "warpmarks"
    YOLO = "yolo"


def convert(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="A", show_default=False, help="A file or folder with points on images."
        ),
    ],
    target: Annotated[
        Path,
        typer.Argument(
            metavar="B",
            show_default=False,
            help="What to write: a file, or a folder for pts, yolo and warpmarks.",
        ),
    ],
    source_format: Annotated[
        FormatName | None,
        typer.Option(
            "--from",
            metavar="FORMAT",
            show_default="recognised from A",
            help="The format of A: " + ", ".join(FormatName) + ".",
        ),
    ] = None,
    target_format: Annotated[
        FormatName | None,
        typer.Option(
            "--to", metavar="FORMAT", show_default="by the name of B", help="The format of B."
        ),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR|VIDEO",
            show_default="around A",
            help="The folder of the images. tps and yolo need their sizes both ways, label-studio "
            "to be written. Or the video that the points of A are on.",
        ),
    ] = None,
    names: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            show_default=False,
            help='Call the points of A so, in their order, e.g. "snout,left ear,right ear"; or a '
            "points.json, or a .txt of names. For pts and tps, which hold no names.",
        ),
    ] = None,
    points: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            show_default="all, in A's order",
            help="Write these points of A, found by name, in this order; or a points.json, or "
            "a .txt of names.",
        ),
    ] = None,
    category: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            show_default="A's, else object",
            help="What kind of object it is: CVAT's label, YOLO's class, SLEAP's skeleton.",
        ),
    ] = None,
    scorer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            show_default="A's, else warpmarks",
            help="The scorer of a DeepLabCut project.",
        ),
    ] = None,
    as_stored: Annotated[
        bool,
        typer.Option(
            "--as-stored",
            help="A counts on the pixels of the files as they are stored, not turned as their EXIF "
            "says: its points are turned upright.",
        ),
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Convert points on images between the formats of annotators, pose trackers and morphometrics.

    Reads and writes COCO, DeepLabCut, dlib, Label Studio, Lightning Pose, 300-W
    .pts, SLEAP, TPS, YOLO and warpmarks' own CSV. What B's format cannot hold is
    listed.
    """
    from dataclasses import replace

    from warpmarks.cli.outputs import check_target
    from warpmarks.cli.progress import terminal_progress
    from warpmarks.datasets.scheme_file import listed_names
    from warpmarks.datasets.suspicions import told_of_origin, told_of_shares
    from warpmarks.errors import InputError
    from warpmarks.formats.image_files import images_beside
    from warpmarks.formats.recognition import recognise, recognise_target
    from warpmarks.formats.registry import FORMATS, read, write
    from warpmarks.formats.table import rename_points, select_points

    if not source.exists():
        raise InputError(f"{source} does not exist: give a file or folder with points on images")
    to = target_format.value if target_format else recognise_target(target, flag="--to")
    check_target(target, files=FORMATS[to].files, overwrite=overwrite)
    with terminal_progress() as progress:
        files = images_beside(source, images, progress)
        files.measure, files.frame_times, files.as_stored = frame_size, frame_times, as_stored
        format = source_format.value if source_format else recognise(source, flag="--from")
        table = read(source, format, files)
    turned = turned_photographs(table, files, as_stored=as_stored, ours=format == "warpmarks")
    normaliser = table.normaliser
    if names is not None:
        table = rename_points(table, listed_names(names), source="--names")
    if points is not None:
        table = select_points(table, listed_names(points), source="--points")
    table = replace(table, category=category or table.category, scorer=scorer or table.scorer)
    if normaliser is not None and table.normaliser is None:
        print(
            f"the normaliser {normaliser!r} is dropped: it cannot be told by the points of B",
            file=sys.stderr,
        )
    with terminal_progress() as progress:
        files.progress = progress
        dropped = write(target, to, table, files)
        far = told_of_far_points(table, files) if images is not None else None
    missing = missing_images(table, files) if images is not None else None
    apart = None if missing or images is None or to != "warpmarks" else images_apart(table, target)
    oddities = (told_of_shares(table.points), told_of_origin(table.points))
    told = (*oddities, missing, far, turned, apart)
    for sentence in filter(None, told):
        print(sentence, file=sys.stderr)
    if dropped:
        print(f"{FORMATS[to].title} does not keep: {', '.join(dropped)}", file=sys.stderr)
    print(
        f"{target}: {counted(len(table.names), 'point')} on {counted(len(table.images), 'image')}"
    )


def frame_size(video: Path) -> tuple[int, int]:
    """Width and height of a video's frames, upright.

    Raises:
        InputError: it is no video, or the library for videos is not installed.
    """
    from warpmarks.video.reading import Video

    return Video(video).size


def frame_times(video: Path) -> "list[float | None]":
    """Seconds of each frame that a video stores, None of one without.

    Raises:
        InputError: see `frame_size`.
    """
    from warpmarks.video.reading import Video

    return Video(video).stored_times()


def missing_images(table: "PointTable", files: "ImageFiles") -> str | None:
    """A sentence on images that are not in the folder that was named; None where all are."""
    from warpmarks.datasets.videos import frame_of

    names = [name for name in table.images if not frame_of(name) and files.find(name) is None]
    if not names:
        return None
    like = files.like(names[0])
    hint = f" (there is {shown(like)}, which differs in upper and lower case)" if like else ""
    are = f"{counted(len(names), 'image')} {be(len(names))}"
    return f"{are} not in {files.folders[0]}, where fit would look: {shown(names[0])}{hint}"


def images_apart(table: "PointTable", target: Path) -> str | None:
    """Where to put the images of a set that lie elsewhere; None where they are in it."""
    from warpmarks.datasets.videos import frame_of

    images = target / "images"
    home = images if images.is_dir() else target
    if all(frame_of(name) or (home / name).is_file() for name in table.images):
        return None
    return f"put the pictures into {images}, where fit looks for them"


def turned_photographs(
    table: "PointTable",
    files: "ImageFiles",
    *,
    as_stored: bool,
    ours: bool,
    otherwise: str = "if A counts on the stored one, give --as-stored",
) -> str | None:
    """A sentence on the photographs that EXIF turns, of those that were opened; None without any.

    Args:
        table: as it was read; where it tells the size of the upright picture, its points are known
            to be counted on that.
        files: the images.
        as_stored: whether the points were counted on the pixels that are stored.
        ours: whether A is in our format, whose points are upright.
        otherwise: what to do where A's are not.
    """
    import numpy as np

    from warpmarks.datasets.reading import SIDES_SWAPPED

    turned = []
    for name, size in zip(table.images, table.sizes, strict=True):
        path = files.find(name) if files.turned else None
        if path is None or path not in files.turned:
            continue
        told = np.isfinite(size).all() and size[0] != size[1] and name not in files.measured
        if as_stored or not (ours or (told and files.turned[path] in SIDES_SWAPPED)):
            turned.append(path)
    if not turned:
        return None
    count = len(turned)
    its = "its" if count == 1 else "their"
    assumed = (
        f"{its} points were turned upright with {'it' if count == 1 else 'them'}"
        if as_stored
        else f"{its} points are taken to be counted on the upright picture; {otherwise}"
    )
    photographs = f"{counted(count, 'photograph')} {be(count)} turned by EXIF"
    return f"{photographs}, such as {shown(min(turned).name)}: {assumed}"


def told_of_far_points(table: "PointTable", files: "ImageFiles") -> str | None:
    """A sentence on the points that `fit` and `evaluate` would refuse; None where there are none.

    Args:
        table: the points.
        files: the images; of those that are not found or cannot be read, nothing is told.
    """
    import numpy as np

    from warpmarks.errors import InputError
    from warpmarks.evaluation.locating import far_outside
    from warpmarks.system.progress import one_by_one

    count, first = 0, ""
    for row in one_by_one(files.progress, "Checking points", range(len(table.images))):
        try:
            size = files.size(table.images[row])
        except InputError:
            size = None
        if size is None:
            continue
        points = table.points[row]
        far = far_outside(points, np.array(size, dtype=np.float64))
        if far.any() and not count:
            index = int(np.flatnonzero(far)[0])
            x, y = points[index]
            first = (
                f"{table.names[index]!r} of {table.images[row]!r} at ({x:g}, {y:g}), where the "
                f"image has {size[0]} x {size[1]} pixels"
            )
        count += int(far.sum())
    if not count:
        return None
    where = "its image" if count == 1 else "their images"
    return (
        f"{counted(count, 'point')} {be(count)} far outside of {where}, which fit and evaluate "
        f"refuse; the first is {first}"
    )
