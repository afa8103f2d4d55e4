"""The middle of places that should agree, of which some may be far off.

One annotated image of five whose landmarks went wrong takes a mean with it. The middle here is the
q with the least sum of sqrt(1 + |p - q|^2 / s^2) over the places p (pseudo-Huber: Charbonnier et
al. 1997): a mean of places within s, and beyond it each pulls no harder, however far it is. s is
the median distance from the median place.
"""

import numpy as np
from jaxtyping import Float

ROUNDS, REST = 30, 1e-7
"""Weighted means at most, each with weights from the one before, until it moves by this share of s
at most."""

LEAST = 1e-9
"""s at least, where most places are one and the same."""


def centres(places: Float[np.ndarray, "*sets places points 2"]) -> Float[np.ndarray, "..."]:
    """The middle of each point's places, (*sets, points, 2); nan where there is no place.

    Args:
        places: nan where there is none.
    """
    known = np.isfinite(places).all(axis=-1)
    given = np.where(known[..., None], places, 0.0)
    middle = _medians(places, known)
    scale = _medians(_distances(places, middle)[..., None], known)[..., 0].clip(min=LEAST)
    for _ in range(ROUNDS):
        weights = known / np.hypot(1.0, _distances(given, middle) / scale[..., None, :])
        total = weights.sum(axis=-2)
        before = middle
        with np.errstate(invalid="ignore"):
            middle = (weights[..., None] * given).sum(axis=-3) / total[..., None]
        moved = np.linalg.norm(middle - before, axis=-1)
        if not (moved > REST * scale).any():
            break
    return middle


def centres_without(
    places: Float[np.ndarray, "images each points 2"],
) -> Float[np.ndarray, "images points 2"]:
    """The middle of all images' places without each image's; nan where there is no other."""
    images, _, points = places.shape[:3]
    others = np.broadcast_to(places, (images, *places.shape)).copy()
    others[np.arange(images), np.arange(images)] = np.nan
    return centres(others.reshape(images, -1, points, 2))


def _distances(places: np.ndarray, middle: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.norm(places - middle[..., None, :, :], axis=-1))


def _medians(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Over the axis of places; nan where none is known."""
    count = known.sum(axis=-2)[..., None, :, None]
    ordered = np.sort(values, axis=-3)  # those that are not known last
    upper = np.take_along_axis(ordered, np.clip(count // 2, 0, values.shape[-3] - 1), axis=-3)
    lower = np.take_along_axis(ordered, np.clip((count - 1) // 2, 0, None), axis=-3)
    middle: np.ndarray = (lower + upper) / 2
    return middle[..., 0, :, :]
