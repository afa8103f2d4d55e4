"""A landmarks.csv that grows line by line, is whole or not there, and can be gone on with.

While it grows it is FILE.part: a line of JSON that says what its landmarks come from, and below it
the landmarks.csv so far, with a mark of each image's file as its last column. Complete, it is
copied to FILE without these and removed.
"""

import csv
import json
import os
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Literal, TextIO

import numpy as np
from jaxtyping import Float

from warpmarks.datasets.layout import landmark_columns, landmark_row
from warpmarks.errors import InputError
from warpmarks.system.files import atomic_path, csv_writer
from warpmarks.system.locks import held

_MARK = "mark"


class GrowingLandmarkFile:
    """Writes rows as they come; leaving it before `complete` keeps FILE.part, if it has any rows.

    Attributes:
        done: images that an earlier, interrupted process has written, each with its mark.

    Args:
        path: of the complete file.
        count: number of points.
        scores: whether a score for each point is written too.
        made_by: what the landmarks depend on, as text by the words for another one, such as
            "is of other images"; with another one nothing can go on with the file.
        resume: go on with FILE.part if it is there.
        overwrite: replace FILE.part if it is there.

    Raises:
        InputError: there is a FILE.part but neither ``resume`` nor ``overwrite``, or it is of
            something else, or it cannot be read or written, or another process writes it.
    """

    def __init__(
        self,
        path: Path,
        count: int,
        *,
        scores: bool,
        made_by: Mapping[str, str],
        resume: bool = False,
        overwrite: bool = False,
    ) -> None:
        self.path, self.part = path, part_of(path)
        self._columns = [*landmark_columns(count, scores=scores), _MARK]
        self._made_by = dict(made_by)
        self.done: Mapping[str, str] = {}
        with ExitStack() as until_here:
            lock = path.with_name(f".{self.part.name}.lock")
            until_here.enter_context(
                held(
                    lock,
                    f"{self.part} is being written by another process: wait for it or stop it, or "
                    "choose another --output",
                )
            )
            self._begin(resume=resume, overwrite=overwrite)
            self._alone = until_here.pop_all()
        self.rows = len(self.done)

    def _begin(self, *, resume: bool, overwrite: bool) -> None:
        try:
            if self.part.exists() and not (resume or overwrite):
                raise InputError(self._interrupted())
            if resume and self.part.exists():
                self.done = self._whole_rows()
                self._file = self._open("a")
                self._writer = csv_writer(self._file)
            else:
                self._file = self._open("w")
                about = {"unfinished": self.path.name, "made_by": self._made_by}
                self._file.write(json.dumps(about) + "\n")
                self._writer = csv_writer(self._file)
                self._writer.writerow(self._columns)
        except OSError as error:
            raise self._cannot(error) from error

    def write(
        self,
        name: str,
        points: Float[np.ndarray, "points 2"],
        scores: Float[np.ndarray, " points"] | None = None,
        *,
        mark: str = "",
    ) -> None:
        """Add the line of one image, in pixels of it, and what is to be known of its file.

        Raises:
            InputError: it cannot be written.
        """
        values = points.reshape(-1)
        row = landmark_row(name, values if scores is None else np.concatenate([values, scores]))
        try:
            self._writer.writerow([*row, mark])
        except OSError as error:
            raise self._cannot(error) from error
        self.rows += 1

    def flush(self) -> None:
        """Hand what was written to the system: it then outlives this process.

        Raises:
            InputError: it cannot be written.
        """
        try:
            self._file.flush()
        except OSError as error:
            raise self._cannot(error) from error

    def complete(self) -> None:
        """Give the file its name, replacing what is there."""
        self.flush()
        self._file.close()
        with (
            atomic_path(self.path) as temporary,
            _open(self.part, "r") as grown,
            _open(temporary, "w") as file,
        ):
            grown.readline()
            csv_writer(file).writerows(row[:-1] for row in csv.reader(grown))
        self.part.unlink()

    def __enter__(self) -> "GrowingLandmarkFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._alone:
            with suppress(OSError):  # a full disk has been told of already
                self._file.close()
            if not self.rows:
                self.part.unlink(missing_ok=True)

    def _interrupted(self) -> str:
        with self.part.open("rb") as file:
            if not self._differences(file):
                return (
                    f"{self.part} is of a detection that was interrupted: go on with --resume, or "
                    "start anew with --overwrite"
                )
        return (
            f"{self.part} is of another detection that was interrupted: choose another --output, "
            "or start anew with --overwrite"
        )

    def _differences(self, file: BinaryIO) -> list[str]:
        """How a file differs from what this one would be, by its first lines; they are read."""
        about, columns = (file.readline().decode("utf-8", "surrogateescape") for _ in range(2))
        made_by = _made_by(about)
        if made_by is None or made_by.keys() != self._made_by.keys():
            return ["is of another version of warpmarks, or is damaged"]
        told = [words for words, value in self._made_by.items() if made_by[words] != value]
        if not told and columns.rstrip("\n") != ",".join(self._columns):
            told = ["was made with other flags"]
        return told

    def _whole_rows(self) -> dict[str, str]:
        """The images in FILE.part, which is cut after its last whole row, and their marks."""
        with self.part.open("rb+") as file:
            if told := self._differences(file):
                raise InputError(
                    f"{self.part} {' and '.join(told)}: repeat the command that was interrupted, "
                    "or start anew with --overwrite"
                )
            file.truncate(_end_of_rows(file))
        with self._open("r") as text:
            text.readline()
            rows = csv.reader(text)
            next(rows)
            return {row[0]: row[-1] for row in rows}

    def _open(self, mode: Literal["a", "w", "r"]) -> TextIO:
        return _open(self.part, mode)

    def _cannot(self, error: OSError) -> InputError:
        return InputError(
            f"{self.part} cannot be written ({error.strerror or os.strerror(error.errno or 0)}): "
            "make room or choose another place, then go on with --resume"
        )


def _open(path: Path, mode: Literal["a", "w", "r"]) -> TextIO:
    return path.open(mode, encoding="utf-8", errors="surrogateescape", newline="")


def _made_by(about: str) -> dict[str, Any] | None:
    try:
        told = json.loads(about)["made_by"]
    except (ValueError, TypeError, KeyError):
        return None
    return told if isinstance(told, dict) else None


def _end_of_rows(file: BinaryIO) -> int:
    """Where the last whole row ends; a line break inside quotes, as in a name, ends none."""
    end = offset = file.tell()
    quoted = False
    for line in file:
        offset += len(line)
        quoted ^= bool(line.count(b'"') % 2)
        if line.endswith(b"\n") and not quoted:
            end = offset
    return end


def part_of(path: Path) -> Path:
    """Where a file grows before it has its name."""
    return path.with_name(f"{path.name}.part")
