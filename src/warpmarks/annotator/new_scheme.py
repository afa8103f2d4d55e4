"""The points of a new project, from a list of names, a points.json or a table of points."""

import re
from collections.abc import Sequence
from pathlib import Path

from warpmarks.annotator.annotations import Scheme, check_scheme
from warpmarks.datasets.scheme_file import colours_in, listed_names, read_scheme
from warpmarks.formats.table import PointTable
from warpmarks.plots.colours import colour_code, landmark_colours
from warpmarks.points import parse_normaliser


def starting_scheme(text: str) -> Scheme:
    """Points with our colours, unless a points.json has others.

    It also tells mirror pairs and the normaliser; from names alone they are guessed.

    Raises:
        InputError: the file or a name is wrong.
    """
    normaliser: tuple[int, int] | None = None
    colours: tuple[str, ...] | None = None
    names = listed_names(text)
    if text.lower().endswith(".json"):
        read = read_scheme(Path(text), len(names))
        mirror = read.mirror
        colours = colours_in(Path(text), len(names))
        if len(read.normaliser.first) == len(read.normaliser.second) == 1:
            normaliser = (read.normaliser.first[0], read.normaliser.second[0])
    else:
        mirror = guess_mirror(names)
        normaliser = guess_normaliser(names, mirror)
    return check_scheme(
        Scheme(tuple(names), colours or _our_colours(len(names)), mirror, normaliser),
        source="--points",
    )


def scheme_of_table(table: PointTable, *, source: str) -> Scheme:
    """The points of a table; mirror pairs that its format does not tell are guessed.

    So is the normaliser. They have our colours where it has none.

    Raises:
        InputError: a name is wrong; ``source`` names the file.
    """
    names, mirror = table.names, table.mirror
    normaliser: tuple[int, int] | None = None
    if table.normaliser is None:  # a points.json tells both
        mirror = mirror or guess_mirror(names)
        normaliser = guess_normaliser(names, mirror)
    else:
        read = parse_normaliser(table.normaliser, names, source=source)
        if len(read.first) == len(read.second) == 1:
            normaliser = (read.first[0], read.second[0])
    colours = table.colours or _our_colours(len(names))
    return check_scheme(Scheme(names, colours, mirror, normaliser), source=source)


def _our_colours(count: int) -> tuple[str, ...]:
    return tuple(colour_code(colour) for colour in landmark_colours(count))


# The page guesses in the same way, see web/src/scheme.ts.
_OTHER_SIDE = {"left": "right", "right": "left", "l": "r", "r": "l"}
_SIDE = re.compile(r"left|right"), re.compile(r"(?<![^\s_.-])[lr](?![^\s_.-])")


def guess_mirror(names: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Points that a mirror swaps, by "left" and "right", or "l" and "r", in their names."""
    known = {name.lower(): index for index, name in reversed([*enumerate(names)])}
    pairs = []
    for index, name in enumerate(names):
        lower = name.lower()
        side = _SIDE[0].search(lower) or _SIDE[1].search(lower)
        if side is None:
            continue
        across = lower[: side.start()] + _OTHER_SIDE[side[0]] + lower[side.end() :]
        other = known.get(across)
        if other is not None and index < other:
            pairs.append((index, other))
    return tuple(pairs)


def guess_normaliser(
    names: Sequence[str], mirror: Sequence[tuple[int, int]]
) -> tuple[int, int] | None:
    """The eyes, else the first mirror pair, else nothing: errors are divided by the box then."""
    eyes = [pair for pair in mirror if re.search(r"\beyes?\b", names[pair[0]].lower())]
    return next(iter([*eyes, *mirror]), None)
