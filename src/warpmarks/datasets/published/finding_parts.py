"""Finding the parts of a published set in the folders that the user has, however they are nested.

Archives unpack into folders of their own, copies rename and nest them: what is looked for is found
by the end of its path, up to `DEPTH` folders deep, upper and lower case alike.
"""

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from warpmarks.datasets.decoders import readable_extensions
from warpmarks.errors import InputError
from warpmarks.wording import be, counted

DEPTH = 3


class Places:
    """The folders that hold one set, and the folders in them; nearer ones come first.

    Raises:
        InputError: one of them is not a folder, or cannot be searched.
    """

    def __init__(self, roots: Sequence[str | Path]) -> None:
        self.roots = tuple(dict.fromkeys(Path(root) for root in roots))
        for root in self.roots:
            if not root.is_dir():
                raise InputError(
                    f"{root} is not a folder: give the folder that the image set was unpacked into"
                )
        self._folders = list(_folders_in(self.roots))

    @property
    def text(self) -> str:
        """The folders, for messages."""
        return " and ".join(str(root) for root in self.roots)

    @property
    def have(self) -> str:
        """The folders and their verb, to begin a message about what they lack."""
        return f"{self.text} {'has' if len(self.roots) == 1 else 'have'}"

    def folders(self) -> list[Path]:
        """All of them."""
        return [folder for folder, _ in self._folders]

    def folder(self, end: str, holding: Iterable[str]) -> Path | None:
        """The first folder whose path ends with ``end`` and that holds a file with an extension."""
        wanted = tuple(part.casefold() for part in PurePosixPath(end).parts)
        extensions = tuple(holding)
        for folder, parts in self._folders:
            if parts[-len(wanted) :] == wanted and _holds(folder, extensions):
                return folder
        return None

    def file(self, *names: str, inside: str | None = None) -> Path | None:
        """The first file with one of these names, those in a folder called ``inside`` first.

        An earlier name wins over a later one.
        """
        for name in names:
            found = [
                (parts[-1] != inside.casefold() if inside is not None else False, folder / name)
                for folder, parts in self._folders
                if (folder / name).is_file()
            ]
            if found:
                return min(found, key=lambda entry: entry[0])[1]
        return None

    def require_folder(self, end: str, holding: Iterable[str], what: str) -> Path:
        """The folder, see `folder`.

        Raises:
            InputError: there is none; ``what`` says what it holds.
        """
        found = self.folder(end, holding)
        if found is None:
            raise InputError(f"{self.have} no folder {end} with {what}: unpack it there")
        return found

    def require_file(self, *names: str, what: str, inside: str | None = None) -> Path:
        """The file, see `file`.

        Raises:
            InputError: there is none; ``what`` says what it holds and where it comes from.
        """
        found = self.file(*names, inside=inside)
        if found is None:
            raise InputError(f"{self.have} no file {names[0]}, {what}: put it there")
        return found


class ImagesByName:
    """Image files of a folder by name: upper and lower case alike, and with any extension.

    A list may say a.jpg where the copy has a.JPG or a.png.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._by_name: dict[str, dict[str, Path]] = {}

    def find(self, name: str) -> Path | None:
        """The file of an image, by its name relative to the folder."""
        inner, _, base = name.rpartition("/")
        if inner not in self._by_name:
            self._by_name[inner] = _images_by_name(_inner_folder(self.folder, inner))
        files = self._by_name[inner]
        return files.get(base.casefold()) or files.get(_stem(base.casefold()))


def missing(count: int, where: Path, table: Path, example: str) -> str:
    """The sentence about images that a table names and that are not there."""
    images = counted(count, "image")
    return f"{images} that {table} names {be(count)} not in {where}, such as {example}"


def _folders_in(roots: Sequence[Path]) -> Iterator[tuple[Path, tuple[str, ...]]]:
    waiting = deque((root, 0) for root in roots)
    visited: set[tuple[int, int]] = set()
    while waiting:
        folder, depth = waiting.popleft()
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in visited:
                continue
            visited.add((status.st_dev, status.st_ino))
            yield folder, tuple(part.casefold() for part in folder.resolve().parts)
            if depth < DEPTH:
                with os.scandir(folder) as entries:
                    inner = sorted(
                        entry.name
                        for entry in entries
                        if not entry.name.startswith(".") and entry.is_dir()
                    )
                waiting.extend((folder / name, depth + 1) for name in inner)
        except OSError as error:
            raise InputError(
                f"{folder} cannot be searched ({error.strerror or error}): make it readable"
            ) from error


def _holds(folder: Path, extensions: tuple[str, ...]) -> bool:
    with os.scandir(folder) as entries:
        return any(
            entry.name.casefold().endswith(extensions) and not entry.name.startswith(".")
            for entry in entries
        )


def _inner_folder(folder: Path, inner: str) -> Path:
    for part in PurePosixPath(inner).parts:
        exact = folder / part
        alike = (
            entry
            for entry in sorted(folder.iterdir() if folder.is_dir() else ())
            if entry.name.casefold() == part.casefold()
        )
        folder = exact if exact.is_dir() else next(alike, exact)
    return folder


def _images_by_name(folder: Path) -> dict[str, Path]:
    """The image files of a folder by their name and by their stem, in lower case."""
    if not folder.is_dir():
        return {}
    extensions = readable_extensions()
    files: dict[str, Path] = {}
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries)
    for name in names:
        lower = name.casefold()
        if not name.startswith(".") and lower[len(_stem(lower)) :] in extensions:
            files[lower] = folder / name
            files.setdefault(_stem(lower), folder / name)
    return files


def _stem(name: str) -> str:
    return name[: -len(suffix)] if (suffix := PurePosixPath(name).suffix) else name
