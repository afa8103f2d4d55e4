"""Choosing the weights of a regression, and its way, by leave-one-out errors, never by the user."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from jaxtyping import Float

Candidate = TypeVar("Candidate")


def mean_distance(errors: Float[np.ndarray, "*shape 2"]) -> float:
    """Mean length of errors, without those that are nan; infinite where all are."""
    lengths = np.hypot(errors[..., 0], errors[..., 1])
    known = np.isfinite(lengths)
    return float(lengths[known].mean()) if known.any() else float("inf")


def least(
    candidates: Sequence[Candidate], score: Callable[[Candidate], float], *, otherwise: Candidate
) -> Candidate:
    """The candidate with the lowest score; ``otherwise`` where no score is finite."""
    scores = [score(candidate) for candidate in candidates]
    best = int(np.argmin(scores))
    return candidates[best] if np.isfinite(scores[best]) else otherwise


WITHIN = 0.5
"""Standard errors by which a simpler candidate may be worse than the best."""


def simplest(
    candidates: Sequence[Candidate],
    left_out: Callable[[Candidate], Float[np.ndarray, "images points 2"]],
    *,
    otherwise: Candidate,
) -> Candidate:
    """The first candidate that is not clearly worse than the best.

    Left-out errors of few images have a spread of their own, and their minimum is often a candidate
    that was lucky (Breiman et al. 1984). The difference of a candidate to the best is taken on each
    image, so what makes an image hard for both does not count.

    Args:
        candidates: from the simplest on.
        left_out: left-out errors of a candidate; nan where there is none.
        otherwise: where no candidate has an error on every image that is annotated.
    """
    of_images = []
    for candidate in candidates:
        errors = left_out(candidate)
        lengths = np.hypot(errors[..., 0], errors[..., 1])
        known = np.isfinite(lengths)
        counts = known.sum(axis=1)
        sums = np.where(known, lengths, 0.0).sum(axis=1)
        of_images.append(sums[counts > 0] / counts[counts > 0])
    most = max(len(errors) for errors in of_images)
    usable = [i for i, errors in enumerate(of_images) if len(errors) == most > 1]
    if not usable:
        return otherwise
    best = min(usable, key=lambda i: float(of_images[i].mean()))
    for i in usable:
        worse = of_images[i] - of_images[best]
        if worse.mean() <= WITHIN * worse.std(ddof=1) / np.sqrt(most):
            return candidates[i]
    return candidates[best]
