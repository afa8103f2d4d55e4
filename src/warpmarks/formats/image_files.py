"""Finding image files, for the sizes that some formats need and do not hold."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import numpy as np

from warpmarks.datasets.decoders import readable_extensions
from warpmarks.datasets.image_set import is_file
from warpmarks.datasets.reading import read_size
from warpmarks.datasets.videos import frame_of, is_video_name
from warpmarks.errors import InputError
from warpmarks.formats.table import PointTable
from warpmarks.formats.telling import one_by_one
from warpmarks.progress import Progress, SilentProgress


@dataclass
class ImageFiles:
    """Folders in which images may be, in the order in which they are searched.

    An image ``a/b.jpg`` is looked for as ``folder/a/b.jpg``, then as ``folder/b.jpg``.

    Attributes:
        folders: in which images may be.
        video: whose frames the images are.
        progress: told of the images while they are gone through.
        measure: gives width and height of a video's frames, upright; if None, they have no size.
        frame_times: gives the seconds of each frame that a video stores, None of one without; if
            None, or where the video cannot be read, nothing is compared with them.
    """

    folders: tuple[Path, ...] = ()
    video: Path | None = None
    progress: Progress = field(default_factory=SilentProgress)
    measure: Callable[[Path], tuple[int, int]] | None = None
    frame_times: Callable[[Path], Sequence[float | None]] | None = None
    _sizes: dict[str, tuple[int, int] | None] = field(default_factory=dict)
    _listings: dict[Path, dict[str, str]] = field(default_factory=dict)

    def find(self, name: str) -> Path | None:
        """The file of an image."""
        for folder in self.folders:
            for tail in dict.fromkeys((name, PurePosixPath(name).name)):
                path = folder / tail
                if tail and "\0" not in tail and is_file(path):
                    return path
        return None

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
        if name not in self._sizes:
            path = self.find(name)
            height_and_width = read_size(path) if path else None
            self._sizes[name] = height_and_width and height_and_width[::-1]
        return self._sizes[name]

    def _frame_size(self, video: str) -> tuple[int, int] | None:
        if video not in self._sizes:
            path = self.find(video)
            try:
                self._sizes[video] = self.measure(path) if path and self.measure else None
            except InputError:
                self._sizes[video] = None
        return self._sizes[video]

    def needed_size(self, name: str, why: str) -> tuple[int, int]:
        """Width and height of an image.

        Raises:
            InputError: it is not found; ``why`` says what its size is needed for.
        """
        size = self.size(name)
        if size is None:
            frame = frame_of(name)
            if frame and self.measure and (path := self.find(frame[0])):
                return self.measure(path)  # says why it cannot be read
            searched = " or ".join(dict.fromkeys(map(str, self.folders))) or "no folder"
            raise InputError(
                f"{why} needs the size of {name!r}, which is not in {searched}: "
                f"name the {'video' if frame else 'folder of the images'} with --images"
            )
        return size


def images_beside(
    path: Path, given: Path | None = None, progress: Progress | None = None
) -> ImageFiles:
    """Where the images of an annotation file may be: the folder given, else around the file.

    A video may be given in place of a folder, for points on its frames. ``progress`` is told of
    the images while they are gone through.

    Raises:
        InputError: the folder given does not exist.
    """
    progress = progress or SilentProgress()
    if given is not None:
        if is_video_name(given) and given.is_file():
            return ImageFiles((given.parent,), given, progress)
        if not given.exists():
            what = "the video or the folder" if is_video_name(given) else "the folder"
            raise InputError(f"--images {given} does not exist: name {what} of the images")
        if not given.is_dir():
            raise InputError(f"--images {given} is no folder: name the folder of the images")
        inside = (given / "images",) if (given / "images").is_dir() else ()
        return ImageFiles((given, *inside), progress=progress)
    home = path if path.is_dir() else path.parent
    return ImageFiles((home, home / "images", home.parent / "images"), progress=progress)


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
    for row in one_by_one(files.progress, "Looking for images", range(len(table.images))):
        name = table.images[row]
        known = np.isfinite(sizes[row]).all()
        found = None if known and frame_of(name) else files.size(name)
        if known and found is not None and tuple(sizes[row]) != found:
            width, height = sizes[row]
            raise InputError(
                f"the points on {name!r} are of an image of {width:g} x {height:g}, but "
                f"{files.find(name)} has {found[0]} x {found[1]}: bring the images that were "
                "annotated"
            )
        if found is not None:
            sizes[row] = found
        elif not known and needed_by is not None:
            files.needed_size(name, needed_by)
    return replace(table, sizes=sizes)


def _image_stems(folder: Path) -> dict[str, str]:
    """Names of the images in a folder without their extensions, and these."""
    try:
        names = sorted((path.name for path in folder.iterdir()), reverse=True)
    except (OSError, ValueError):
        return {}
    images = (PurePosixPath(name) for name in names)
    return {
        path.stem: path.suffix for path in images if path.suffix.lower() in readable_extensions()
    }
