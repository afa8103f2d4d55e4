"""Finding image files, for the sizes that some formats need and do not hold."""

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import numpy as np

from warpmarks.datasets.decoders import readable_extensions
from warpmarks.datasets.image_set import find_images, is_file
from warpmarks.datasets.project import home_of_images
from warpmarks.datasets.reading import UnreadableImage, read_stored_size
from warpmarks.datasets.videos import frame_of, is_video_name
from warpmarks.errors import InputError
from warpmarks.formats.exif_turns import size_upright
from warpmarks.formats.sources import slashes
from warpmarks.formats.table import PointTable
from warpmarks.system.parallel import Workers
from warpmarks.system.progress import Progress, SilentProgress, one_by_one

_READERS = 16
"""Threads that read heads of images: most of the time they wait for the disk or the network."""


@dataclass
class ImageFiles:
    """Folders in which images may be, in the order in which they are searched.

    An image ``a/b.jpg`` is looked for as ``folder/a/b.jpg``, then as ``folder/b.jpg``: paths of
    other disks end in the same names. A name without a folder, as tpsDig writes it, is looked for
    in the folders within those that the user named, too. The ways to compose a letter are not told
    apart.

    Attributes:
        folders: in which images may be.
        video: whose frames the images are.
        progress: told of the images while they are gone through.
        measure: gives width and height of a video's frames, upright; if None, they have no size.
        frame_times: gives the seconds of each frame that a video stores, None of one without; if
            None, or where the video cannot be read, nothing is compared with them.
        given: whether the user named the folders.
        flag: with which they are named, for messages.
        as_stored: whether sizes are those of the pixels as they are stored, which EXIF may turn.
        turned: of the images that were opened those that EXIF turns, with how, as it counts.
        measured: names of images whose size was asked for as the points' file does not tell it.
    """

    folders: tuple[Path, ...] = ()
    video: Path | None = None
    progress: Progress = field(default_factory=SilentProgress)
    measure: Callable[[Path], tuple[int, int]] | None = None
    frame_times: Callable[[Path], Sequence[float | None]] | None = None
    given: bool = False
    flag: str = "--images"
    as_stored: bool = False
    turned: dict[Path, int] = field(default_factory=dict)
    measured: set[str] = field(default_factory=set)
    _found: dict[str, tuple[Path, str] | None] = field(init=False, default_factory=dict)
    _owners: dict[Path, tuple[str, bool]] = field(init=False, default_factory=dict)
    _stored: dict[Path, tuple[int, int]] = field(init=False, default_factory=dict)
    _frames: dict[str, tuple[int, int] | None] = field(init=False, default_factory=dict)
    _listings: dict[Path, dict[str, str]] = field(init=False, default_factory=dict)
    _within: dict[str, list[tuple[Path, str]]] | None = field(init=False, default=None)
    _spellings: dict[tuple[Path, Callable[[str], str]], dict[str, str]] = field(
        init=False, default_factory=dict
    )

    def find(self, name: str) -> Path | None:
        """The file of an image.

        Raises:
            InputError: it is found by the end of its name only, and so is another image; or
                several images within the folders have its name.
        """
        found = self._looked_up(name)
        return found[0] / found[1] if found else None

    def called(self, name: str) -> str:
        """What an image is called in the folder in which it is found; its name if it is not.

        Of the folders that the user named the deepest counts: of a set that is its images/.

        Raises:
            InputError: as `find`.
        """
        found = self._looked_up(name)
        if found is None:
            return name
        if PurePosixPath(found[1]).is_absolute():
            return self.name(found[1])
        if not self.given:
            return found[1]
        place = found[0] / found[1]
        inside = [place.relative_to(home) for home in self.folders if place.is_relative_to(home)]
        return min(inside, key=lambda tail: len(tail.parts)).as_posix()

    def like(self, name: str) -> str | None:
        """What an image that is not found differs from in upper and lower case only, if any."""
        found = self._search(name, _in_any_case)
        return found[1] if found else None

    def rename(self, names: dict[str, str]) -> None:
        """Know images by other names from now on: those that they had by the new ones."""
        self._found |= {new: self._looked_up(old) for new, old in names.items()}
        self._owners.clear()
        self.measured |= {new for new, old in names.items() if old in self.measured}

    def _looked_up(self, name: str) -> tuple[Path, str] | None:
        if name not in self._found:
            found = self._search(name, None)
            if found is None and not name.isascii():
                found = self._search(name, composed)
            if found is None and self.given:
                found = self._deeper(name)
            if found is not None:
                self._claim(found[0] / found[1], name, shortened=found[1] != name)
            self._found[name] = found
        return self._found[name]

    def _search(self, name: str, alike: Callable[[str], str] | None) -> tuple[Path, str] | None:
        for tail in _tails(name):
            for folder in self.folders:
                spelt = tail if alike is None else self._spelt(folder, tail, alike)
                if spelt is not None and is_file(folder / spelt):
                    return folder, spelt
        return None

    def _deeper(self, name: str) -> tuple[Path, str] | None:
        """Where the only image of that name is, within folders of the folders."""
        if self._within is None:
            self._within = defaultdict(list)
            for folder in self.folders[:1]:
                for image in _images_within(folder):
                    self._within[composed(PurePosixPath(image).name)].append((folder, image))
        found = self._within.get(composed(name), [])
        if len(found) > 1:
            (folder, first), (_, second), *_ = found
            raise InputError(
                f"{name!r} could be {first} or {second} in {folder}: give as {self.flag} the "
                "folder that it is in, or write its folder before its name"
            )
        return found[0] if found else None

    def _spelt(self, folder: Path, tail: str, alike: Callable[[str], str]) -> str | None:
        """How a path in a folder is spelt on this disk, where names that are alike are one."""
        spelt = PurePosixPath()
        for part in PurePosixPath(tail).parts:
            place = folder / spelt
            if (place, alike) not in self._spellings:
                self._spellings[place, alike] = {alike(name): name for name in _names_in(place)}
            actual = self._spellings[place, alike].get(alike(part))
            if actual is None:
                return None
            spelt /= actual
        return spelt.as_posix()

    def _claim(self, path: Path, name: str, *, shortened: bool) -> None:
        owner, owner_shortened = self._owners.setdefault(path, (name, shortened))
        if owner != name and (shortened or owner_shortened):
            raise InputError(
                f"{owner!r} and {name!r} would both be {path}: give as {self.flag} the folder "
                "that holds both, each in its own folder"
            )

    def place(self, name: str) -> str:
        """Where an image or the video of a frame is on this disk; its name if it is not found."""
        frame = frame_of(name)
        path = self.find(frame[0] if frame else name)
        if path is None:
            return name
        place = path.resolve().as_posix()
        return f"{place}#{frame[1]}" if frame else place

    def name(self, place: str) -> str:
        """An image's name from where it is: relative to the deepest of the folders it is in."""
        path = PurePosixPath(place)
        inside = [
            path.relative_to(home)
            for home in (folder.resolve().as_posix() for folder in self.folders)
            if path.is_relative_to(home)
        ]
        return min(inside, key=lambda tail: len(tail.parts)).as_posix() if inside else place

    def frame(self, number: str) -> str:
        """The name of a frame of the video; its number alone where it is not known."""
        return number if self.video is None else f"{self.video.name}#{number}"

    def find_stem(self, stem: str) -> str | None:
        """The name of the image ``stem`` and some extension."""
        for folder in self.folders:
            place = (folder / stem).parent
            if place not in self._listings:
                self._listings[place] = _image_stems(place)
            ending = self._listings[place].get(PurePosixPath(stem).name)
            if ending is not None:
                return f"{stem}{ending}"
        return None

    def size(self, name: str) -> tuple[int, int] | None:
        """Width and height of an image, upright; None where it is not found.

        Of a frame also where its video cannot be read.

        Raises:
            InputError: its file is no image.
        """
        if frame := frame_of(name):
            return self._frame_size(frame[0])
        path = self.find(name)
        if path is None:
            return None
        size = self.stored_size(path)
        return size if self.as_stored else size_upright(size, self.turned.get(path, 1))

    def stored_size(self, path: Path) -> tuple[int, int]:
        """Width and height of an image as its pixels are stored; whether it is turned is noted.

        Raises:
            InputError: the file is no image.
        """
        if path not in self._stored:
            self._note(path, read_stored_size(path))
        return self._stored[path]

    def read_sizes(self, names: Iterable[str]) -> None:
        """Read the sizes of images that will be asked for, many at once; not of those unreadable.

        Raises:
            InputError: as `find`.
        """
        found = (self.find(name) for name in names if not frame_of(name))
        paths = [path for path in dict.fromkeys(found) if path and path not in self._stored]
        if not paths:
            return
        with Workers(_READERS) as threads:
            heads = iter(threads.in_order(_head, paths))
            for path in one_by_one(self.progress, "Reading sizes of images", paths):
                if (head := next(heads)) is not None:
                    self._note(path, head)

    def _note(self, path: Path, head: tuple[tuple[int, int], int]) -> None:
        (height, width), orientation = head
        if orientation != 1:
            self.turned[path] = orientation
        self._stored[path] = (width, height)

    def _frame_size(self, video: str) -> tuple[int, int] | None:
        if video not in self._frames:
            path = self.find(video)
            try:
                self._frames[video] = self.measure(path) if path and self.measure else None
            except InputError:
                self._frames[video] = None
        return self._frames[video]

    def needed_size(self, name: str, why: str) -> tuple[int, int]:
        """Width and height of an image; that they were asked for is noted.

        Raises:
            InputError: it is not found; ``why`` says what its size is needed for.
        """
        self.measured.add(name)
        size = self.size(name)
        if size is None:
            frame = frame_of(name)
            if frame and self.measure and (path := self.find(frame[0])):
                return self.measure(path)  # says why it cannot be read
            searched = " or ".join(dict.fromkeys(map(str, self.folders))) or "no folder"
            missing = f"{why} needs the size of {name!r}, which is not in {searched}"
            if like := self.like(name):
                raise InputError(
                    f"{missing}, only {like}, which differs in upper and lower case: rename one of "
                    "the two"
                )
            what = "video" if frame else "folder of the images"
            raise InputError(
                f"{missing}: correct {self.flag}, or bring the image there"
                if self.given and not frame
                else f"{missing}: name the {what} with {self.flag}"
            )
        return size


def images_beside(
    path: Path, given: Path | None = None, progress: Progress | None = None
) -> ImageFiles:
    """Where the images of an annotation file may be: the folder given, else around the file.

    An annotation project stands for the folder of its images. A video may be given in place of a
    folder, for points on its frames. ``progress`` is told of the images while they are gone
    through.

    Raises:
        InputError: the folder given does not exist.
    """
    progress = progress or SilentProgress()
    if given is not None:
        if is_video_name(given) and given.is_file():
            return ImageFiles((given.parent,), given, progress, given=True)
        if not given.exists():
            what = "the video or the folder" if is_video_name(given) else "the folder"
            raise InputError(f"--images {given} does not exist: name {what} of the images")
        if not given.is_dir():
            raise InputError(f"--images {given} is no folder: name the folder of the images")
        given = _home_of_images(given)
        inside = (given / "images",) if (given / "images").is_dir() else ()
        return ImageFiles((given, *inside), progress=progress, given=True)
    home = path if path.is_dir() else path.parent
    try:
        project = _home_of_images(home)
    except InputError:  # its images are gone, and perhaps not needed
        project = home
    around = (project, project / "images", home, home / "images", home.parent / "images")
    return ImageFiles(tuple(dict.fromkeys(around)), progress=progress)


def _home_of_images(folder: Path) -> Path:
    """The folder of a project's images, or that of the list that names them; else the folder."""
    home = home_of_images(folder)
    return home if home.is_dir() else home.parent


def with_sizes(table: PointTable, files: ImageFiles, *, needed_by: str | None) -> PointTable:
    """The table with the sizes of the images that are found.

    Args:
        table: with or without sizes.
        files: where the images may be.
        needed_by: the format that cannot do without sizes, or None.

    Raises:
        InputError: a size is needed and not known, or a file has another size than the table says.
    """
    sizes = table.sizes.copy()
    files.read_sizes(table.images)
    for row in one_by_one(files.progress, "Looking for images", range(len(table.images))):
        name = table.images[row]
        known = np.isfinite(sizes[row]).all()
        found = None if known and frame_of(name) else files.size(name)
        if known and found is not None:
            check_size(files, name, sizes[row], found)
        if found is not None:
            sizes[row] = found
        elif not known and needed_by is not None:
            files.needed_size(name, needed_by)
    return replace(table, sizes=sizes)


def check_size(files: ImageFiles, name: str, told: np.ndarray, found: tuple[int, int]) -> None:
    """Raise where a file has another size than its points are said to be of.

    Raises:
        InputError: it has.
    """
    width, height = told
    if (width, height) == found:
        return
    path = files.find(name)
    what_to_do = "bring the images that were annotated"
    if path in files.turned and found == (height, width):
        what_to_do = (
            "the points are counted on the upright picture, so leave --as-stored away"
            if files.as_stored
            else "if the tool did not turn it as its EXIF says, convert with --as-stored"
        )
    raise InputError(
        f"the points on {name!r} are of an image of {width:g} x {height:g}, but {path} has "
        f"{found[0]} x {found[1]}: {what_to_do}"
    )


def _head(path: Path) -> tuple[tuple[int, int], int] | None:
    try:
        return read_stored_size(path)
    except UnreadableImage:  # whoever needs it meets it again
        return None


def _tails(name: str) -> Iterator[str]:
    """A name, and its ends from the longest to that without folders, with "/" between them."""
    if "\0" in name or not name:
        return
    yield name
    parts = PurePosixPath(slashes(name)).parts
    for begin in range(len(parts)):
        tail = "/".join(parts[begin:])
        if tail not in (name, "/") and not tail.startswith("//"):
            yield tail


def composed(name: str) -> str:
    """A name whose letters with accents are one character each, however they came."""
    return unicodedata.normalize("NFC", name)


def _in_any_case(name: str) -> str:
    return composed(name).casefold()


def _names_in(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir())
    except (OSError, ValueError):
        return []


def _images_within(folder: Path) -> tuple[str, ...]:
    """The images in a folder and its folders, relative to it."""
    try:
        images = find_images(folder)
    except InputError:  # there are none
        return ()
    return tuple((images.root / name).relative_to(folder).as_posix() for name in images.names)


def _image_stems(folder: Path) -> dict[str, str]:
    """Names of the images in a folder without their extensions, and these."""
    images = (PurePosixPath(name) for name in reversed(_names_in(folder)))
    return {
        path.stem: path.suffix for path in images if path.suffix.lower() in readable_extensions()
    }
