"""What a person says of images: which points there are, and where they lie."""

import math
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from warpmarks.errors import InputError
from warpmarks.formats.table import HIDDEN, UNLABELLED, VISIBLE
from warpmarks.points import Normaliser, PointScheme, check_names, distance_between
from warpmarks.wording import counted

MAX_POINTS = 1000
MAX_NAME = 1000
"""Letters in the name of a point."""

DIGITS = 3
"""Decimals of a coordinate: what landmarks.csv holds."""

_COLOUR = re.compile(r"#[0-9a-f]{6}")


@dataclass(frozen=True)
class Placed:
    """One point on one image: a place, or the word that it cannot be seen, or both.

    Attributes:
        x: pixels of the upright original; None where a point that is not visible has no place.
        y: as x.
        visible: whether the point can be seen.
        accepted: whether it lies where it was suggested: it says nothing of how good that was.
    """

    x: float | None
    y: float | None
    visible: bool = True
    accepted: bool = False

    @property
    def somewhere(self) -> bool:
        """Whether it has a place."""
        return self.x is not None


Labels = tuple[Placed | None, ...]
"""The points of one image in the order of the scheme; None where nobody has said anything."""


@dataclass(frozen=True)
class Scheme:
    """The points that are asked for.

    Attributes:
        names: of the points.
        colours: of the points, as ``#rrggbb``.
        mirror: pairs of points, counted from 0, that change places in a mirror.
        normaliser: two points, counted from 0, whose distance errors are divided by; None: the box
            around an image's points.
    """

    names: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()
    mirror: tuple[tuple[int, int], ...] = ()
    normaliser: tuple[int, int] | None = None

    @property
    def count(self) -> int:
        """Number of points."""
        return len(self.names)

    def point_scheme(self) -> PointScheme:
        """The same as the rest of the package knows it."""
        return PointScheme(self.names, self._normaliser(), self.mirror)

    def _normaliser(self) -> Normaliser:
        if self.normaliser is None:
            return Normaliser("box", "box")
        first, second = self.normaliser
        return distance_between((first,), (second,), self.names, source="the normaliser")

    def to_json(self) -> dict[str, Any]:
        """As the page and the project's files hold it."""
        return {
            "points": [
                {"name": name, "colour": colour}
                for name, colour in zip(self.names, self.colours, strict=True)
            ],
            "mirror": [list(pair) for pair in self.mirror],
            "normaliser": list(self.normaliser) if self.normaliser else None,
        }


def check_scheme(scheme: Scheme, *, source: str) -> Scheme:
    """The scheme with its names trimmed, or an error.

    Raises:
        InputError: a name that is empty, too long or like another one, a colour that is none, a
            point that is not there or in two pairs, or a normaliser that names cannot tell;
            ``source`` is where the scheme is from.
    """
    names = tuple(name.strip() for name in scheme.names)
    if len(names) > MAX_POINTS:
        raise InputError(
            f"{source} has {counted(len(names), 'point')}: expected at most {MAX_POINTS}"
        )
    check_names(names, source=source)
    for name in names:
        if len(name) > MAX_NAME:
            raise InputError(f"{source}: a name has {len(name)} letters: expected up to {MAX_NAME}")
        if "\0" in name or any("\ud800" <= letter <= "\udfff" for letter in name):
            raise InputError(f"{source}: the name {name!r} has a character that is no text")
    colours = tuple(colour.lower() for colour in scheme.colours)
    for colour in colours:
        if not _COLOUR.fullmatch(colour):
            raise InputError(f"{source}: the colour {colour!r}: expected one such as #e61e2d")
    if len(colours) != len(names):
        raise InputError(
            f"{source}: {counted(len(colours), 'colour')} for {counted(len(names), 'point')}"
        )
    mirrored = [point for pair in scheme.mirror for point in pair]
    if len(set(mirrored)) != len(mirrored):
        raise InputError(f"{source}: a point stands in two mirror pairs or with itself")
    normaliser = scheme.normaliser or ()
    if len(set(normaliser)) != len(normaliser):
        raise InputError(f"{source}: the distance of a point to itself is 0: choose two points")
    if any(not 0 <= point < len(names) for point in (*mirrored, *normaliser)):
        raise InputError(f"{source}: a pair or the normaliser names a point that is not there")
    if scheme.normaliser is not None:
        first, second = scheme.normaliser
        distance_between((first,), (second,), names, source=f"{source}, normaliser")
    return Scheme(names, colours, scheme.mirror, scheme.normaliser)


Size = tuple[int, int]
"""Width and height of an upright original."""


@dataclass(frozen=True)
class Annotations:
    """All that people said; a change makes a new one.

    Attributes:
        scheme: the points.
        labels: of images by name; an image on which nothing is said has none.
        sizes: of labelled images, as they were when they were labelled, where that is known.
    """

    scheme: Scheme = Scheme()
    labels: Mapping[str, Labels] = field(default_factory=dict)
    sizes: Mapping[str, Size] = field(default_factory=dict)

    def of(self, image: str) -> Labels:
        """The points of one image."""
        return self.labels.get(image, (None,) * self.scheme.count)

    def with_labels(self, image: str, labels: Labels, size: Size | None = None) -> "Annotations":
        """The same with other points on one image, which has a size, or that which it had."""
        changed, sizes = dict(self.labels), dict(self.sizes)
        if any(placed is not None for placed in labels):
            changed[image] = labels
            if size is not None:
                sizes[image] = size
        else:
            changed.pop(image, None)
            sizes.pop(image, None)
        return Annotations(self.scheme, changed, sizes)

    def knowing(self, sizes: Mapping[str, Size]) -> "Annotations":
        """The same with sizes for the labelled images of which none is known."""
        unknown = [name for name in self.labels if name not in self.sizes and name in sizes]
        if not unknown:
            return self
        found = {name: sizes[name] for name in unknown}
        return Annotations(self.scheme, self.labels, {**self.sizes, **found})

    def of_images(self, sizes: Mapping[str, Size], doubted: Set[str]) -> "Annotations":
        """The same without what is said of images that have another size now.

        Args:
            sizes: that images have now.
            doubted: images whose labels are of another size as long as theirs is not known.
        """
        gone = {name for name, size in self.sizes.items() if name in sizes and sizes[name] != size}
        gone |= {name for name in doubted if name in self.labels and name not in self.sizes}
        return self._without(gone) if gone else self

    def _without(self, gone: Set[str]) -> "Annotations":
        labels = {name: labels for name, labels in self.labels.items() if name not in gone}
        sizes = {name: size for name, size in self.sizes.items() if name not in gone}
        return Annotations(self.scheme, labels, sizes)

    def with_scheme(self, scheme: Scheme, was: Sequence[int | None]) -> "Annotations":
        """The same points under another scheme.

        Args:
            scheme: the new one.
            was: for each of its points, which of the old ones it was, or None for a new one.
        """
        if list(was) == list(range(self.scheme.count)):  # other names, colours or pairs only
            return Annotations(scheme, self.labels, self.sizes)
        moved = {
            image: tuple(None if old is None else labels[old] for old in was)
            for image, labels in self.labels.items()
        }
        emptied = {image for image, labels in moved.items() if not any(labels)}
        return Annotations(scheme, moved, self.sizes)._without(emptied)

    def labelled(self, point: int) -> int:
        """On how many images something is said of a point."""
        return sum(labels[point] is not None for labels in self.labels.values())


def places(labels: Labels) -> Float[np.ndarray, "points 2"]:
    """Coordinates; nan where a point has no place."""
    cells = [(placed.x, placed.y) if placed else (None, None) for placed in labels]
    return np.array(cells, dtype=np.float64).reshape(len(labels), 2)


def accepted(labels: Labels) -> list[int]:
    """The numbers of the points that lie where they were suggested."""
    return [number for number, placed in enumerate(labels) if placed and placed.accepted]


def visibility(labels: Labels) -> np.ndarray:
    """As `warpmarks.formats.table` counts it."""
    marks = [
        UNLABELLED if placed is None else VISIBLE if placed.visible else HIDDEN for placed in labels
    ]
    return np.array(marks, dtype=np.int8)


def rounded(x: float | None, y: float | None, *, visible: bool, accepted: bool = False) -> Placed:
    """A point as the project's files hold it.

    Raises:
        InputError: a point that is visible has no place, or only one coordinate.
    """
    if (x is None) != (y is None):
        raise InputError("a point has only one of x and y: give both")
    if x is None or y is None:
        if visible:
            raise InputError("a visible point has no place: give x and y, or say it is not visible")
        return Placed(None, None, visible=False)
    if not (math.isfinite(x) and math.isfinite(y)):
        raise InputError("a point is at no finite place: give x and y in pixels")
    # Adding 0 makes 0 of -0, which a table would show.
    return Placed(round(x, DIGITS) + 0.0, round(y, DIGITS) + 0.0, visible, accepted)


def labels_to_json(labels: Sequence[Placed | None]) -> list[dict[str, Any] | None]:
    """As the page holds them."""
    return [
        None
        if placed is None
        else {"x": placed.x, "y": placed.y, "visible": placed.visible}
        | ({"accepted": True} if placed.accepted else {})
        for placed in labels
    ]


def labels_from_json(values: Sequence[Mapping[str, Any] | None]) -> Labels:
    """The inverse of `labels_to_json`.

    Raises:
        InputError: a value that is no point.
    """
    return tuple(
        None
        if value is None
        else rounded(
            value["x"],
            value["y"],
            visible=value["visible"],
            accepted=value.get("accepted", False),
        )
        for value in values
    )


def scheme_from_json(value: Mapping[str, Any], *, source: str) -> Scheme:
    """The inverse of `Scheme.to_json`.

    Raises:
        InputError: as `check_scheme`.
    """
    normaliser = value["normaliser"]
    return check_scheme(
        Scheme(
            tuple(point["name"] for point in value["points"]),
            tuple(point["colour"] for point in value["points"]),
            tuple((first, second) for first, second in value["mirror"]),
            (normaliser[0], normaliser[1]) if normaliser else None,
        ),
        source=source,
    )
