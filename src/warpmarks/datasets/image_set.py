"""Finding the images that are meant: a folder, a list in a text file, or a set in our layout."""

import itertools
import os
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath

from warpmarks.arguments import expect, expect_path
from warpmarks.datasets.decoders import (
    holds_several_pages,
    readable_extensions,
    unreadable_extensions,
)
from warpmarks.datasets.layout import read_split
from warpmarks.datasets.project import home_of_images
from warpmarks.datasets.results import holds_results
from warpmarks.datasets.videos import is_video_name
from warpmarks.errors import InputError
from warpmarks.system.progress import Progress, SilentProgress
from warpmarks.wording import be, counted, cut, do, shown

_OF_PAGES = {".tif", ".tiff", ".gif"}
_OPENED = 100  # files that are looked into for further pages


@dataclass(frozen=True)
class ImageSet:
    """Image files by name.

    Attributes:
        root: the folder that names are relative to: images/ of a set in our layout, otherwise the
            folder searched, or the folder of the text list.
        names: each with "/" between folders, sorted, none twice. Only a list may name images
            outside of its folder; they keep the path that the list gives them.
        listed: the text list, the one image, or the video or its folder that was given; none for a
            folder of images.
        of_videos: whether they are frames taken from videos.
    """

    root: Path
    names: tuple[str, ...]
    listed: Path | None = field(default=None, compare=False)
    of_videos: bool = field(default=False, compare=False)

    def __repr__(self) -> str:
        """Without the names, of which there may be a million."""
        return f"<ImageSet {self.source}: {counted(len(self), 'image')}>"

    def __len__(self) -> int:
        """Number of images."""
        return len(self.names)

    @property
    def source(self) -> Path:
        """What the person who gave the images knows them by."""
        return self.listed or self.root

    @property
    def set_name(self) -> str:
        """Of the list or folder; of images/ in our layout the name of the whole set."""
        if self.source.is_file():
            return self.source.stem
        root = self.source.absolute()
        return root.parent.name if root.name == "images" else root.name

    def subset(self, names: Iterable[str]) -> "ImageSet":
        """The same with these names alone, in their order."""
        return replace(self, names=tuple(names))

    def paths(self) -> list[Path]:
        """Where the images are, in the order of their names."""
        return [self.root / name for name in self.names]


def find_images(
    source: str | Path, *, split: str | None = None, progress: Progress | None = None
) -> ImageSet:
    """Find the images of a folder, a text list, an image file, or a split of a set in our layout.

    A folder is searched with all its folders for files with the extension of an image, in upper or
    lower case; hidden files and folders are skipped, and so are runs, evaluations and pictures of
    reports that lie in it; links are followed, and each folder is visited once. If it has a folder
    images/, only that is searched. An annotation project, which holds no images itself, stands for
    the images that it is of (see `warpmarks.datasets.project`). A text list has one path per line,
    relative to the list; blank lines and lines that begin with # are skipped. A split has the
    images/ that split.csv names for it or for a part of it ("test/common" is a part of "test"), see
    `warpmarks.datasets.layout`.

    Images whose names are not UTF-8 are passed over: no table could name them.

    Args:
        source: the folder, list or image.
        split: of a set in our layout.
        progress: told of what is passed over: photographs that are never read, videos, names that
            are not UTF-8 or that a list has twice, and the further pages of files that hold
            several.

    Raises:
        InputError: there is no such source or split, no image in it, or a folder cannot be read.
    """
    source = expect_path(
        source, "source", "one path; write several images into a text file, one a line"
    )
    told = progress or SilentProgress()
    images = _with_names_of_text(_find_images(source, split, told), told)
    if progress is not None and (several := _file_of_several_pages(images)):
        progress.message(
            f"{several} holds several pages, of which the first is the image: write the others as "
            "files of their own, and those of other such files, if they are to be used"
        )
    return images


def _find_images(
    source: Path, split: str | None, progress: Progress, *, follow: bool = True
) -> ImageSet:
    if not source.exists():
        raise InputError(
            f"{source} does not exist: give a folder of images or a text file that lists them"
        )
    if split is not None:
        home = source if (source / "split.csv").is_file() else home_of_images(source)
        return _images_of_split(home, split)
    if source.is_dir():
        root = _images_folder(source)
        names, unreadable, videos = _search(root)
        if not names and follow and (home := home_of_images(source)) != source:
            return _find_images(home, None, progress, follow=False)
        if not names and unreadable:
            raise InputError(
                f"{root} holds no images that can be read, but {_counted_files(unreadable)}: "
                "convert to JPEG what is to be used"
            )
        if not names and (root / "landmarks.csv").is_file():
            raise InputError(
                f"{root} holds no images: put those that its landmarks.csv names into "
                f"{root / 'images'}"
            )
        if not names and videos:
            raise InputError(
                f"{root} holds {counted(videos, 'video')} and no images: take some frames "
                "with warpmarks.find_frames (see docs/video.md), and give their folder"
            )
        if not names:
            raise InputError(
                f"{root} holds no images: expected files such as .jpg, .png or .tif in it "
                "or its folders"
            )
        if unreadable:
            progress.message(
                f"{root} also holds {_counted_files(unreadable)}, left out as unreadable: "
                "convert to JPEG what is to be used"
            )
        if videos:
            progress.message(
                f"{root} holds images: its {counted(videos, 'video')} {be(videos)} left out"
            )
        return ImageSet(root, tuple(sorted(names)))
    if _is_image_name(source.name):
        return ImageSet(source.parent, (source.name,), source)
    return _images_of_list(_read_list(source), source.parent, source, progress)


def as_images(images: "ImageSet | str | Path") -> ImageSet:
    """An image set, or what `find_images` finds at a path.

    Raises:
        InputError: it is neither, or see `find_images`.
    """
    if isinstance(images, str | Path):
        return find_images(images)
    return expect(images, ImageSet, "images", "a path, or what find_images(path) gives")


def find_listed(content: bytes, *, progress: Progress | None = None) -> ImageSet:
    """The images of a list that is no file, such as standard input: relative to where we stand.

    Args:
        content: as of a text list, see `find_images`.
        progress: told of names that are not UTF-8 or that the list has twice.

    Raises:
        InputError: a line is no image, or there is none.
    """
    told = progress or SilentProgress()
    text = content.decode("utf-8-sig", "surrogateescape")
    return _with_names_of_text(_images_of_list(text, Path(), Path("-"), told), told)


def _with_names_of_text(images: ImageSet, progress: Progress) -> ImageSet:
    """Those whose names a table in UTF-8 can have."""
    names = tuple(name for name in images.names if shown(name) == name)
    if len(names) == len(images.names):
        return images
    left = len(images.names) - len(names)
    first = next(name for name in images.names if shown(name) != name)
    told = (
        f"{shown(str(images.source))}: {counted(left, 'image')} in it "
        f"{'has' if left == 1 else 'have'} a name that is not UTF-8, such as {shown(first)}"
    )
    if not names:
        raise InputError(f"{told}, and there are no others: rename the files")
    progress.message(f"{told}, left out: rename what is to be used")
    return images.subset(names)


def in_split(its_split: str, asked: str) -> bool:
    """Whether an image of one split belongs to another: "test/common" is a part of "test"."""
    return its_split == asked or its_split.startswith(f"{asked}/")


def is_file(path: Path) -> bool:
    """Whether there is such a file, where the path may be one that no file can have."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether there is such a folder, where the path may be one that no folder can have."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _images_folder(folder: Path) -> Path:
    return folder / "images" if (folder / "images").is_dir() else folder


def _images_of_split(source: Path, split: str) -> ImageSet:
    table = source / "split.csv"
    if not table.is_file():
        raise InputError(
            f"the split {split!r} was asked for, but {table} does not exist: "
            "leave --split away, or give a folder with images/ and split.csv"
        )
    splits = read_split(table)
    root = _images_folder(source)
    names = tuple(sorted(name for name, its_split in splits.items() if in_split(its_split, split)))
    if not names:
        known = ", ".join(sorted(set(splits.values()))) or "none"
        raise InputError(f"{table} has no split {split!r}: the splits there are {known}")
    for name in names:
        if not is_file(root / name):
            raise InputError(
                f"{table} lists {name}, but {root / name} does not exist: correct the table"
            )
    return ImageSet(root, names)


def _file_of_several_pages(images: ImageSet) -> Path | None:
    """The first such file among the first `_OPENED` that could be one."""
    could_be = (name for name in images.names if PurePath(name).suffix.lower() in _OF_PAGES)
    for name in itertools.islice(could_be, _OPENED):
        path = images.root / name
        if holds_several_pages(path):
            return path
    return None


def _is_image_name(name: str) -> bool:
    return PurePath(name).suffix.lower() in readable_extensions()


def _counted_files(unreadable: Iterable[tuple[str, int]]) -> str:
    return ", ".join(counted(count, f"{extension} file") for extension, count in unreadable)


def _search(root: Path) -> tuple[list[str], tuple[tuple[str, int], ...], int]:
    """Names of the images, for each extension of photographs not read their number, and videos."""
    names: list[str] = []
    unreadable, videos = Counter[str](), 0
    visited: set[tuple[int, int]] = set()
    # Real folders before links to folders: an image that is reached on two ways has its real name.
    folders, links = deque([""]), deque[str]()
    while folders or links:
        folder = (folders or links).popleft()
        try:
            status = (root / folder).stat()
            if (status.st_dev, status.st_ino) in visited:
                continue
            visited.add((status.st_dev, status.st_ino))
            with os.scandir(root / folder) as scanned:
                entries = [entry for entry in scanned if not entry.name.startswith(".")]
            if folder and holds_results(root / folder, {entry.name for entry in entries}):
                continue
            for entry in entries:
                name = f"{folder}/{entry.name}" if folder else entry.name
                if entry.is_dir():
                    (links if entry.is_symlink() else folders).append(name)
                elif entry.is_file() or entry.is_symlink():
                    extension = PurePath(entry.name).suffix.lower()
                    if extension in readable_extensions():
                        names.append(name)  # a broken link is told of when it is read
                    elif extension in unreadable_extensions():
                        unreadable[extension] += 1
                    elif is_video_name(name):
                        videos += 1
        except OSError as error:
            raise InputError(
                f"{root / folder} cannot be searched for images ({error.strerror or error}): "
                "make it readable or leave it out"
            ) from error
    return names, tuple(sorted(unreadable.items())), videos


def _read_list(source: Path) -> str:
    try:
        return source.read_text(encoding="utf-8-sig", errors="surrogateescape")
    except OSError as error:
        raise InputError(f"{source} cannot be read ({error.strerror or error})") from error


def _images_of_list(text: str, home: Path, source: Path, progress: Progress) -> ImageSet:
    """What a list names, relative to a folder; ``source`` is where it is from."""
    if "\0" in text and is_file(home / text.partition("\0")[0]):
        raise InputError(
            f"{source} has zero bytes between names, as find -print0 writes them: expected one "
            "path per line, as find -print does"
        )
    if "\0" in text:
        raise InputError(
            f"{source} is neither an image that can be read nor a text file: "
            "give a folder of images or a text file that lists them"
        )
    names: dict[str, str] = {}
    again: list[str] = []
    folder = os.path.join(os.path.abspath(home), "")  # noqa: PTH100, PTH118
    for line, content in enumerate(text.split("\n"), start=1):
        listed = content.strip()
        if not listed or listed.startswith("#"):
            continue
        path = home / listed
        if not is_file(path):
            raise InputError(
                f"{source}, line {line}: {cut(shown(listed), 200)} is not a file: expected the "
                f"path of an image, relative to {home}"
            )
        place = _without_detours(path)
        if place in names:
            again.append(listed)
            continue
        name = place.removeprefix(folder) if place.startswith(folder) else listed
        names[place] = PurePath(name).as_posix()
    if not names:
        raise InputError(f"{source} lists no images: expected one path per line")
    if again:
        lines = counted(len(again), "line")
        progress.message(
            f"{source}: {lines} {do(len(again), 'repeat')} an image that is listed already, such "
            f"as {shown(cut(again[0], 200))}: each image is taken once"
        )
    return ImageSet(home, tuple(sorted(set(names.values()))), source)


def _without_detours(path: Path) -> str:
    """The absolute path, without "..", unless that leads elsewhere through a link."""
    short = os.path.abspath(path)  # noqa: PTH100  (absolute() keeps "..")
    if ".." in path.parts and not (Path(short).is_file() and path.samefile(short)):
        return str(path.absolute())
    return short
