"""An annotated image seen in a mirror is another annotated image, for nothing.

Landmarks are found in it anew, and an annotated point is where the mirror puts it, but it is then
another point: the left eye of a mirrored face is on its right. Where nobody has said which points
change places it is read off a first fit: a mirrored annotation belongs to the point that the fit
finds there. Points of which this cannot be said for sure, such as a left ear whose right one is not
annotated, are left out.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

SURE = 0.7
"""The point found nearest is taken where it is at most this share as far off as the second."""

NEAR = 0.35
"""... and no further off than this share of the object's size."""

NOBODY = -1


def partners_of(
    pairs: Sequence[tuple[int, int]],
    mirrored: Float[np.ndarray, "images points 2"],
    found: Float[np.ndarray, "images points 2"],
    size: float,
) -> Int[np.ndarray, " points"]:
    """Each point's partner in the mirror, ``NOBODY`` where it is not sure.

    Pairs are believed, unless in the mirror another point is found by far nearer to one of the two:
    names that were numbered along the outline, "left ear 1" and "right ear 1", pair the wrong ones.
    Where there are any, a point in none of them can only be its own partner.

    Args:
        pairs: of points that change places; none where nobody has said.
        mirrored: annotations where the mirror puts them; nan where a point is not annotated.
        found: by a fit, in the mirrored images.
        size: of the object, see `found_partners`.
    """
    partners = found_partners(mirrored, found, size)
    if pairs:
        partners = np.where(partners == np.arange(len(partners)), partners, NOBODY)
    distances = _distances(mirrored, found)
    beaten = SURE * distances > distances.min(axis=1, keepdims=True)
    for first, second in pairs:
        wrong = beaten[first, second] or beaten[second, first]
        partners[[first, second]] = (NOBODY, NOBODY) if wrong else (second, first)
    return partners


def found_partners(
    mirrored: Float[np.ndarray, "images points 2"],
    found: Float[np.ndarray, "images points 2"],
    size: float,
) -> Int[np.ndarray, " points"]:
    """Each point's partner in the mirror, ``NOBODY`` where it is not sure.

    Partners are nearest to each other, both ways about, by the mean distance over images, by far,
    and near.

    Args:
        mirrored: annotations where the mirror puts them; nan where a point is not annotated.
        found: by a fit, in the mirrored images.
        size: root mean square distance of the landmarks from their middle.
    """
    distances = _distances(mirrored, found)
    nearest, back = distances.argmin(axis=1), distances.argmin(axis=0)
    points = np.arange(len(distances))
    first = distances[points, nearest]
    others = distances.copy()
    others[points, nearest] = np.inf
    sure = (back[nearest] == points) & (first <= SURE * others.min(axis=1))
    sure &= first <= NEAR * size
    partners = np.where(sure, nearest, NOBODY)
    # In a mirror's mirror a point is itself again.
    returns = (partners != NOBODY) & (partners[partners] == points)
    return np.where(returns, partners, NOBODY)


def _distances(
    mirrored: Float[np.ndarray, "images points 2"], found: Float[np.ndarray, "images points 2"]
) -> Float[np.ndarray, "points points"]:
    """Mean distance of each mirrored point from each found one; infinite where not annotated."""
    offsets = np.linalg.norm(mirrored[:, :, None] - found[:, None], axis=-1)
    known = np.isfinite(offsets)
    means = np.where(known, offsets, 0).sum(axis=0) / known.sum(axis=0).clip(min=1)
    return np.where(known.any(axis=0), means, np.inf)


def as_partners(
    mirrored: Float[np.ndarray, "images points 2"], partners: Int[np.ndarray, " points"]
) -> Float[np.ndarray, "images points 2"]:
    """Mirrored annotations under the points that they are; nan where nobody knows."""
    annotations = np.full(mirrored.shape, np.nan)
    known = np.flatnonzero(partners != NOBODY)
    annotations[:, partners[known]] = mirrored[:, known]
    return annotations


def without_offset(
    annotations: Float[np.ndarray, "images points 2"], found: Float[np.ndarray, "images points 2"]
) -> Float[np.ndarray, "images points 2"]:
    """Annotations moved sideways, all alike, to where a fit on the images as they are finds them.

    Where a set's annotations are all off to one side, by a pixel of the larger image that was
    annotated, say, or by the handedness of whoever did it, the mirror puts them off to the other.

    Args:
        annotations: in the mirror, under the points that they are there; nan where there is none.
        found: by the fit, in the mirror.
    """
    offsets = (found - annotations)[..., 0]
    known = np.isfinite(offsets)
    offset = float(np.median(offsets[known])) if known.any() else 0.0
    return annotations + np.array([offset, 0.0])
