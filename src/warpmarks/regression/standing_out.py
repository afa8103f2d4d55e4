"""Annotated images on which a fit of the others is far off: where to look for a wrong point.

An image stands out where its error is `TIMES` that of the middle image, or where two of its points
look swapped: exchanged they would lie where the fit expects them. On cats and mice as they are
annotated no image is 5 times off.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from jaxtyping import Float

from warpmarks.metrics.errors import errors_of_images
from warpmarks.regression.examples import Examples
from warpmarks.regression.fitting import Fit
from warpmarks.wording import counted, do, line_of, shown

FEWEST = 5
"""Images from which one can stand out."""

TIMES = 5.0
"""The middle image's error, from which on an image stands out."""

NAMED = 3
"""Images that are named; of more, their number is told."""

SWAPPED, FAR, NEAR = 0.5, 2.0, 3.0
"""Share of the error of two points that is left when they are exchanged, at most; and in the middle
errors of these points, how far off they are before, at least, and exchanged, at most."""


@dataclass(frozen=True)
class StandingOut:
    """One image.

    Attributes:
        image: its name.
        place: its line in the table, to follow the name; empty where unknown.
        pixels: mean leave-one-out error of its points.
        times: the error over that of the middle image, both in shares of the images' sides.
        swapped: the names of two points that look swapped.
        before, after: mean error of these two in pixels, as they are and exchanged; nan where none.
    """

    image: str
    place: str
    pixels: float
    times: float
    swapped: tuple[str, str] | None = None
    before: float = float("nan")
    after: float = float("nan")

    @property
    def sentence(self) -> str:
        """For people."""
        begin = (
            f"{shown(self.image)}{self.place} is {self.pixels:.1f} px off, {self.times:.1f} times "
            "as much as the middle image"
        )
        if self.swapped is None:
            return f"{begin}: look at its points."
        first, second = self.swapped
        return (
            f"{begin}: its points {first} and {second} look swapped, {self.before:.1f} px off as "
            f"they are and {self.after:.1f} px if they are exchanged."
        )

    def record(self) -> dict[str, object]:
        """As plain JSON."""
        return {
            "image": shown(self.image),
            "error_pixels": round(self.pixels, 6),
            "times_middle": round(self.times, 6),
            "swapped": None if self.swapped is None else list(self.swapped),
            "sentence": self.sentence,
        }


def standing_out(fit: Fit, examples: Examples) -> Sequence[StandingOut]:
    """The images that stand out, the farthest first; ``examples`` are those of the fit."""
    own = np.where(examples.measured, fit.leave_one_out, np.nan)
    errors = own / np.sqrt(examples.sizes.prod(axis=1))[:, None]
    known = np.isfinite(errors)
    if known.any(axis=1).sum() < FEWEST:
        return ()
    means = errors_of_images(errors)
    times = means / max(float(np.median(means[np.isfinite(means)])), np.finfo(float).tiny)
    pixels = errors_of_images(own)
    found = []
    pairs = _swapped(fit, examples, errors)
    for row in range(len(examples)):
        if not (times[row] >= TIMES or row in pairs):
            continue
        place = line_of(examples.lines, row)
        image = examples.names[row], place, float(pixels[row]), float(times[row])
        if row not in pairs:
            found.append(StandingOut(*image))
            continue
        first, second, before, after = pairs[row]
        names = fit.regressor.scheme.names
        found.append(StandingOut(*image, (names[first], names[second]), before, after))
    return sorted(found, key=lambda one: -one.times)


def _swapped(
    fit: Fit, examples: Examples, errors: Float[np.ndarray, "images points"]
) -> dict[int, tuple[int, int, float, float]]:
    """Of each image the two points that gain most if they are exchanged, where they gain enough."""
    best, gains = dict[int, tuple[int, int, float, float]](), dict[int, float]()
    middle = np.array([_middle(of_point) for of_point in errors.T])
    own = fit.leave_one_out
    for first, second in combinations(range(errors.shape[1]), 2):
        pair = [first, second]
        far = errors[:, pair].sum(axis=1) > FAR * middle[pair].sum()
        for row in np.flatnonzero(far).tolist():
            before = float(own[row, pair].mean())
            exchanged = examples.annotations[row, [second, first]] - fit.left_out[row, pair]
            after = float(np.linalg.norm(exchanged, axis=-1).mean())
            gained = before - after
            near = errors[row, pair].sum() * after / before < NEAR * middle[pair].sum()
            if near and after < SWAPPED * before and (row not in best or gained > gains[row]):
                best[row], gains[row] = (first, second, before, after), gained
    return best


def _middle(values: Float[np.ndarray, " values"]) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")


def told_of_standing_out(found: Sequence[Mapping[str, Any]], *, all_in: str) -> Iterator[str]:
    """Sentences on the first of these records, and on how many more there are.

    Args:
        found: see `StandingOut.record`.
        all_in: what names all of them.
    """
    yield from (one["sentence"] for one in found[:NAMED])
    if (more := len(found) - NAMED) > 0:
        yield f"{counted(more, 'more image')} {do(more, 'stand')} out: {all_in} names them all."
