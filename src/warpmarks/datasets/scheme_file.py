"""The scheme of a set in our layout: what its points are called, and more of them.

Beside ``landmarks.csv`` (see `warpmarks.datasets.layout`) a set may have a ``points.json``:

    {"names": ["left eye", "right eye", "nose"],
     "normaliser": "left eye:right eye",
     "mirror": [["left eye", "right eye"]],
     "colours": ["#e61e2d", "#2d7dff", "#ffd600"]}

All its keys are optional. ``names``: one for each point of landmarks.csv (without: 1 to N).
``normaliser``: what errors are divided by, see `warpmarks.points.parse_normaliser` (without:
``box``). ``mirror``: pairs of names or numbers from 1 that change places in a mirror.
``colours``: of the points on the annotator's page; nothing else reads them.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from warpmarks.errors import InputError
from warpmarks.points import (
    PointScheme,
    check_names,
    find_point,
    numbered_names,
    parse_normaliser,
)
from warpmarks.system.files import write_json
from warpmarks.wording import counted

TABLE, SCHEME = "landmarks.csv", "points.json"

KEYS = ("names", "normaliser", "mirror", "colours")

_COLOUR = re.compile("#[0-9a-f]{6}")


def read_scheme(path: Path, count: int, *, normaliser: str | None = None) -> PointScheme:
    """The scheme of ``count`` points from a points.json, or the default one if there is none.

    Raises:
        InputError: the file cannot be read, does not name as many points, or is wrong otherwise.
    """
    settings = _read_json(path) if path.exists() else {}
    names = settings.get("names", list(numbered_names(count)))
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise InputError(f"{path}: names is {names!r}: expected a list of texts")
    if len(names) != count:
        raise InputError(
            f"{path} names {counted(len(names), 'point')}, but the table beside it has "
            f"{count}: name each of them once"
        )
    names = tuple(names)
    check_names(names, source=str(path))
    if normaliser is not None:
        text, source = normaliser, "--normaliser"
    else:
        text, source = settings.get("normaliser", "box"), f"{path}: normaliser"
    if not isinstance(text, str):
        raise InputError(f"{source} is {text!r}: expected a text such as box or 1:2")
    return PointScheme(
        names, parse_normaliser(text, names, source=source), _mirror_pairs(path, settings, names)
    )


def listed_names(text: str) -> list[str]:
    """The names in a list with commas or in a file.

    That is a points.json, where a name may have commas, or a .txt with commas or lines.

    Raises:
        InputError: the file is wrong.
    """
    if text.lower().endswith(".json"):
        return names_in(Path(text))
    if not text.lower().endswith(".txt"):
        return [name.strip() for name in text.split(",")]
    try:
        listed = re.split(r"[,;\t\r\n]+", Path(text).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise InputError(f"{text} cannot be read as a list of names ({error})") from error
    return [name.strip() for name in listed if name.strip()]


def names_in(path: Path) -> list[str]:
    """The names of the points in a points.json that has to tell them.

    Raises:
        InputError: it does not, is not there, or cannot be read.
    """
    if not path.exists():
        raise InputError(f"{path} does not exist: give a points.json with names, or the names")
    names = _read_json(path).get("names")
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise InputError(
            f'{path} has no list of names: expected {{"names": ["left eye", "right eye"]}}'
        )
    return names


def colours_in(path: Path, count: int) -> tuple[str, ...] | None:
    """The colours of ``count`` points in a points.json, as ``#rrggbb``; None where it has none.

    Raises:
        InputError: it cannot be read, or a colour is none.
    """
    colours = _read_json(path).get("colours")
    if colours is None:
        return None
    if not (
        isinstance(colours, list)
        and len(colours) == count
        and all(isinstance(each, str) and _COLOUR.fullmatch(each.lower()) for each in colours)
    ):
        raise InputError(
            f"{path}: colours is {colours!r}: expected one for each point, such as #e61e2d"
        )
    return tuple(colours)


def scheme_path(table: Path) -> Path:
    """Where the scheme of a table of points lies; no two tables share one.

    That of landmarks.csv, as of a set, is points.json, and that of X.csv is X.names.json.
    """
    return table.with_name(SCHEME if table.name == TABLE else f"{table.stem}.names.json")


def write_scheme(path: Path, scheme: PointScheme) -> None:
    """Write names, normaliser and mirror pairs, to be read by `read_scheme`."""
    write_json(path, scheme_record(scheme.names, scheme.normaliser.text, scheme.mirror))


def scheme_record(
    names: Sequence[str],
    normaliser: str | None,
    mirror: Sequence[tuple[int, int]],
    colours: Sequence[str] | None = None,
) -> dict[str, Any]:
    """What points.json holds.

    Args:
        names: of the points.
        normaliser: what errors are divided by, as it is written; left out if None.
        mirror: pairs of points that a mirror image swaps, counted from 0; left out if none.
        colours: of the points; left out if None.
    """
    record: dict[str, Any] = {"names": list(names)}
    if normaliser is not None:
        record["normaliser"] = normaliser
    if mirror:
        record["mirror"] = [[names[first], names[second]] for first, second in mirror]
    if colours is not None:
        record["colours"] = list(colours)
    return record


def _mirror_pairs(
    path: Path, settings: dict[str, Any], names: tuple[str, ...]
) -> tuple[tuple[int, int], ...]:
    pairs, used = [], set[int]()
    listed = settings.get("mirror", [])
    if not isinstance(listed, list):
        raise InputError(f"{path}: mirror is {listed!r}: expected a list of pairs of points")
    for pair in listed:
        if not (isinstance(pair, list) and len(pair) == 2):
            raise InputError(f"{path}: mirror has {pair!r}: expected pairs of points")
        first, second = (find_point(str(point), names, source=f"{path}: mirror") for point in pair)
        if first == second:
            raise InputError(f"{path}: mirror pairs {pair[0]!r} with itself: leave it out")
        if used & {first, second}:
            raise InputError(f"{path}: mirror has a point of {pair!r} twice: name each once")
        used |= {first, second}
        pairs.append((first, second))
    return tuple(pairs)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        settings = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as JSON ({error}): correct it") from error
    if not isinstance(settings, dict) or (unknown := sorted(set(settings) - set(KEYS))):
        found = unknown[0] if isinstance(settings, dict) else type(settings).__name__
        raise InputError(f"{path} has {found!r}: expected an object with {', '.join(KEYS)}")
    return settings
