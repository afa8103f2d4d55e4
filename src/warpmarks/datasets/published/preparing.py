"""Writing a published set as a set in our layout, cut to its objects; originals are only read.

    SET/images/        the crops as JPEG, or the files as they are where nothing is cut
    SET/landmarks.csv  the points in pixels of the crops, where the set has any
    SET/points.json    their names, normaliser and mirror pairs
    SET/split.csv      the splits
    SET/source.csv     where each image comes from: file and box (left, top, right, bottom)
    SET/left_out.csv   the images that cannot be used, with the reason, if there are any

All of it grows in ``.SET.preparing`` beside SET, which takes its name at the end. What an
interrupted process has written there is used by the next one, if it is asked for the same.
"""

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int

from warpmarks.datasets.layout import write_landmarks
from warpmarks.datasets.published.checking import Check, check
from warpmarks.datasets.published.crops import cut, to_crop
from warpmarks.datasets.published.published_set import PublishedSet, SourceImages
from warpmarks.datasets.reading import open_stored
from warpmarks.datasets.scheme_file import SCHEME, write_scheme
from warpmarks.errors import InputError
from warpmarks.system.files import cannot_write, replace_folder, write_csv, write_json
from warpmarks.system.parallel import Workers
from warpmarks.system.progress import Progress, SilentProgress

SILENT = SilentProgress()
SETTINGS = "preparing.json"
SOURCES = "source.csv"
QUALITY = 95
LEFT_OUT_AT_MOST = 0.05


@dataclass(frozen=True)
class Prepared:
    """A set that was written.

    Attributes:
        root: its folder.
        check: what was found, see `checking.check`.
        left_out: names of images that could not be used, and why.
    """

    root: Path
    check: Check
    left_out: tuple[tuple[str, str], ...]


def prepare(
    published: PublishedSet,
    folders: Sequence[str | Path],
    output: str | Path,
    *,
    crop: str | None = None,
    size: int = 256,
    partial: bool = False,
    overwrite: bool = False,
    threads: int = 1,
    progress: Progress = SILENT,
) -> Prepared:
    """Write a published set in our layout, whole or not at all; an interrupted one is gone on with.

    Args:
        published: the set.
        folders: that hold it.
        output: the folder to write.
        crop: the name of one of the set's crops; its first one if not given.
        size: longer side of a crop in pixels, at most; smaller ones stay as they are.
        partial: go on where images are missing or cannot be used.
        overwrite: replace what stands at ``output``.
        threads: that cut and save.
        progress: is told of it.

    Raises:
        InputError: something is missing or wrong, there is no such crop, or ``output`` exists or
            cannot be written.
    """
    output = Path(output).resolve()
    chosen = _crop_name(published, crop)
    _check_output(output, folders, overwrite=overwrite)
    found = check(published, folders)
    if not found.images.names:
        raise InputError(f"{' and '.join(map(str, folders))} has no image of {published.title}")
    if found.gaps and not partial:
        raise InputError(
            f"{found.gaps[0]}: complete the set, or use what is there with --partial"
            + (f" ({len(found.gaps) - 1} more such gaps)" if len(found.gaps) > 1 else "")
        )
    boxes = _boxes(published, chosen, found.images)
    asked = {
        "set": published.name,
        "folders": [str(Path(folder).resolve()) for folder in folders],
        "crop": chosen,
        "size": size,
        "sources": _digest(found.images, boxes),
    }
    work = output.with_name(f".{output.name}.preparing")
    try:
        _begin(work, asked, progress)
        left_out = _write_images(work / "images", found.images, boxes, size, threads, progress)
        _check_left_out(left_out, len(found.images.names), partial=partial)
        _write_tables(work, found.images, boxes, size, left_out)
        (work / SETTINGS).unlink()
        replace_folder(work, output)
    except OSError as error:
        raise cannot_write(output, error) from error
    return Prepared(output, found, tuple(left_out.items()))


def prepared_name(name: str, *, whole: bool) -> str:
    """The name of an image in the prepared set: a crop is a JPEG, a whole image the same file."""
    if whole:
        return name
    folder, slash, base = name.rpartition("/")
    stem, dot, _ = base.rpartition(".")
    return f"{folder}{slash}{stem if dot else base}.jpg"


def _crop_name(published: PublishedSet, crop: str | None) -> str:
    if crop is None:
        return published.default_crop
    if crop not in published.crops:
        raise InputError(
            f"--crop {crop} is none of {published.title}: expected {', '.join(published.crops)}"
        )
    return crop


def _check_output(output: Path, folders: Sequence[str | Path], *, overwrite: bool) -> None:
    for folder in folders:
        if Path(folder).resolve().is_relative_to(output):
            raise InputError(
                f"--output {output} holds the originals {folder}: choose a folder of its own"
            )
    if output.exists() and not output.is_dir():
        raise InputError(f"--output {output} is a file: expected the name of a folder")
    if not output.is_dir() or not any(output.iterdir()):
        return
    if not overwrite:
        raise InputError(
            f"--output {output} is not empty: choose another folder or replace it with --overwrite"
        )
    if not (output / SOURCES).is_file():
        raise InputError(
            f"--output {output} has no {SOURCES}, so it is no prepared set and is not replaced: "
            "choose another folder"
        )


def _boxes(published: PublishedSet, crop: str, images: SourceImages) -> Int[np.ndarray, "images 4"]:
    rule = published.crops[crop].boxes
    if rule is None or images.points is None:
        return np.zeros((len(images.names), 4), dtype=np.int64)
    return rule(images.points, images.splits)


def _digest(images: SourceImages, boxes: Int[np.ndarray, "images 4"]) -> str:
    """What tells apart the images, their files and what is cut out of each."""
    text = json.dumps([images.names, images.files, boxes.tolist()])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _begin(work: Path, asked: dict[str, object], progress: Progress) -> None:
    """Make the folder that grows, or go on in the one that an interrupted process left."""
    settings = work / SETTINGS
    try:
        begun = json.loads(settings.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        begun = None
    if begun != asked:
        if work.exists():
            progress.message(
                f"{work} was begun for other images or another crop, and is begun anew"
            )
            shutil.rmtree(work)
        work.mkdir(parents=True)
        write_json(settings, asked)


def _write_images(
    folder: Path,
    images: SourceImages,
    boxes: Int[np.ndarray, "images 4"],
    size: int,
    threads: int,
    progress: Progress,
) -> dict[str, str]:
    """Write the images that are not there yet; names of those that cannot be, and why."""
    targets = [
        folder / prepared_name(name, whole=not box.any())
        for name, box in zip(images.names, boxes, strict=True)
    ]
    for parent in dict.fromkeys(target.parent for target in targets):
        parent.mkdir(parents=True, exist_ok=True)
    there = {path for path in folder.rglob("*") if path.is_file() and path.stat().st_size}
    waiting = [index for index, target in enumerate(targets) if target not in there]

    def write(index: int) -> tuple[int, str]:
        left, top, right, bottom = boxes[index].tolist()
        return index, _write_image(
            Path(images.files[index]), (left, top, right, bottom), size, targets[index]
        )

    left_out = {}
    progress.start("preparing images", len(targets), done=len(targets) - len(waiting))
    with Workers(threads) as workers:
        for index, reason in workers.in_order(write, waiting):
            if reason:
                left_out[images.names[index]] = reason
            progress.advance()
    progress.finish()
    return left_out


def _write_image(file: Path, box: tuple[int, int, int, int], size: int, target: Path) -> str:
    """Write one image; why it cannot be, or nothing."""
    # Its sibling takes the place at once; a crash may lose it, and a next process writes it again.
    unfinished = target.with_name(f".{target.name}")
    try:
        stored = open_stored(file)
        if any(box):
            cut(stored, box, size).save(unfinished, "JPEG", quality=QUALITY, subsampling=0)
        else:
            shutil.copyfile(file, unfinished)
    except InputError as error:
        return getattr(error, "reason", str(error))
    unfinished.replace(target)
    return ""


def _check_left_out(left_out: dict[str, str], count: int, *, partial: bool) -> None:
    if len(left_out) == count or (len(left_out) > LEFT_OUT_AT_MOST * count and not partial):
        name, reason = next(iter(left_out.items()))
        raise InputError(
            f"{len(left_out)} of {count} images cannot be used, such as {name}: {reason}"
            + ("" if len(left_out) == count else "; use the others with --partial")
        )


def _write_tables(
    root: Path,
    images: SourceImages,
    boxes: Int[np.ndarray, "images 4"],
    size: int,
    left_out: dict[str, str],
) -> None:
    kept = [index for index, name in enumerate(images.names) if name not in left_out]
    names = [prepared_name(images.names[index], whole=not boxes[index].any()) for index in kept]
    if images.points is not None and images.scheme is not None:
        write_landmarks(
            root / "landmarks.csv", names, to_crop(images.points[kept], boxes[kept], size)
        )
        write_scheme(root / SCHEME, images.scheme)
    splits = [images.splits[index] for index in kept]
    write_csv(root / "split.csv", [("image", "split"), *zip(names, splits, strict=True)])
    sources = (
        (name, images.files[index], *(boxes[index] if boxes[index].any() else [""] * 4))
        for name, index in zip(names, kept, strict=True)
    )
    write_csv(root / SOURCES, [("image", "file", "left", "top", "right", "bottom"), *sources])
    if left_out:
        write_csv(root / "left_out.csv", [("image", "reason"), *left_out.items()])
