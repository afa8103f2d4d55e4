"""Tables of points to write and read, and the images that they are on."""

import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from PIL import Image

from warpmarks.formats.lost import Keeps
from warpmarks.formats.table import (
    HIDDEN,
    UNLABELLED,
    VISIBLE,
    Extras,
    ImagePoints,
    PointTable,
    assemble,
)
from warpmarks.points import numbered_names

# What every format holds or refuses: no control characters, no half of a surrogate pair.
LETTERS = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp"))
TEXTS = st.text(LETTERS, min_size=1, max_size=12).filter(lambda text: text == text.strip() != "")
IMAGES = (
    st.tuples(st.sampled_from(["", "fish/", "a b/"]), TEXTS)
    .filter(lambda parts: not set(parts[1]) & set("/\\") and not parts[1].startswith("."))
    .map(lambda parts: f"{parts[0]}{parts[1]}.png")
)


def alike(name: str) -> str:
    return unicodedata.normalize("NFC", name.strip()).casefold()


POINTS = 4
CELLS = st.integers(-20_000, 70_000).map(lambda value: value / 1000)
ROWS = st.tuples(
    IMAGES,
    st.tuples(st.integers(3, 60), st.integers(3, 60)),
    st.lists(st.tuples(CELLS, CELLS), min_size=POINTS, max_size=POINTS),
    st.lists(st.integers(0, 2), min_size=POINTS, max_size=POINTS),
    st.lists(st.integers(0, 1000), min_size=POINTS, max_size=POINTS),
)
DRAWN = st.tuples(
    st.lists(TEXTS, min_size=1, max_size=POINTS, unique_by=alike),
    st.lists(ROWS, min_size=1, max_size=3, unique_by=lambda row: alike(row[0])),
    st.booleans(),
)
"""What `build` makes a table of: some points on some images of unlike sizes."""


def build(drawn: tuple) -> PointTable:
    """Apart from `DRAWN`, as the checks of types draw random numbers."""
    names, drawn_rows, scored = drawn
    count, rows = len(names), []
    for image, size, cells, states, shares in drawn_rows:
        points = np.array(cells)[:count]
        visibility = np.array(states[:count], dtype=np.int8)
        points[(visibility == UNLABELLED) | ((visibility == HIDDEN) & (points[:, 0] > 40))] = np.nan
        scores = np.array(shares[:count]) / 1000
        scores[~np.isfinite(points).all(axis=1)] = np.nan
        sides = (float(size[0]), float(size[1]))
        rows.append(ImagePoints(image, points, visibility, sides, scores if scored else None))
    return assemble(names, rows, source="drawn")


def make_images(table: PointTable, folder: Path) -> Path:
    """Image files of the sizes of the table."""
    for name, (width, height) in zip(table.images, table.sizes, strict=True):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (int(width), int(height))).save(path)
    return folder


def as_kept(table: PointTable, keeps: frozenset[Keeps]) -> PointTable:
    """What is left of the places, marks, names and scores in a format."""
    points, visibility = table.points.copy(), table.visibility.copy()
    if Keeps.OUTSIDE not in keeps:
        gone = table.outside
        points[gone], visibility[gone] = np.nan, UNLABELLED
    placed = np.isfinite(points).all(axis=2)
    if Keeps.FRACTIONS not in keeps:
        points = np.floor(points + 0.5)
    if Keeps.HIDDEN not in keeps:
        visibility[placed & (visibility == HIDDEN)] = VISIBLE
    if Keeps.HIDDEN_NOWHERE not in keeps:
        visibility[~placed] = UNLABELLED
    names = table.names if Keeps.NAMES in keeps else numbered_names(len(table.names))
    scores = table.scores if Keeps.SCORES in keeps else None
    return replace(table, points=points, visibility=visibility, names=names, scores=scores)


def fish() -> PointTable:
    """Three named points on two images, with something of everything."""
    nowhere = [np.nan, np.nan]
    curve = np.array([[1.0, 2.0], [3.5, 4.0], [6.0, 30.0]])
    rows = [
        ImagePoints(
            "tank/one.png",
            np.array([[4.0, 7.0], [20.5, 3.25], nowhere]),
            np.array([VISIBLE, HIDDEN, UNLABELLED], dtype=np.int8),
            (48.0, 32.0),
            extras=Extras(
                box=(1.5, 0.5, 30.0, 20.0),
                curves=(curve,),
                scale=0.012,
                identifier="F-7",
                notes=(("COMMENT", "left side"),),
            ),
        ),
        ImagePoints(
            "two.png",
            np.array([[0.0, 0.0], [39.0, 49.0], [10.25, 40.0]]),
            np.array([VISIBLE, VISIBLE, VISIBLE], dtype=np.int8),
            (40.0, 50.0),
        ),
    ]
    return assemble(
        ["snout", "left fin", "tail, tip"],
        rows,
        source="fish",
        skeleton=((0, 1), (1, 2)),
        mirror=((1, 2),),
        category="fish",
        scorer="Ana",
    )
