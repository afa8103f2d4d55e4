"""The files of an image set in our layout, and of what a detector finds in it.

    SET/images/         the images, also in folders of their own
    SET/landmarks.csv   optional: points on the images
    SET/split.csv       optional: which image is for what

*landmarks.csv* is comma-separated UTF-8 with one line per image. Its columns:

    image            name of the image relative to images/, with "/" between folders
    x1,y1,...,xN,yN  the points, in pixels of the original image: x to the right, y downwards, pixel
                     centres at integers; both cells of a point empty, NA or NaN: not annotated
    score1,...       only in files of detected landmarks: how sure the detector is of each, from 0
                     to 1; empty: not known

*split.csv* has the columns ``image`` (as above) and ``split`` (any word; usually train or val).
Blanks around the word and after the name are no part of them.

Both may begin with a byte order mark, and may have empty columns at the end, as spreadsheets write.
"""

import csv
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path

import numpy as np
from jaxtyping import Float

from warpmarks.errors import InputError
from warpmarks.system.files import write_csv
from warpmarks.wording import counted

A_LINE_AN_IMAGE = (
    "expected image,x1,y1,x2,y2,... with a line for each image (ImageJ has one for each point)"
)
MISSING = {"", "na", "nan"}  # as spreadsheets, R and pandas write what is not there


@dataclass(frozen=True, eq=False)
class LandmarkTable:
    """Points on images, in pixels of the original image; nan where a point is not annotated.

    Scores are from 0 to 1 and nan where unknown, None where the file has no such columns.
    """

    images: tuple[str, ...]
    points: Float[np.ndarray, "images points 2"]
    scores: Float[np.ndarray, "images points"] | None = None
    lines: tuple[int, ...] = ()
    """Of the file, for messages: where each image is."""


def read_landmarks(path: str | Path) -> LandmarkTable:
    """Read a landmarks.csv.

    Raises:
        InputError: the file cannot be read, or a line of it is wrong; the message names the line.
    """
    path = Path(path)
    rows = _rows(path, "image,x1,y1,...")
    _, header = next(rows)
    count = _count_points(path, header)
    names, lines, values, scores = [], [], [], []
    for line, row in rows:
        names.append(row[0])
        lines.append(line)
        cells = [
            _number(path, line, name, cell) for name, cell in zip(header[1:], row[1:], strict=True)
        ]
        for point in range(count):
            x, y = cells[2 * point], cells[2 * point + 1]
            if math.isnan(x) != math.isnan(y):
                raise InputError(
                    f"{path}, line {line}: only one of x{point + 1} and y{point + 1} is filled: "
                    "fill both, or leave both empty where the point is not annotated"
                )
        for column, score in zip(header[1 + 2 * count :], cells[2 * count :], strict=True):
            if not 0 <= score <= 1 and not math.isnan(score):
                raise InputError(
                    f"{path}, line {line}: {column} is {score:g}: expected 0 (not sure) to 1 "
                    "(sure), so scale the scores or leave their columns away"
                )
        values.append(cells[: 2 * count])
        scores.append(cells[2 * count :])
    scored = len(header) > 1 + 2 * count
    return LandmarkTable(
        tuple(names),
        np.array(values, dtype=np.float64).reshape(len(names), count, 2),
        np.array(scores, dtype=np.float64).reshape(len(names), count) if scored else None,
        tuple(lines),
    )


def write_landmarks(
    path: str | Path,
    names: Sequence[str],
    landmarks: Float[np.ndarray, "images points 2"],
    scores: Float[np.ndarray, "images points"] | None = None,
) -> None:
    """Write a landmarks.csv with three decimals, whole or not at all; nan becomes empty.

    Raises:
        InputError: the file cannot be written.
    """
    values = landmarks.reshape(len(landmarks), 2 * landmarks.shape[1])
    if scores is not None:
        values = np.concatenate([values, scores], axis=1)
    header = landmark_columns(landmarks.shape[1], scores=scores is not None)
    rows = (landmark_row(name, row) for name, row in zip(names, values, strict=True))
    write_csv(Path(path), chain([header], rows))


def landmark_columns(count: int, *, scores: bool) -> list[str]:
    """The header of a landmarks.csv of ``count`` points."""
    numbers = range(1, count + 1)
    header = ["image", *(f"{axis}{number}" for number in numbers for axis in "xy")]
    return header + [f"score{number}" for number in numbers if scores]


def landmark_row(name: str, values: Float[np.ndarray, " values"]) -> list[str]:
    """A line of a landmarks.csv, with three decimals; nan becomes empty."""
    return [name, *(f"{value:.3f}" if math.isfinite(value) else "" for value in values.tolist())]


def read_split(path: str | Path) -> dict[str, str]:
    """Read a split.csv: the split of each image.

    Raises:
        InputError: the file cannot be read, or a line of it is wrong; the message names the line.
    """
    path = Path(path)
    rows = _rows(path, "image,split")
    _, header = next(rows)
    if header != ["image", "split"]:
        raise InputError(f"{path} has the columns {','.join(header)}: expected image,split")
    splits = dict[str, str]()
    for line, row in rows:
        name, split = row[0].rstrip(), row[1].strip()
        if not split:
            raise InputError(
                f"{path}, line {line}: {name} has no split: name one, such as train or val"
            )
        if name in splits:
            raise InputError(
                f"{path}, line {line}: {name} is there already, but for blanks after its name: "
                "keep one of the two"
            )
        splits[name] = split
    return splits


def _rows(path: Path, expected: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of the header and of each row, all of one length, each image once."""
    width, columns, first_lines = 0, 0, dict[str, int]()
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            reader = csv.reader(file, strict=True)
            for row in reader:
                line = reader.line_num
                if not any(row):
                    continue
                if not width:
                    header = _header(path, row, expected)
                    width, columns = len(header), len(row)
                    yield line, header
                    continue
                if not width <= len(row) <= columns or any(cell.strip() for cell in row[width:]):
                    raise InputError(f"{path}, line {line}: {_misfit(row, width)}")
                if not row[0]:
                    raise InputError(
                        f"{path}, line {line}: the name of the image is missing: add it"
                    )
                if row[0] in first_lines:
                    raise InputError(
                        f"{path}, line {line}: {row[0]} is there already, "
                        f"in line {first_lines[row[0]]}: keep one of the two"
                    )
                first_lines[row[0]] = line
                yield line, row[:width]
    except csv.Error as error:
        raise InputError(
            f"{path} is not a table of comma-separated values ({error}): expected {expected}"
        ) from error
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror or error}): expected a table {expected}"
        ) from error
    if not width:
        raise InputError(f"{path} is empty: expected a table {expected}")


def _header(path: Path, row: Sequence[str], expected: str) -> list[str]:
    """The names of columns, without empty ones at the end."""
    header = [cell.strip() for cell in row]
    if "\0" in header[0] and "image" in header[0].replace("\0", ""):
        raise InputError(f"{path} is UTF-16: save it as UTF-8, separated by commas")
    if told := told_of_separator(row, expected):
        raise InputError(f"{path} {told}")
    while len(header) > 1 and not header[-1]:
        header.pop()
    return header


def told_of_separator(row: Sequence[str], expected: str) -> str | None:
    """What separates columns that should be separated by commas; ends a sentence."""
    for separator, name in ((";", "semicolons"), ("\t", "tabs")):
        if len(row) == 1 and separator in row[0]:
            return (
                f"is separated by {name}: expected commas ({expected}), and decimals with a point "
                "(48.25): save it so"
            )
    return None


def told_of_foreign_columns(header: Sequence[str]) -> str | None:
    """Which columns other programs write beside or in place of ours; ends a sentence."""
    if not header[0] and "image" in header[1:2]:
        return (
            "has a column without a name before image, as R writes for names of rows: write it "
            "with row.names = FALSE"
        )
    if {"label", "x", "y"} <= {name.lower() for name in header}:
        return f"has a line for each point: {A_LINE_AN_IMAGE}"
    foreign = [name for name in header[1:] if not re.fullmatch(r"(x|y|score)\d+", name)]
    if header[0] == "image" and foreign and len(foreign) < len(header) - 1:
        return (
            f"has the column {foreign[0]!r}, which is no coordinate: take it out (expected "
            "image,x1,y1,x2,y2,...)"
        )
    return None


def _misfit(row: Sequence[str], width: int) -> str:
    """Why a row is refused that does not have the columns of the header."""
    told = f"{counted(len(row), 'column')}, where the header has {width}: make them the same"
    split = len(row) > width > 2 and all(re.fullmatch(r" *-?\d+ *", cell) for cell in row[1:])
    comma = ", and write decimals with a point (48.25), not with a comma, which separates columns"
    return told + (comma if split else "")


def _count_points(path: Path, header: list[str]) -> int:
    scored = sum(name.startswith("score") for name in header)
    coordinates = len(header) - 1 - scored
    if header == ["image"]:
        raise InputError(
            f"{path} has the column image alone and none of points: expected image,x1,y1,x2,y2,..."
        )
    if told := told_of_foreign_columns(header):
        raise InputError(f"{path} {told}")
    if coordinates % 2:
        raise InputError(
            f"{path} has {counted(coordinates, 'column')} of coordinates, an odd number: "
            "expected image,x1,y1,x2,y2,..."
        )
    wanted = landmark_columns(coordinates // 2, scores=bool(scored))
    if header != wanted or not coordinates:
        found, expected = next(
            ((a, b) for a, b in zip_longest(header, wanted, fillvalue="nothing") if a != b),
            ("nothing", "x1"),
        )
        raise InputError(
            f"{path} has the column {found} in place of {expected}: expected image,x1,y1,x2,y2,..."
        )
    return coordinates // 2


def _number(path: Path, line: int, column: str, cell: str) -> float:
    if cell.strip().lower() in MISSING:
        return math.nan
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or "_" in cell:
        raise InputError(
            f"{path}, line {line}: {cell!r} in column {column} is not a number: "
            "expected pixels such as 48.25, or nothing"
        )
    return value
