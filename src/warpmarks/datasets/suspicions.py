"""Tables of points that are well formed, but hardly mean what they say."""

import numpy as np
from jaxtyping import Float

from warpmarks.wording import be, counted, do

DOUBTFUL = 0.5
"""Scores below are counted."""


def told_of_origin(points: Float[np.ndarray, "images points 2"]) -> str:
    """A sentence on points at (0, 0), as many tools write one that is missing; empty if none is."""
    count = int((points == 0).all(axis=-1).sum())
    if not count:
        return ""
    return (
        f"{counted(count, 'point')} {do(count, 'lie')} exactly at (0, 0), as other tools write a "
        "point that is missing, and count as places: leave both fields empty where a point is not "
        "annotated"
    )


def told_of_shares(points: Float[np.ndarray, "images points 2"]) -> str:
    """A sentence on points that are all within [0, 1], not only 0 and 1; empty else, or of few."""
    placed = points[np.isfinite(points).all(axis=-1)]
    if len(placed) < 2 or ((placed < 0) | (placed > 1)).any() or np.isin(placed, (0, 1)).all():
        return ""
    return (
        "all points lie within a pixel of the image's corner: if they are shares of its width and "
        "height, multiply them by these, as points are in pixels"
    )


def told_of_scores(
    points: Float[np.ndarray, "images points 2"], scores: Float[np.ndarray, "images points"] | None
) -> str:
    """A sentence on low scores beside annotations, which nothing makes use of; empty if none is."""
    if scores is None:
        return ""
    known = scores[np.isfinite(points).all(axis=-1) & np.isfinite(scores)]
    low = int((known < DOUBTFUL).sum())
    if not low:
        return ""
    return (
        f"there are scores, as of points that were detected and not annotated, {low:,} of "
        f"{len(known):,} {be(low)} below {DOUBTFUL}: they are not used, so empty the fields of "
        "points that are not to be trusted"
    )
