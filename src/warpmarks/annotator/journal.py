"""The history of a project: one line of JSON per change, on disk before anything else is.

A change is made when its line is whole; a line that was cut off in the middle never was one. Undo
and redo are lines too, so what can be undone is known after any restart:

    {"kind": "labels", "image": ..., "before": [...], "after": [...], "what": "nose on 03.png",
     "size_before": [640, 480], "size": [640, 480]}   of the image then, where it is known
    {"kind": "scheme", "before": scheme, "after": scheme, "was": [0, null, 2],
     "gone": {image: {"1": point}}, "what": "the points' definition"}
    {"kind": "undo", "of": 12}     {"kind": "redo", "of": 12}
    {"kind": "cut", "after": {"scheme", "labels", "sizes"}, "what": ...}   what came before it
                                                                           cannot be undone
    {"kind": "base", "after": {"scheme", "labels", "sizes"}}   changes nothing: all that there is

A change of the scheme holds the labels of points that go away, and no others. The number of a
change is that of its line, from 1.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from warpmarks.annotator.records import check_change
from warpmarks.errors import InputError

Change = Mapping[str, Any]


class Entry(NamedTuple):
    """What is kept in memory of a change; the rest is read again when it is asked for.

    Attributes:
        kind: labels or scheme, also where such a change is undone or made again; else its own.
        image: whose labels were changed, if any.
        begin: its first byte in the file.
        end: behind its last byte.
    """

    kind: str
    image: str | None
    begin: int
    end: int


class Journal:
    """Reads and writes history.jsonl.

    Args:
        path: the file, which need not exist.

    Raises:
        InputError: it cannot be read, or a line other than the last is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._entries: list[Entry] = []
        self._undo: list[int] = []
        self._redo: list[int] = []
        self._length = 0  # bytes up to the end of the last whole line
        self._read()

    @property
    def last(self) -> int:
        """Number of the newest change; 0 where there is none."""
        return len(self._entries)

    def entry(self, number: int) -> Entry:
        """What is known of the change of that number without reading it."""
        return self._entries[number - 1]

    def change(self, number: int) -> Change:
        """The change of that number.

        Raises:
            InputError: it cannot be read.
        """
        entry = self.entry(number)
        try:
            with self.path.open("rb") as file:
                file.seek(entry.begin)
                change: Change = json.loads(file.read(entry.end - entry.begin))
        except OSError as error:
            raise self._unreadable(error) from error
        except ValueError as error:
            raise self._damaged(number) from error
        return change

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
        self._take(change, len(line))
        return self.last

    def _read(self) -> None:
        if not self.path.exists():
            return
        try:
            with self.path.open("rb") as file:
                for line in file:
                    if line.endswith(b"\n"):  # else it was cut off
                        change = json.loads(line)
                        check_change(change)
                        self._take(change, len(line))
        except OSError as error:
            raise self._unreadable(error) from error
        except (ValueError, IndexError, RecursionError) as error:
            raise self._damaged(self.last + 1) from error

    def _unreadable(self, error: OSError) -> InputError:
        return InputError(f"{self.path} cannot be read ({error.strerror or error})")

    def _damaged(self, number: int) -> InputError:
        return InputError(
            f"{self.path}, line {number} is damaged: expected a change as JSON; move the file away "
            "to go on without what can be undone"
        )

    def _take(self, change: Change, size: int) -> None:
        kind, image = change["kind"], change.get("image")
        match kind:
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
            case "base":
                pass
            case other:
                raise ValueError(other)
        if kind in {"undo", "redo"}:
            kind, image, *_ = self.entry(change["of"])
        self._entries.append(Entry(kind, image, self._length, self._length + size))
        self._length += size

    @staticmethod
    def _move(number: int, source: list[int], target: list[int]) -> None:
        if source[-1] != number:
            raise ValueError(number)
        target.append(source.pop())
