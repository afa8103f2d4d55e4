"""The points of a set of images, as every format is read into and written from.

Coordinates are the package's own pixels: x to the right, y downwards, centres at integers, so an
image of width W spans -0.5 to W - 0.5. Each format's module says how its file counts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

import numpy as np
from jaxtyping import Bool, Float, Int8

from warpmarks.errors import InputError
from warpmarks.points import Normaliser, check_names, distance_between, name_key, parse_normaliser
from warpmarks.wording import be, counted

UNLABELLED, HIDDEN, VISIBLE = 0, 1, 2
"""Whether a point is annotated, as COCO counts it; a hidden one may have a place or not."""

HIGHEST_PEAK = 1.2
"""Up to which a score of a pose tracker, the height of a peak, is 1 where it is above 1."""

MAX_POINTS = 50_000_000
"""Most points that a table holds, over all images: 1.2 GB."""


@dataclass(frozen=True)
class Extras:
    """What some formats tell of one image beside its points.

    Attributes:
        box: left, top, width and height of the object, between its edges; in pixels.
        curves, outlines: points along lines, in pixels.
        scale: length of a pixel in the unit that the annotator chose.
        identifier: of the specimen.
        notes: other keys of the format and their values.
    """

    box: tuple[float, float, float, float] | None = None
    curves: tuple[Float[np.ndarray, "_ 2"], ...] = ()
    outlines: tuple[Float[np.ndarray, "_ 2"], ...] = ()
    scale: float | None = None
    identifier: str | None = None
    notes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class ImagePoints:
    """The points of one image, in the order of the table's names."""

    image: str
    points: Float[np.ndarray, "points 2"]
    visibility: Int8[np.ndarray, " points"]
    size: tuple[float, float] | None = None
    scores: Float[np.ndarray, " points"] | None = None
    extras: Extras = Extras()


@dataclass(frozen=True)
class PointTable:
    """One object on each image, with the same points.

    Attributes:
        names: of the points; numbers from 1 if not ``named``.
        images: names, with "/" between folders.
        points: in pixels; nan where a point has no place.
        visibility: `UNLABELLED`, `HIDDEN` or `VISIBLE`.
        sizes: width and height; nan where unknown.
        scores: confidence from 0 to 1, nan where none; None where the source has no scores.
        smoothed: which points have a smoothed place in the source, which is not kept; None where
            the source has none.
        accepted: which points a person took as they were suggested; None where the source does not
            say.
        extras: one for each image; made empty if none are given.
        named: whether the source names its points.
        skeleton: pairs of points, counted from 0, that are drawn with a line between them.
        mirror: pairs of points, counted from 0, that change places in a mirror.
        normaliser: what errors are divided by, see `warpmarks.points.parse_normaliser`.
        colours: of the points, as ``#rrggbb``; None where the source has none.
        category: what kind of object it is.
        scorer: who annotated.
    """

    names: tuple[str, ...]
    images: tuple[str, ...]
    points: Float[np.ndarray, "images points 2"]
    visibility: Int8[np.ndarray, "images points"]
    sizes: Float[np.ndarray, "images 2"]
    scores: Float[np.ndarray, "images points"] | None = None
    smoothed: Bool[np.ndarray, "images points"] | None = None
    accepted: Bool[np.ndarray, "images points"] | None = None
    extras: tuple[Extras, ...] = ()
    named: bool = True
    skeleton: tuple[tuple[int, int], ...] = ()
    mirror: tuple[tuple[int, int], ...] = ()
    normaliser: str | None = None
    colours: tuple[str, ...] | None = None
    category: str | None = None
    scorer: str | None = None

    def __post_init__(self) -> None:
        if not self.extras:
            object.__setattr__(self, "extras", (Extras(),) * len(self.images))

    @property
    def placed(self) -> np.ndarray:
        """Which points have a place: (images, points), bool."""
        return np.isfinite(self.points).all(axis=2)

    @property
    def outside(self) -> np.ndarray:
        """Which points lie outside of their image: (images, points), bool."""
        corner = self.sizes[:, None] - 0.5
        return np.any((self.points < -0.5) | (self.points > corner), axis=2)

    def is_scored(self, row: int) -> bool:
        """Whether a placed point of an image has a score."""
        return self.scores is not None and bool(
            np.isfinite(self.scores[row][self.placed[row]]).any()
        )


def assemble(
    names: Sequence[str],
    rows: Sequence[ImagePoints],
    *,
    source: str,
    named: bool = True,
    skeleton: tuple[tuple[int, int], ...] = (),
    mirror: tuple[tuple[int, int], ...] = (),
    normaliser: str | None = None,
    colours: tuple[str, ...] | None = None,
    category: str | None = None,
    scorer: str | None = None,
) -> PointTable:
    """A table of rows that were read one after the other.

    Raises:
        InputError: no image, no point, an image twice, two points of one name, a name that is no
            text or a score that is none; ``source`` names the file.
    """
    if not names:
        raise InputError(f"{source} has no points: expected at least one")
    if not rows:
        raise InputError(f"{source} has no images: expected points on at least one")
    check_names(tuple(names), source=source)
    check_room(len(rows), len(names), source=source)
    seen: set[str] = set()
    for row in rows:
        if row.image in seen:
            raise InputError(
                f"{source} has the image {row.image!r} twice: expected one object on each image, "
                "so keep one of the two"
            )
        seen.add(row.image)
    _check_written((*names, *seen, category or "", scorer or ""), source=source)
    nowhere = np.full(len(names), np.nan)
    scores = None
    if any(row.scores is not None for row in rows):
        scores = np.stack([nowhere if row.scores is None else row.scores for row in rows])
        _check_scores(scores, names, rows, source=source)
    return PointTable(
        names=tuple(names),
        images=tuple(row.image for row in rows),
        points=np.stack([row.points for row in rows]),
        visibility=np.stack([row.visibility for row in rows]),
        sizes=np.array([row.size or (np.nan, np.nan) for row in rows], dtype=np.float64),
        scores=scores,
        extras=tuple(row.extras for row in rows),
        named=named,
        skeleton=skeleton,
        mirror=mirror,
        normaliser=normaliser,
        colours=colours,
        category=category,
        scorer=scorer,
    )


def _check_written(texts: Iterable[str], *, source: str) -> None:
    for text in texts:
        try:
            text.encode(errors="surrogateescape")
        except UnicodeEncodeError as error:
            raise InputError(
                f"{source}: the name {text!r} has a character that is no text: rename it"
            ) from error


def _check_scores(
    scores: Float[np.ndarray, "images points"],
    names: Sequence[str],
    rows: Sequence[ImagePoints],
    *,
    source: str,
) -> None:
    for row, point in np.argwhere((scores < 0) | (scores > 1)):
        raise InputError(
            f"{source}: the score of {names[point]!r} on {rows[row].image!r} is "
            f"{scores[row, point]:g}: expected 0 (not sure) to 1 (sure), so scale the scores or "
            "leave them away"
        )


def scores_of_peaks(heights: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Scores from heights of peaks, which may pass 1 a little, see `HIGHEST_PEAK`."""
    return np.where((heights > 1) & (heights <= HIGHEST_PEAK), 1, heights)


def check_room(images: int, points: int, *, source: str) -> None:
    """Raise where a table would not fit into memory.

    Raises:
        InputError: more than `MAX_POINTS`.
    """
    if images * points > MAX_POINTS:
        raise InputError(
            f"{source} has {counted(points, 'point')} on each of {counted(images, 'image')}: "
            f"expected at most {MAX_POINTS:,} in all, so split it"
        )


def empty_row(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Points and visibility of an image on which nothing is annotated."""
    return np.full((count, 2), np.nan), np.zeros(count, dtype=np.int8)


def seen_where_placed(points: Float[np.ndarray, "*shape 2"]) -> Int8[np.ndarray, "*shape"]:
    """Visibility for formats that have none: a point with a place is visible."""
    return np.where(np.isfinite(points).all(axis=-1), VISIBLE, UNLABELLED).astype(np.int8)


def box_around(
    points: Float[np.ndarray, "points 2"], extras: Extras
) -> tuple[float, float, float, float] | None:
    """Left, top, width and height of the object: as annotated, else around its points' pixels.

    None where no point has a place.
    """
    if extras.box is not None:
        return extras.box
    placed = points[np.isfinite(points).all(axis=1)]
    if not len(placed):
        return None
    (left, top), (right, bottom) = placed.min(axis=0) - 0.5, placed.max(axis=0) + 0.5
    return float(left), float(top), float(right - left), float(bottom - top)


def rename_points(table: PointTable, names: Sequence[str], *, source: str) -> PointTable:
    """The table with its points called ``names``, in the order of the file.

    A normaliser names them anew; it is dropped where it cannot, see `_in_words_of`.

    Raises:
        InputError: another number of names, or two that are the same.
    """
    if len(names) != len(table.names):
        raise InputError(
            f"{source} names {counted(len(names), 'point')}, but there {be(len(table.names))} "
            f"{len(table.names)}: "
            "name each of them once"
        )
    check_names(tuple(names), source=source)
    places = {index: index for index in range(len(names))}
    return replace(
        table,
        names=tuple(names),
        named=True,
        normaliser=_in_words_of(tuple(names), table, places),
    )


def select_points(table: PointTable, names: Sequence[str], *, source: str) -> PointTable:
    """The points called ``names``, in that order; upper and lower case are not told apart.

    A normaliser of points that are not all among them is dropped.

    Raises:
        InputError: there is no such point, with the nearest one, or one is asked for twice.
    """
    places = {name_key(name): index for index, name in enumerate(table.names)}
    chosen: list[int] = []
    for name in names:
        index = places.get(name_key(name))
        if index is None:
            raise InputError(f"{source}: there is no point {name!r}: {_nearest(name, table.names)}")
        if index in chosen:
            raise InputError(f"{source} has the point {name!r} twice: name it once")
        chosen.append(index)
    new = {old: position for position, old in enumerate(chosen)}

    def kept(pairs: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
        return tuple((new[a], new[b]) for a, b in pairs if a in new and b in new)

    return replace(
        table,
        names=tuple(names),
        points=table.points[:, chosen],
        visibility=table.visibility[:, chosen],
        scores=None if table.scores is None else table.scores[:, chosen],
        smoothed=None if table.smoothed is None else table.smoothed[:, chosen],
        accepted=None if table.accepted is None else table.accepted[:, chosen],
        skeleton=kept(table.skeleton),
        mirror=kept(table.mirror),
        normaliser=_in_words_of(tuple(names), table, new),
        colours=table.colours and tuple(table.colours[old] for old in chosen),
    )


def _in_words_of(names: tuple[str, ...], table: PointTable, new: Mapping[int, int]) -> str | None:
    """The table's normaliser for points called ``names``.

    As it is written where it means the same points, else as `distance_between` writes it.

    Args:
        names: of the points that there are to be.
        table: with the points that there were.
        new: of their places those that the points have among the names.

    Returns:
        None where one of its points is gone or nothing that could be written means them.
    """
    text = table.normaliser
    old = None if text is None else _parsed(text, table.names)
    if text is None or old is None:
        return None
    if not {*old.first, *old.second} <= new.keys():
        return None
    first, second = ([new[index] for index in group] for group in (old.first, old.second))
    said = _parsed(text, names)
    if said and set(said.first) == set(first) and set(said.second) == set(second):
        return text
    try:
        return distance_between(first, second, names, source="the normaliser").text
    except InputError:
        return None


def _parsed(text: str, names: tuple[str, ...]) -> Normaliser | None:
    try:
        return parse_normaliser(text, names, source="the normaliser")
    except InputError:
        return None


def _nearest(name: str, names: Sequence[str]) -> str:
    close = get_close_matches(name_key(name), [name_key(known) for known in names], n=1)
    if close:
        meant = next(known for known in names if name_key(known) == close[0])
        return f"did you mean {meant!r}?"
    listed = ", ".join(map(repr, names[:12])) + (", ..." if len(names) > 12 else "")
    return f"expected one of {listed}"
