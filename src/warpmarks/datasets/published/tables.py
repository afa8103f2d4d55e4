"""Reading the text files of published sets: cells between commas or white space, by line."""

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from warpmarks.errors import InputError

_BETWEEN = re.compile(r"[,\s]+")


def rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of each line that is not blank; Windows' line ends are welcome.

    Raises:
        InputError: the file cannot be read, or holds nothing.
    """
    empty = True
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
            for line, content in enumerate(file, start=1):
                cells = _BETWEEN.split(content.strip(", \t\r\n"))
                if cells != [""]:
                    empty = False
                    yield line, cells
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error})") from error
    if empty:
        raise InputError(f"{path} is empty: fetch it again")


def numbers(path: Path, line: int, cells: Sequence[str]) -> Float[np.ndarray, " cells"]:
    """The cells as numbers.

    Raises:
        InputError: one is no number, with its line.
    """
    values = np.empty(len(cells))
    for index, cell in enumerate(cells):
        try:
            value = float(cell)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise InputError(f"{path}, line {line}: {cell!r} is not a number: fetch the file again")
        values[index] = value
    return values


def is_number(cell: str) -> bool:
    """Whether a cell is a number; a header's are not."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


class Once:
    """Notes the line of each name and refuses a second one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: dict[str, int] = {}

    def add(self, name: str, line: int) -> None:
        """Note a name.

        Raises:
            InputError: it is there already.
        """
        first = self._lines.setdefault(name, line)
        if first != line:
            raise InputError(
                f"{self._path}, line {line}: {name} is there already, in line {first}: "
                "keep one of the two"
            )
