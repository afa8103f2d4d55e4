"""A landmarks.csv that grows line by line, is whole or not there, and can be gone on with.

While it grows it is FILE.part: a line of JSON that says what its landmarks come from, and below it
the landmarks.csv so far. Complete, it is copied to FILE without that line and removed.
"""

import csv
import json
import os
import shutil
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal, TextIO

import numpy as np
from jaxtyping import Float

from warpmarks.datasets.layout import landmark_columns, landmark_row
from warpmarks.errors import InputError
from warpmarks.files import atomic_path, csv_writer
from warpmarks.locks import held


class GrowingLandmarkFile:
    """Writes rows as they come; leaving it before `complete` keeps FILE.part, if it has any rows.

    Attributes:
        done: names of the images that an earlier, interrupted process has written.

    Args:
        path: of the complete file.
        count: number of points.
        scores: whether a score for each point is written too.
        made_by: what the landmarks depend on, as text; another one cannot go on with the file.
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
        made_by: str,
        resume: bool = False,
        overwrite: bool = False,
    ) -> None:
        self.path, self.part = path, part_of(path)
        self._columns = landmark_columns(count, scores=scores)
        self._about = json.dumps({"unfinished": path.name, "made_by": made_by})
        self.done: frozenset[str] = frozenset()
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
                self.done = frozenset(self._whole_rows())
                self._file = self._open("a")
                self._writer = csv_writer(self._file)
            else:
                self._file = self._open("w")
                self._file.write(self._about + "\n")
                self._writer = csv_writer(self._file)
                self._writer.writerow(self._columns)
        except OSError as error:
            raise self._cannot(error) from error

    def write(
        self,
        name: str,
        points: Float[np.ndarray, "points 2"],
        scores: Float[np.ndarray, " points"] | None = None,
    ) -> None:
        """Add the line of one image, in pixels of it."""
        values = points.reshape(-1)
        row = landmark_row(name, values if scores is None else np.concatenate([values, scores]))
        try:
            self._writer.writerow(row)
        except OSError as error:
            raise self._cannot(error) from error
        self.rows += 1

    def flush(self) -> None:
        """Hand what was written to the system: it then outlives this process."""
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
            self.part.open("rb") as grown,
            temporary.open("wb") as file,
        ):
            grown.readline()
            shutil.copyfileobj(grown, file, 1 << 20)
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
            if self._is_head(file):
                return (
                    f"{self.part} is of a detection that was interrupted: go on with --resume, or "
                    "start anew with --overwrite"
                )
        return (
            f"{self.part} is of another detection that was interrupted: choose another --output, "
            "or start anew with --overwrite"
        )

    def _is_head(self, file: BinaryIO) -> bool:
        """Whether a file begins with the lines that this one does; they are read."""
        lines = [file.readline().decode("utf-8", "surrogateescape").rstrip("\n") for _ in range(2)]
        return lines == [self._about, ",".join(self._columns)]

    def _whole_rows(self) -> list[str]:
        """Names of the images in FILE.part, which is cut after its last whole row."""
        with self.part.open("rb+") as file:
            if not self._is_head(file):
                raise InputError(
                    f"{self.part} is of other images, or was made by another detector or with "
                    "other flags: repeat the command that was interrupted, or start anew with "
                    "--overwrite"
                )
            file.truncate(_end_of_rows(file))
        with self._open("r") as text:
            text.readline()
            rows = csv.reader(text)
            next(rows)
            return [row[0] for row in rows]

    def _open(self, mode: Literal["a", "w", "r"]) -> TextIO:
        return self.part.open(mode, encoding="utf-8", errors="surrogateescape", newline="")

    def _cannot(self, error: OSError) -> InputError:
        return InputError(
            f"{self.part} cannot be written ({error.strerror or os.strerror(error.errno or 0)}): "
            "make room or choose another place, then go on with --resume"
        )


def _end_of_rows(file: BinaryIO) -> int:
    """Where the last whole row ends; a line break inside quotes, as in a name, ends none."""
    end = place = file.tell()
    quoted = False
    for line in file:
        place += len(line)
        quoted ^= bool(line.count(b'"') % 2)
        if line.endswith(b"\n") and not quoted:
            end = place
    return end


def part_of(path: Path) -> Path:
    """Where a file grows before it has its name."""
    return path.with_name(f"{path.name}.part")
