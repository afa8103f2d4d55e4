"""All images of a set, decoded and resized once, in one file that is mapped and used again.

A cache is a folder named by what its pixels depend on: the bytes and names of the images, the size
and fit of the pictures, and the version of the reading. It holds

    pictures.uint8   the pictures, one after the other: height x width x 3 bytes each
    index.json       names and original sizes of the pictures, and the images that could not be read

It is made under another name and renamed when complete, and may be deleted at any time.
"""

import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8

from warpmarks.datasets.image_set import ImageSet
from warpmarks.datasets.placement import place
from warpmarks.datasets.reading import READING_VERSION, UnreadableImage, read_picture
from warpmarks.errors import InputError
from warpmarks.system.files import PARTIAL, remove_partial_folders
from warpmarks.system.parallel import Workers, processors
from warpmarks.system.progress import Progress, SilentProgress, one_by_one

_FORMAT_VERSION = 1
_PICTURES, _INDEX = "pictures.uint8", "index.json"
_NAMED = 3  # unreadable images that a message names

Settings = tuple[int, int, str]  # height and width of the pictures, and their fit


@dataclass(frozen=True)
class PictureCache:
    """The pictures of an image set, read-only, and how they came to be.

    Attributes:
        pictures: memory-mapped; indexing reads from disk.
        names: of the pictures' images, in the order of the image set.
        sizes: (height, width) of the upright originals.
        unreadable: the images left out, each with its reason.
        key: hash of all that the pictures depend on; the cache folder's name.
        repeated: number of images whose file has the same bytes as an earlier one's.
    """

    pictures: UInt8[np.ndarray, "images height width 3"]
    names: tuple[str, ...]
    sizes: Int[np.ndarray, "images 2"]
    unreadable: tuple[tuple[str, str], ...]
    key: str
    repeated: int = 0


def load_pictures(
    images: ImageSet,
    *,
    height: int,
    width: int,
    fit: str = "stretch",
    cache_dir: Path | None = None,
    workers: int | None = None,
    max_unreadable: float = 0.05,
    progress: Progress | None = None,
) -> PictureCache:
    """Pictures of all images, from the cache, or read in parallel and cached.

    Args:
        images: what to read.
        height: of the pictures.
        width: of the pictures.
        fit: how an image is laid into its picture, see `warpmarks.datasets.placement`.
        cache_dir: where caches are kept; `default_cache_dir` if not given.
        workers: threads that read images; as many as there are processors if not given.
        max_unreadable: share of images that may be left out because they cannot be read.
        progress: told of the images hashed and read.

    Raises:
        InputError: too many images or all of them are unreadable, or the cache cannot be written.
    """
    progress = progress or SilentProgress()
    place((1, 1), (height, width), fit)
    if not images.names:
        raise InputError(f"{images.source}: there are no images to read")
    cache_dir = folder_of_caches(cache_dir)
    settings = (height, width, fit)
    with Workers(max(1, workers or processors())) as threads:
        work = _Work(images, settings, threads, progress)
        key, contents, not_opened = _key(work)
        folder = cache_dir / key
        cache = _open(folder, settings)
        if cache is None:
            _make(folder, work, not_opened)
            cache = _open(folder, settings)
    if cache is None:
        raise InputError(f"the cache {folder} was damaged while it was made: try again")
    _refuse_unreadable(images, cache.unreadable, max_unreadable)
    unreadable = {name for name, _ in cache.unreadable}
    known = zip(images.names, contents, strict=True)
    different = {content for name, content in known if name not in unreadable}
    return replace(cache, repeated=len(cache.names) - len(different))


def folder_of_caches(asked: str | Path | None) -> Path:
    """The folder that was asked for, or else ``default_cache_dir``.

    Raises:
        InputError: it is a file.
    """
    folder = default_cache_dir() if asked is None else Path(asked)
    if folder.is_file():
        name = "WARPMARKS_CACHE" if asked is None else "--cache"
        raise InputError(f"{name} {folder} is a file: expected a folder")
    return folder


def default_cache_dir() -> Path:
    """$WARPMARKS_CACHE, or warpmarks in the place where this system's users keep caches."""
    if chosen := os.environ.get("WARPMARKS_CACHE"):
        return Path(chosen)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "warpmarks"
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "warpmarks"
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "warpmarks"


@dataclass(frozen=True)
class _Work:
    """One request, and who does it."""

    images: ImageSet
    settings: Settings
    workers: Workers
    progress: Progress


def _key(work: _Work) -> tuple[str, list[int], list[str]]:
    """What the pictures depend on, as a hash, and of each file what tells its bytes from others.

    Of each file also why the system cannot read it, which is empty of one that it can.
    """
    whole = hashlib.blake2b(digest_size=16)
    whole.update(json.dumps([_FORMAT_VERSION, READING_VERSION, *work.settings]).encode())
    names = one_by_one(work.progress, "Checking images", work.images.names)
    digests = work.workers.in_order(file_digest, work.images.paths())
    contents, reasons = [], []
    for name, (digest, reason) in zip(names, digests, strict=True):
        whole.update(json.dumps([name, digest or f"unreadable: {reason}"]).encode())
        contents.append(hash(digest))
        reasons.append(reason)
    return whole.hexdigest(), contents, reasons


def file_digest(path: Path) -> tuple[str, str]:
    """The digest of a file's bytes and nothing, or nothing and why the system cannot read it."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "blake2b").hexdigest(), ""
    except OSError as error:
        return "", error.strerror or str(error)


def _open(folder: Path, settings: Settings) -> PictureCache | None:
    """The cache in a folder; None where there is none, or a damaged one."""
    height, width, _ = settings
    try:
        index = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
        names = tuple(map(str, index["names"]))
        sizes = np.array(index["sizes"], dtype=np.int64).reshape(len(names), 2)
        unreadable = tuple((str(name), str(reason)) for name, reason in index["unreadable"])
        file, shape = folder / _PICTURES, (len(names), height, width, 3)
        if file.stat().st_size != np.prod(shape):
            return None
        pictures = np.memmap(file, dtype=np.uint8, mode="r", shape=shape)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return PictureCache(pictures, names, sizes, unreadable, folder.name)


def _make(folder: Path, work: _Work, not_opened: Sequence[str]) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        remove_partial_folders(folder.parent)
        _check_room(folder.parent, work)
        temporary = Path(
            tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.", suffix=PARTIAL)
        )
        try:
            _fill(temporary, work, not_opened)
            _move(temporary, folder, work.settings)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise InputError(
            f"the cache of pictures {folder.parent} cannot be written ({error.strerror or error}): "
            "make room, or set WARPMARKS_CACHE to another folder"
        ) from error


def _check_room(folder: Path, work: _Work) -> None:
    height, width, _ = work.settings
    needed, free = len(work.images.names) * height * width * 3, shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"the cache of pictures {folder} needs {needed / 1e6:,.0f} MB and has "
            f"room for {free / 1e6:,.0f} MB: "
            "make room, or set WARPMARKS_CACHE to another folder"
        )


def _fill(folder: Path, work: _Work, not_opened: Sequence[str]) -> None:
    names, sizes, unreadable = [], [], []
    images = one_by_one(work.progress, "Reading images", work.images.names)
    # Written, not mapped: a full disk is then an error, where a map would have the process killed.
    with (folder / _PICTURES).open("wb") as file:
        asked = zip(work.images.paths(), not_opened, strict=True)
        results = work.workers.in_order(_Reader(*work.settings), asked)
        for name, result in zip(images, results, strict=True):
            if isinstance(result, str):
                unreadable.append((name, result))
            else:
                picture, size = result
                file.write(picture.tobytes())
                names.append(name)
                sizes.append(size)
        file.flush()
        os.fsync(file.fileno())
    if not names:
        _refuse_unreadable(work.images, unreadable, 1.0)
    index = {"names": names, "sizes": sizes, "unreadable": unreadable}
    (folder / _INDEX).write_text(json.dumps(index), encoding="utf-8")


@dataclass(frozen=True)
class _Reader:
    height: int
    width: int
    fit: str

    def __call__(self, asked: tuple[Path, str]) -> tuple[np.ndarray, tuple[int, int]] | str:
        path, not_opened = asked
        if not_opened:
            return not_opened
        try:
            return read_picture(path, self.height, self.width, self.fit)
        except UnreadableImage as error:
            if error.system:  # it may pass, but the key would stay the same
                raise InputError(f"{error}, though it could be a moment ago: try again") from error
            return error.reason


def _move(temporary: Path, folder: Path, settings: Settings) -> None:
    """Give a complete cache its name; another maker of the same pictures may have been first."""
    try:
        temporary.rename(folder)
    except OSError:
        if _open(folder, settings) is not None:
            return
        damaged = Path(
            tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.", suffix=PARTIAL)
        )
        with suppress(FileNotFoundError):
            folder.rename(damaged / folder.name)
        shutil.rmtree(damaged, ignore_errors=True)
        temporary.rename(folder)


def _refuse_unreadable(
    images: ImageSet, unreadable: Sequence[tuple[str, str]], max_unreadable: float
) -> None:
    count, total = len(unreadable), len(images.names)
    if not count or (count < total and count <= max_unreadable * total):
        return
    named = "; ".join(f"{name}: {reason}" for name, reason in unreadable[:_NAMED])
    more = f"; and {count - _NAMED} more" if count > _NAMED else ""
    advice = (
        "give files that are images"
        if count == total
        else "mend or remove them, or go on without them with --allow-unreadable"
    )
    raise InputError(
        f"{count} of {total} images in {images.source} cannot be read ({named}{more}): {advice}"
    )
