"""Checks of where results go, made before any work is done."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from warpmarks.errors import InputError
from warpmarks.system.files import check_folder_place
from warpmarks.system.streams import check_stdout, check_written

STDOUT = "-"
"""Stands for stdout where the name of a file is asked for."""


@contextmanager
def file_for_stdout() -> Iterator[Path]:
    """A CSV file that is written to stdout, and removed, when the block has ended well.

    Raises:
        InputError: stdout cannot be written.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "stdout.csv")
        yield path
        with path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        check_written()


def print_record(record: object) -> None:
    """Figures, as JSON, to stdout.

    Raises:
        InputError: it cannot be written.
    """
    import json

    print(json.dumps(record, indent=2))
    check_written()


def check_json(path: Path | None, *, overwrite: bool) -> bool:
    """Whether figures go to stdout.

    Raises:
        InputError: it is closed, or the file that they go to cannot be written.
    """
    to_stdout = path is not None and str(path) == STDOUT
    if to_stdout:
        check_stdout("--json")
    elif path is not None:
        _check_ordinary(path, "--json", stdout=True)
        check_output_file(path, overwrite=overwrite, flag="--json")
    return to_stdout


def check_output_file(path: Path, *, overwrite: bool, flag: str = "--output") -> None:
    """Raise where a result could not be written to ``path`` in the end.

    Raises:
        InputError: it exists and may not be replaced, or its folder is not there or not writable.
    """
    folder = path.parent
    _check_ordinary(path, flag)
    if path.is_dir():
        raise InputError(f"{flag} {path} is a folder: expected the name of a file")
    if path.exists() and not overwrite:
        raise InputError(
            f"{flag} {path} exists: choose another name or replace it with --overwrite"
        )
    if not folder.is_dir():
        raise InputError(f"{flag} {path}: there is no folder {folder}, make it first")
    if not os.access(folder, os.W_OK):
        raise InputError(f"{flag} {path}: the folder {folder} cannot be written")


def check_csv_name(path: Path) -> None:
    """Raise where a CSV file would get the name of something else.

    Raises:
        InputError: the name does not end in .csv, nor is it that of a folder, told of elsewhere.
    """
    _check_ordinary(path, "--output", stdout=True)
    if path.suffix.lower() != ".csv" and not path.is_dir():
        raise InputError(
            f"--output is {path}: expected a name that ends in .csv, of which `warpmarks convert` "
            "makes other formats"
        )


def _check_ordinary(path: Path, flag: str = "", *, stdout: bool = False) -> None:
    """Raise where a file that is written whole and then named would take a device's place."""
    if path.exists() and not path.is_file() and not path.is_dir():
        way = ", or write - for stdout" if stdout else ""
        raise InputError(
            f"{flag} {path} is a device or a pipe, where files are written whole and then get "
            f"their name: name a file{way}".lstrip()
        )


def check_not_input(path: Path, inputs: Iterable[Path]) -> None:
    """Raise where a result would be written over what it is made from.

    Raises:
        InputError: ``path`` is one of the files ``inputs``.
    """
    if path.exists() and any(each.exists() and each.samefile(path) for each in inputs):
        raise InputError(f"--output {path} is one of the files that are read: choose another name")


def check_output_folder(path: Path, *, overwrite: bool, flag: str = "--output") -> None:
    """Raise where ``path`` could not become a folder of results in the end; nothing is made.

    Raises:
        InputError: there is a file, or a folder with something in it that may not be replaced, or
            it cannot be made or written.
    """
    if path.exists() and not path.is_dir():
        raise InputError(f"{flag} {path} is a file: expected the name of a folder")
    # Hidden files are a system's own, or what was left behind by a process that was killed.
    there = path.is_dir() and any(not each.name.startswith(".") for each in path.iterdir())
    if there and not overwrite:
        raise InputError(
            f"{flag} {path} is not empty: choose another folder or replace what is in it "
            "with --overwrite"
        )
    check_folder_place(path, flag=flag)


def check_target(path: Path, *, files: Sequence[str], overwrite: bool) -> None:
    """Raise where B of ``convert A B`` could not be written in the end.

    Args:
        path: B.
        files: patterns of what is written into the folder B; none if B is a file.
        overwrite: whether what is there may be replaced.

    Raises:
        InputError: it exists and may not be replaced, or its folder is not there or not writable.
    """
    _check_ordinary(path)
    if path.is_dir() and not files:
        raise InputError(f"{path} is a folder: expected the name of a file")
    there = [path] if path.is_file() else [found for each in files for found in path.glob(each)]
    if there and not overwrite:
        raise InputError(f"{there[0]} exists: choose another name or replace it with --overwrite")
    folder = path if path.is_dir() else path.parent
    if not folder.is_dir():
        raise InputError(f"{path}: there is no folder {folder}, make it first")
    if not os.access(folder, os.W_OK):
        raise InputError(f"{path}: the folder {folder} cannot be written")


def hand_over(
    record: dict[str, Any],
    json: Path | None,
    folder: Path,
    page: Path | None,
    *,
    replaced: bool = False,
) -> None:
    """Figures to where they were asked for, and where the pictures are.

    Args:
        record: the figures.
        json: where they were asked for; - is stdout, and the rest is then told on stderr.
        folder: of the pictures.
        page: the run's report with them.
        replaced: whether an earlier evaluation was in the folder, though nobody named that.
    """
    from warpmarks.system.files import write_json

    told = sys.stdout
    if json is not None and str(json) == STDOUT:
        told = sys.stderr
        print_record(record)
    elif json is not None:
        write_json(json, record)
        print(f"figures: {json}", file=told)
    if replaced:
        print(f"replaced the evaluation in {folder}: --pictures DIR keeps several", file=told)
    print(f"pictures: {folder}" + (f"; report: {page}" if page else ""), file=told)
