"""Choosing the weights of a regression by its leave-one-out errors, never by the user."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float


def mean_distance(errors: Float[np.ndarray, "*shape 2"]) -> float:
    """Mean length of errors, without those that are nan; infinite where all are."""
    lengths = np.hypot(errors[..., 0], errors[..., 1])
    known = np.isfinite(lengths)
    return float(lengths[known].mean()) if known.any() else float("inf")


def least(
    candidates: Sequence[float], score: Callable[[float], float], *, otherwise: float
) -> float:
    """The candidate with the lowest score; ``otherwise`` where no score is finite."""
    scores = [score(candidate) for candidate in candidates]
    best = int(np.argmin(scores))
    return candidates[best] if np.isfinite(scores[best]) else otherwise


def spread_evenly(count: int, most: int) -> np.ndarray:
    """Indices of at most ``most`` of ``count`` things, at even distances."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))
