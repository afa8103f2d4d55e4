"""What scores say of errors: whether points that a detector was less sure of are further off.

A score is not a probability, and its level differs from point to point: each point is ranked by
itself, over the images on which it is annotated.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

PARTS = 4
FEWEST = 8
"""Images, of which a point has to be annotated on as many: quarters of fewer say nothing."""


def score_ranks(
    errors: Float[np.ndarray, "images points"], scores: Float[np.ndarray, "images points"]
) -> Float[np.ndarray, "images points"]:
    """The share of the images on which a point has a lower score, and half of those like it.

    Above 0, where a point is least sure, and below 1; equal scores have equal ranks. nan where the
    error is, and for a point that is annotated on fewer images than FEWEST.

    Args:
        errors: nan where a point is not annotated.
        scores: of the same points.
    """
    known = np.isfinite(errors)
    known &= known.sum(axis=0) >= FEWEST
    ranks = np.full(errors.shape, np.nan)
    for point in np.flatnonzero(known.any(axis=0)):
        own = scores[known[:, point], point]
        lower, upper = (np.searchsorted(np.sort(own), own, side) for side in ("left", "right"))
        ranks[known[:, point], point] = (lower + upper) / (2 * len(own))
    return ranks


def errors_by_score(
    errors: Float[np.ndarray, "images points"], scores: Float[np.ndarray, "images points"]
) -> Float[np.ndarray, " parts"]:
    """Mean errors of the quarters of the points, from the lowest scores to the highest.

    Falling numbers say that a low score is a reason for doubt; equal ones that it says nothing. nan
    for a quarter that no point falls into, because scores are equal; for all with few images.

    Args:
        errors: over the normaliser; nan where a point is not annotated.
        scores: of the same points.
    """
    parts = np.floor(PARTS * score_ranks(errors, scores))
    means = [errors[parts == part] for part in range(PARTS)]
    return np.array([found.mean() if found.size else np.nan for found in means])


def errors_of_the_surest(
    errors: Float[np.ndarray, "images points"],
    scores: Float[np.ndarray, "images points"],
    shares: Sequence[float] | np.ndarray,
) -> Float[np.ndarray, " shares"]:
    """Mean errors of that share of each point's images on which its score is highest.

    With minus the errors as scores it is the least that any score could come to.

    Args:
        errors: over the normaliser; nan where a point is not annotated.
        scores: of the same points.
        shares: above 0 to 1, which is all points but those on too few images; nan for one so small
            that no point is left.
    """
    ranks = score_ranks(errors, scores)
    left = [errors[ranks >= 1 - share] for share in shares]
    return np.array([found.mean() if found.size else np.nan for found in left])
