"""The history of a project: one line of JSON per change, on disk before anything else is.

A change is made when its line is whole; a line that was cut off in the middle never was one. Undo
and redo are lines too, so what can be undone is known after any restart:

    {"kind": "labels", "image": ..., "before": [...], "after": [...], "what": "nose on 03.png"}
    {"kind": "scheme", "before": {"scheme", "labels"}, "after": {...}, "what": "the points"}
    {"kind": "undo", "of": 12}     {"kind": "redo", "of": 12}
    {"kind": "cut", "what": ...}   what came before it cannot be undone

The number of a change is that of its line, from 1.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from warpmarks.errors import InputError

Change = Mapping[str, Any]


class Journal:
    """Reads and writes history.jsonl.

    Args:
        path: the file, which need not exist.

    Raises:
        InputError: it cannot be read, or a line other than the last is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._changes: list[Change] = []
        self._undo: list[int] = []
        self._redo: list[int] = []
        self._length = 0  # bytes up to the end of the last whole line
        self._read()

    @property
    def last(self) -> int:
        """Number of the newest change; 0 where there is none."""
        return len(self._changes)

    def change(self, number: int) -> Change:
        """The change of that number."""
        return self._changes[number - 1]

    @property
    def undoable(self) -> int | None:
        """The change that undo would take back."""
        return self._undo[-1] if self._undo else None

    @property
    def redoable(self) -> int | None:
        """The change that redo would make again."""
        return self._redo[-1] if self._redo else None

    def append(self, change: Change) -> int:
        """Make a change; its number.

        Raises:
            InputError: it cannot be written, and was not made.
        """
        line = (json.dumps(change) + "\n").encode()
        try:
            with self.path.open("r+b" if self.path.exists() else "wb") as file:
                file.truncate(self._length)
                file.seek(self._length)
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            # Whole on the disk or not, it was not promised: reading it back would make it.
            with suppress(OSError):
                os.truncate(self.path, self._length)
            raise InputError(
                f"{self.path} cannot be written ({error.strerror or error}): make room, then try "
                "again"
            ) from error
        self._length += len(line)
        self._take(change)
        return self.last

    def _read(self) -> None:
        try:
            content = self.path.read_bytes() if self.path.exists() else b""
        except OSError as error:
            raise InputError(f"{self.path} cannot be read ({error.strerror or error})") from error
        lines = content.split(b"\n")
        whole = lines[:-1]  # what follows the last line break was cut off
        for number, line in enumerate(whole, start=1):
            try:
                change = json.loads(line)
                self._take(change)
            except (ValueError, KeyError, TypeError, IndexError) as error:
                raise InputError(
                    f"{self.path}, line {number} is damaged: expected a change as JSON; move the "
                    "file away to go on without what can be undone"
                ) from error
        self._length = sum(len(line) + 1 for line in whole)

    def _take(self, change: Change) -> None:
        match change["kind"]:
            case "labels" | "scheme":
                self._undo.append(self.last + 1)
                self._redo.clear()
            case "undo":
                self._move(change["of"], self._undo, self._redo)
            case "redo":
                self._move(change["of"], self._redo, self._undo)
            case "cut":
                self._undo.clear()
                self._redo.clear()
            case other:
                raise ValueError(other)
        self._changes.append(change)

    @staticmethod
    def _move(number: int, source: list[int], target: list[int]) -> None:
        if source[-1] != number:
            raise ValueError(number)
        target.append(source.pop())
