"""DeepLabCut's CSV: three header rows (scorer, bodyparts, coords), one row per image.

Images stand in the first column as paths, or in the first three as labeled-data, video and image,
which newer versions write; both are read, and the first is written, which every version reads.
With ``likelihood`` beside x and y where there are scores. Files of several animals (a fourth header
row) are read if only one of them has points, on whatever images: a project names all its animals in
every file. Frames of one video stand by their numbers, as in the
files that DeepLabCut writes when it analyses a video. Other columns than x, y, likelihood and
visible (those of ensembles) are skipped.

Pixels: as ours. People label in napari, whose pixel centres are at integers (napari issue 310), and
the maintainers count the first pixel as (0, 0) (DeepLabCut issue 2906).
"""

import csv
import io
import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from warpmarks.datasets.videos import frame_of
from warpmarks.errors import InputError
from warpmarks.formats.image_files import ImageFiles
from warpmarks.formats.sources import (
    check_slashes,
    check_texts,
    decimal,
    filled,
    number,
    read_text,
    slashes,
    whole,
)
from warpmarks.formats.table import (
    HIDDEN,
    HIGHEST_PEAK,
    UNLABELLED,
    VISIBLE,
    ImagePoints,
    PointTable,
    assemble,
    check_room,
    empty_row,
    scores_of_peaks,
)
from warpmarks.system.files import write_text
from warpmarks.wording import counted

KIND = "a CSV file with the header rows scorer, bodyparts and coords"
SCORER = "warpmarks"
_READ = ("x", "y", "likelihood", "visible")


def read(path: Path, files: ImageFiles) -> PointTable:
    """Read labels or predictions.

    Raises:
        InputError: the header or a cell is wrong; the message names the line.
    """
    lines = _lines(path)
    header, animals = _header(path, lines)
    index = _index_columns(header)
    used = list(range(index, len(header[0])))
    if len({animals[column] for column in used}) > 1:
        lines, of_all = itertools.tee(lines)
        used = _of_one_animal(path, header, animals, (cells for _, cells in of_all))
    names, columns = _columns(path, header, used)
    rows = []
    for line, cells in lines:
        if not any(cells):
            continue
        if index == 1 and files.video is not None and cells[0].isdecimal():
            cells[0] = files.frame(cells[0])
        if len(cells) != len(header[0]):
            raise InputError(
                f"{path}, line {line}: {counted(len(cells), 'column')}, where the header has "
                f"{len(header[0])}: make them the same"
            )
        rows.append(_row(f"{path}, line {line}", cells, index, names, columns))
        check_room(len(rows), len(names), source=str(path))
    return assemble(names, rows, source=str(path), scorer=header[0][index])


def write(path: Path, table: PointTable) -> None:
    """Write labels, with ``likelihood`` if there are scores; the scorer is `SCORER` if not known.

    Raises:
        InputError: a name cannot be held, or the file cannot be written.
    """
    values = [table.points]
    coords = ["x", "y"]
    if table.scores is not None:
        coords.append("likelihood")
        values.append(table.scores[..., None])
    write_table(path, table, coords, np.concatenate(values, axis=2), "DeepLabCut's CSV")


def write_table(
    path: Path, table: PointTable, coords: Sequence[str], values: np.ndarray, kind: str
) -> None:
    """Write three header rows and ``values`` (images, points, coords); nan becomes empty."""
    scorer = table.scorer or SCORER
    check_texts([*table.names, scorer], what="name", kind=kind)
    check_texts(table.images, what="image", kind=kind)
    check_slashes(table.images, kind)
    count = len(table.names)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["scorer"] + [scorer] * count * len(coords))
    writer.writerow(["bodyparts"] + [name for name in table.names for _ in coords])
    writer.writerow(["coords"] + list(coords) * count)
    for name, row in zip(_index(table.images), values.reshape(len(values), -1), strict=True):
        writer.writerow([name, *(decimal(cell) if np.isfinite(cell) else "" for cell in row)])
    write_text(path, text.getvalue())


def _index(images: Sequence[str]) -> Sequence[str]:
    """Images by name, or by number if they are frames of one video."""
    frames = [frame_of(name) for name in images]
    if None in frames or len({frame[0] for frame in frames if frame}) != 1:
        return images
    return [str(frame[1]) for frame in frames if frame]


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(read_text(path, KIND), newline=""), strict=True)
    try:
        for cells in reader:
            yield reader.line_num, cells
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: {error}: expected {KIND}") from error


def _header(
    path: Path, lines: Iterator[tuple[int, list[str]]]
) -> tuple[list[list[str]], list[str]]:
    """The rows scorer, bodyparts and coords, and the animal of each column."""
    titles = ["scorer", "bodyparts", "coords"]
    rows = [next(lines, (0, [""]))[1] for _ in titles]
    if rows[1][:1] == ["individuals"]:
        titles.insert(1, "individuals")
        rows.append(next(lines, (0, [""]))[1])
    for title, cells in zip(titles, rows, strict=True):
        if cells[:1] != [title]:
            found = cells[0] if cells else ""
            raise InputError(
                f"{path} has {found!r} where its header row {title} begins: expected {KIND}"
            )
    if len({len(cells) for cells in rows}) != 1:
        raise InputError(f"{path}: the header rows have different lengths: expected {KIND}")
    animals = rows.pop(1) if len(rows) == 4 else [""] * len(rows[0])
    return rows, animals


def _of_one_animal(
    path: Path, header: list[list[str]], animals: list[str], rows: Iterable[list[str]]
) -> list[int]:
    """The columns of the only animal with points."""
    placed = {
        column
        for cells in rows
        for column, (cell, coordinate) in enumerate(zip(cells, header[2], strict=False))
        if coordinate in ("x", "y") and filled(cell)
    }
    index = _index_columns(header)
    found = {animals[column] for column in placed if column >= index}
    if len(found) != 1:
        named = sorted(found or set(animals[index:]))
        raise InputError(
            f"{path} has {'points' if found else 'no points'} of the animals "
            f"{', '.join(map(repr, named))}: expected one object on each image, so keep one of them"
        )
    return [column for column in range(index, len(animals)) if animals[column] in found]


def _index_columns(header: list[list[str]]) -> int:
    """How many columns name the image: those before the first scorer."""
    return next((n for n, cell in enumerate(header[0]) if n and cell), len(header[0]))


def _columns(
    path: Path, header: list[list[str]], used: Sequence[int]
) -> tuple[list[str], dict[tuple[str, str], int]]:
    """Names of the points, and the column of each (point, coordinate), of those that are used."""
    columns: dict[tuple[str, str], int] = {}
    for column in used:
        key = (header[1][column], header[2][column])
        if header[0][column] != header[0][_index_columns(header)] or key in columns:
            raise InputError(
                f"{path} has {key[1]} of {key[0]!r} twice, or two scorers: keep one of the two"
            )
        columns[key] = column
    names = list(dict.fromkeys(name for name, _ in columns))
    for name in names:
        if (name, "x") not in columns or (name, "y") not in columns:
            raise InputError(f"{path} has no x and y of {name!r}: expected {KIND}")
    return names, {key: column for key, column in columns.items() if key[1] in _READ}


def _row(
    where: str,
    cells: list[str],
    index: int,
    names: list[str],
    columns: dict[tuple[str, str], int],
) -> ImagePoints:
    image = slashes("/".join(cells[:index]))
    if not image.strip("/"):
        raise InputError(f"{where}: the name of the image is missing: add it")
    points, visibility = empty_row(len(names))
    scores = np.full(len(names), np.nan)
    scored = False

    def cell(name: str, coordinate: str) -> str:
        column = columns.get((name, coordinate))
        return "" if column is None else filled(cells[column])

    for point, name in enumerate(names):
        x, y = cell(name, "x"), cell(name, "y")
        if bool(x) != bool(y):
            raise InputError(
                f"{where}: only one of x and y of {name!r} is filled: fill both, or leave both "
                "empty where the point is not annotated"
            )
        if x:
            points[point] = number(x, where), number(y, where)
            visibility[point] = VISIBLE
        if seen := cell(name, "visible"):
            visibility[point] = _state(where, name, seen, placed=bool(x))
            if visibility[point] == UNLABELLED:
                points[point] = np.nan
        if likelihood := cell(name, "likelihood"):
            told = f"{where}, likelihood of {name!r}"
            scores[point] = number(likelihood, told, low=0, high=HIGHEST_PEAK)
            scored = True
    return ImagePoints(
        image, points, visibility, scores=scores_of_peaks(scores) if scored else None
    )


def _state(where: str, name: str, text: str, *, placed: bool) -> int:
    state = whole(text, f"{where}, visible of {name!r}", high=VISIBLE)
    if state == VISIBLE and not placed:
        raise InputError(
            f"{where}: {name!r} is visible (2), but has no x and y: fill them, or write 1 (hidden) "
            "or 0 (not labelled)"
        )
    return HIDDEN if state == HIDDEN else state
