"""Intervals by the bootstrap over images (Efron and Tibshirani 1993, ch. 13: percentiles).

Images are drawn with replacement, never single points, since the points of an image err together.
An interval says how far the mean would move on other test images of the kind; it knows nothing of
other training images, draws of labels or seeds.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

LEVEL = 0.95
DRAWS = 1000
AT_ONCE = 50
"""Draws whose images are in memory at a time."""


@dataclass(frozen=True)
class Interval:
    """Ends of an interval; nan where there is nothing to draw from."""

    low: float
    high: float


def bootstrap_means(
    errors: Float[np.ndarray, "images points"],
    generator: np.random.Generator,
    *,
    draws: int = DRAWS,
) -> Float[np.ndarray, "draws columns"]:
    """Means of resampled images: a column for each point, and last one for all points together.

    nan where a draw has no image with the point, and where one image alone has it: the draws of one
    image are all alike, which says nothing of others.
    """
    known = np.isfinite(errors)
    filled = np.where(known, errors, 0.0)
    sums = np.column_stack([filled, filled.sum(axis=1)])
    counts = np.column_stack([known, known.sum(axis=1)])
    both, count = np.hstack([sums, counts]), len(errors)
    shares = np.full(count, 1 / count)
    drawn = np.concatenate(
        [
            generator.multinomial(count, shares, size=min(AT_ONCE, draws - done)) @ both
            for done in range(0, draws, AT_ONCE)
        ]
    )
    drawn_sums, drawn_counts = np.split(drawn, 2, axis=1)
    several = np.append(known.sum(axis=0), known.any(axis=1).sum()) > 1
    means = drawn_sums / np.maximum(drawn_counts, 1)
    return np.where(several & (drawn_counts > 0), means, np.nan)


def percentile_interval(means: Float[np.ndarray, " draws"]) -> Interval:
    """The middle share `LEVEL` of resampled means."""
    if not np.isfinite(means).any():
        return Interval(np.nan, np.nan)
    low, high = np.nanquantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))
