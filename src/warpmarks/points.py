"""What annotated points are called, and what their errors are divided by."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from warpmarks.errors import InputError
from warpmarks.published_normalisers import CONVENTIONS, points_of_convention


@dataclass(frozen=True)
class Normaliser:
    """The length that errors are divided by.

    Attributes:
        kind: ``points``: the distance between the means of two groups of annotated points of the
            same image; ``box``: the square root of the area of the box around the image's annotated
            points; ``box-side``: the longer side of that box; ``image``: the square root of the
            image's area.
        first, second: the groups of ``points``, counted from 0.
        text: as the user writes it, see `parse_normaliser`.
    """

    kind: Literal["points", "box", "box-side", "image"]
    text: str
    first: tuple[int, ...] = ()
    second: tuple[int, ...] = ()

    @property
    def words(self) -> str:
        """What an error is a share of, for people."""
        match self.kind:
            case "box":
                return "the box around the points"
            case "box-side":
                return "the longer side of the points' box"
            case "image":
                return "the image's side"
            case "points":
                if self.text == "inter-ocular":
                    return "the inter-ocular distance"
                if self.text == "outer-eye-corners":
                    return "the distance of the outer eye corners"
                first, second = self.text.split(":")
                return f"the distance from {first.strip()} to {second.strip()}"

    def lengths(
        self,
        points: Float[np.ndarray, "images points 2"],
        sizes: Float[np.ndarray, "images 2"],
    ) -> Float[np.ndarray, " images"]:
        """In pixels, one for each image; nan where a point that it needs is not annotated.

        Args:
            points: annotated, in pixels; nan where not annotated.
            sizes: width and height of the images in pixels.
        """
        if self.kind == "image":
            return np.sqrt(sizes.prod(axis=1))
        if self.kind in {"box", "box-side"}:
            sides = _ignoring_nan(np.fmax, points) - _ignoring_nan(np.fmin, points)
            # One point is no box.
            few = np.isfinite(points).all(axis=-1).sum(axis=1) < 2
            sides = np.where(few[:, None], np.nan, sides)
            longest: Float[np.ndarray, " images"] = sides.max(axis=1)
            return longest if self.kind == "box-side" else np.sqrt(sides.prod(axis=1))
        between = points[:, list(self.first)].mean(axis=1) - points[:, list(self.second)].mean(
            axis=1
        )
        return np.linalg.norm(between, axis=1)

    def divisors(
        self,
        points: Float[np.ndarray, "images points 2"],
        sizes: Float[np.ndarray, "images 2"],
    ) -> Float[np.ndarray, " images"]:
        """The same lengths, to divide by: nan also where a length is zero."""
        lengths = self.lengths(points, sizes)
        return np.where(lengths > 0, lengths, np.nan)


@dataclass(frozen=True)
class PointScheme:
    """The points of a set: names, what errors are divided by, and which are mirror images.

    Attributes:
        names: of the N points, in the order of the columns of landmarks.csv; no two
            of one `name_key`.
        normaliser: what errors are divided by.
        mirror: pairs of points, counted from 0, that change places when the image is mirrored left
            to right; a point in no pair is its own mirror image.
    """

    names: tuple[str, ...]
    normaliser: Normaliser
    mirror: tuple[tuple[int, int], ...] = ()

    @property
    def count(self) -> int:
        """N."""
        return len(self.names)

    def record(self) -> dict[str, Any]:
        """As plain data, the points of mirror pairs counted from 1."""
        mirror = tuple((first + 1, second + 1) for first, second in self.mirror)
        return {"names": self.names, "normaliser": self.normaliser.text, "mirror": mirror}

    @classmethod
    def of_record(
        cls,
        names: tuple[str, ...],
        normaliser: str,
        mirror: tuple[tuple[int, int], ...],
        *,
        source: str,
    ) -> "PointScheme":
        """What ``record`` gave as plain data; ``source`` is of the normaliser, for messages."""
        pairs = tuple((first - 1, second - 1) for first, second in mirror)
        return cls(names, parse_normaliser(normaliser, names, source=source), pairs)


def numbered_names(count: int) -> tuple[str, ...]:
    """Names of points that nobody has named: 1 to N."""
    return tuple(str(number) for number in range(1, count + 1))


def parse_normaliser(text: str, names: tuple[str, ...], *, source: str) -> Normaliser:
    """A normaliser from what the user writes.

    A convention by name (see `warpmarks.published_normalisers`: ``inter-ocular``,
    ``outer-eye-corners``, ``box``, ``box-side``, ``image``), or two points ``A:B``, each by name or
    by number from 1; several points joined by ``+`` stand for their mean and ``37-42`` for 37 to
    42, so that ``37-42:43-48`` is the distance between the pupils of the 68 facial points. A name
    wins over a number.

    Raises:
        InputError: no such form or point; ``source`` names the flag or file.
    """
    match text:
        case "box" | "box-side" | "image":
            return Normaliser(text, text)
        case "inter-ocular" | "outer-eye-corners":
            points = points_of_convention(text, names, source=source)
        case _:
            points = text
    halves = points.split(":")
    if len(halves) != 2:
        raise InputError(
            f"{source} is {text!r}: expected {', '.join(CONVENTIONS)}, or two points such as "
            f"{names[0]}:{names[-1]}"
        )
    first, second = (_group(half, names, source) for half in halves)
    if set(first) == set(second):
        raise InputError(f"{source} is {text!r}: the distance of a point to itself is 0")
    return Normaliser("points", text, first, second)


def distance_between(
    first: Sequence[int], second: Sequence[int], names: tuple[str, ...], *, source: str
) -> Normaliser:
    """The distance between two groups of points, in words that `parse_normaliser` reads back.

    A point goes by its name, or by its number where its name would be read as something else.

    Raises:
        InputError: so would its number; ``source`` names the flag or file.
    """

    def word(point: int) -> str:
        for text in (names[point], str(point + 1)):
            try:
                if ":" not in text and _group(text, names, source) == (point,):
                    return text
            except InputError:
                continue
        raise InputError(
            f"{source}: the point {names[point]!r} cannot be told by its name, and its number "
            f"{point + 1} is the name of another point: rename one of the two"
        )

    text = ":".join("+".join(map(word, group)) for group in (first, second))
    return Normaliser("points", text, tuple(first), tuple(second))


def find_point(text: str, names: tuple[str, ...], *, source: str) -> int:
    """The point of that name, or of that number from 1, counted from 0; a name wins.

    Raises:
        InputError: there is none; ``source`` names the flag or file.
    """
    word = text.strip()
    by_name = _by_name(names)
    if name_key(word) in by_name:
        return by_name[name_key(word)]
    if re.fullmatch(r"[0-9]{1,9}", word) and 1 <= int(word) <= len(names):
        return int(word) - 1
    raise InputError(f"{source}: {_expected(word, names)}")


def name_key(name: str) -> str:
    """What two points cannot share: their names without what is easily taken for the same.

    That is upper and lower case, spaces around, and how letters with accents are encoded.
    """
    return unicodedata.normalize("NFC", name.strip()).casefold()


def check_names(names: tuple[str, ...], *, source: str) -> None:
    """Raise unless every name is there and stands alone.

    Raises:
        InputError: an empty name, or two of one `name_key`.
    """
    seen: dict[str, str] = {}
    for number, name in enumerate(names, start=1):
        if not name.strip():
            raise InputError(f"{source}: point {number} has an empty name: give it one")
        key = name_key(name)
        if key in seen:
            raise InputError(
                f"{source}: the points {seen[key]!r} and {name!r} have the same name but for upper "
                "and lower case, spaces and the encoding of accents: rename one"
            )
        seen[key] = name


def _by_name(names: tuple[str, ...]) -> dict[str, int]:
    return {name_key(name): index for index, name in enumerate(names)}


def _group(text: str, names: tuple[str, ...], source: str) -> tuple[int, ...]:
    by_name = _by_name(names)
    indices: list[int] = []
    for part in text.split("+"):
        word = part.strip()
        numbers = re.fullmatch(r"([0-9]{1,9})(?:-([0-9]{1,9}))?", word)
        if name_key(word) in by_name:
            indices.append(by_name[name_key(word)])
        elif numbers and 1 <= int(numbers[1]) <= int(numbers[2] or numbers[1]) <= len(names):
            indices += range(int(numbers[1]) - 1, int(numbers[2] or numbers[1]))
        else:
            raise InputError(f"{source}: {_expected(word, names)}")
    return tuple(dict.fromkeys(indices))


def _expected(word: str, names: tuple[str, ...]) -> str:
    known = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    return (
        f"there is no point {word!r}: expected a name or a number from 1 to {len(names)} of {known}"
    )


def _ignoring_nan(
    extreme: np.ufunc, points: Float[np.ndarray, "images points 2"]
) -> Float[np.ndarray, "images 2"]:
    result: np.ndarray = extreme.reduce(points, axis=1)
    return result
