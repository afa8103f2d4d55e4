"""Files and folders that are written whole or not at all, and the files of a folder."""

import csv
import errno
import glob
import io
import json
import os
import re
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from warpmarks.errors import InputError

PARTIAL = ".partial"
"""Ends the name of a folder that is being made, which begins with a dot."""

_STALE_SECONDS = 3600.0  # a writer at work writes far more often


def cannot_write(path: Path, error: OSError) -> InputError:
    """What to raise where a file or folder cannot be written."""
    return InputError(
        f"{path} cannot be written ({error.strerror or error}): choose another place or make room, "
        "then try again"
    )


@contextmanager
def atomic_path(path: Path, *, sync: bool = True) -> Iterator[Path]:
    """Yield a temporary sibling of ``path`` that takes its place when the block ends well.

    A symbolic link stays, and what it leads to is replaced.

    Args:
        path: where the file is to be.
        sync: wait until it is on the disk; thousands of files in a row do without.

    Raises:
        InputError: the file cannot be written (no such folder, no permission, disk full); what
            stood at ``path`` before is untouched.
    """
    target = path.resolve() if path.is_symlink() else path
    temporary = target.parent / f".{target.name}.{secrets.token_hex(4)}{path.suffix}"
    try:
        temporary.touch(exist_ok=False)
        # That of any new file here, whatever those who write it may make of it.
        mode = stat.S_IMODE(temporary.stat().st_mode)
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        yield temporary
        if sync:
            with temporary.open("rb+") as written:
                os.fsync(written.fileno())
        temporary.chmod(mode)
        temporary.replace(target)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def remove_left_behind(path: Path) -> None:
    """Remove what killed processes left of the file that `atomic_path` was to make at ``path``.

    Only what nobody has written to for an hour is taken for theirs.
    """
    left = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{8}}{re.escape(path.suffix)}")
    with suppress(OSError):
        for each in path.parent.iterdir():
            if left.fullmatch(each.name) and time.time() - each.stat().st_mtime > _STALE_SECONDS:
                each.unlink(missing_ok=True)


def remove_partial_folders(home: Path, of: str = "") -> None:
    """Remove what killed makers left behind in ``home``, of folders whose names begin with ``of``.

    Only what nobody has written to for an hour is taken for theirs.
    """
    for left in home.glob(f".{glob.escape(of)}*{PARTIAL}"):
        with suppress(OSError):
            written = max(file.stat().st_mtime for file in (left, *left.iterdir()))
            if time.time() - written > _STALE_SECONDS:
                shutil.rmtree(left, ignore_errors=True)


def write_text(path: Path, text: str, *, sync: bool = True) -> None:
    """Write a text file whole or not at all.

    Args:
        path: where the file is to be.
        text: what is in it.
        sync: as in `atomic_path`.
    """
    with atomic_path(path, sync=sync) as temporary:
        temporary.write_text(text, encoding="utf-8")


class _Lines:
    def __init__(self, file: TextIO | io.StringIO) -> None:
        self._file = file

    def write(self, line: str) -> int:
        return self._file.write(line.removesuffix("\r\n") + "\n")


def csv_writer(file: TextIO | io.StringIO) -> Any:
    """Writes rows of comma-separated values, in lines that end with a line feed alone.

    A name with a carriage return is put in quotes, which `csv.writer` does only where that may end
    a line.
    """
    return csv.writer(_Lines(file), lineterminator="\r\n")


def write_csv(path: Path, rows: Iterable[Iterable[object]]) -> None:
    """Write rows of comma-separated values, whole or not at all; names of files may be no text."""
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file,
    ):
        csv_writer(file).writerows(rows)


def write_json(path: Path, value: object) -> None:
    """Write plain JSON, indented, whole or not at all."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def refuse_other_format(written: object, known: int, path: Path, again: str) -> None:
    """Raise where a record says that it is of another format than ``known``.

    Args:
        written: the record as it was read, plain JSON.
        known: the format that is read.
        path: of the file, for the message.
        again: what to do where an earlier version wrote it.

    Raises:
        InputError: it is of another one.
    """
    found = written.get("format") if isinstance(written, dict) else None
    if isinstance(found, int) and found != known:
        whose, remedy = ("a later", "upgrade warpmarks") if found > known else ("an earlier", again)
        raise InputError(
            f"{path}: written in format {found} by {whose} warpmarks, this one reads format "
            f"{known}: {remedy}"
        )


def replace_folder(fresh: Path, target: Path, *, old: Path | None = None) -> None:
    """Give a complete folder its place, where another one may be.

    Args:
        fresh: the folder, on the same disk as its place.
        target: its place.
        old: where the folder that was there is afterwards; it is deleted if None.

    Raises:
        OSError: it cannot be done; what was there is as it was.
    """
    if not target.exists():
        fresh.rename(target)
    elif old is not None:
        _exchange(fresh, target, old)
    else:
        aside = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
        try:
            _exchange(fresh, target, aside / "old")
        except BaseException:
            with suppress(OSError):  # what was there could not be put back and is kept in it
                aside.rmdir()
            raise
        shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def fresh_folder(target: Path) -> Iterator[Path]:
    """Yield an empty hidden folder that takes the place of ``target`` when the block ends well.

    Args:
        target: where the folder is to be, which is replaced; those above it are made.

    Raises:
        InputError: it cannot be written; what was there is as it was.
    """
    home = target.parent
    try:
        home.mkdir(parents=True, exist_ok=True)
        remove_partial_folders(home, f"{target.name}.")  # others may be somebody else's
        made = Path(tempfile.mkdtemp(dir=home, prefix=f".{target.name}.", suffix=PARTIAL))
        try:
            fresh = made / "new"  # which others may read, unlike the folder around it
            fresh.mkdir()
            yield fresh
            replace_folder(fresh, target)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    except OSError as error:
        raise cannot_write(target, error) from error


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, where they are not there.

    Raises:
        InputError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be made ({error.strerror or error})") from error


def check_folder_place(folder: Path, *, flag: str = "") -> None:
    """Raise where a folder could not be made or written in the end; nothing is made.

    Raises:
        InputError: a file is in the way, the folder that it would be in cannot be written, or the
            system takes no such name.
    """
    try:
        there = next(each for each in (folder, *folder.parents) if _exists(each))
        if not there.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if not os.access(there, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise InputError(
            f"{flag} {folder} cannot be written ({error.strerror}): choose another".lstrip()
        ) from error


def files_below(folder: Path, wanted: Callable[[str], bool]) -> Iterator[Path]:
    """The files of a folder and its folders whose names are wanted.

    Hidden files and folders are passed over, and links to folders.

    Raises:
        InputError: one of the folders cannot be read.
    """

    def refuse(error: OSError) -> None:
        raise InputError(
            f"{error.filename} cannot be searched ({error.strerror}): make it readable or leave it "
            "out"
        ) from error

    for home, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(home, name)
            if wanted(name) and not name.startswith(".") and path.is_file():
                yield path


def _exists(path: Path) -> bool:
    """Whether there is something, if only a link that leads nowhere."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _exchange(fresh: Path, target: Path, old: Path) -> None:
    target.rename(old)
    try:
        fresh.rename(target)
    except BaseException:
        old.rename(target)
        raise
