"""The geometric way: an affine combination of landmarks, then a free map of what it leaves.

    y = sum_k a_k x_k + F x        (a of `warpmarks.regression.affine`, F by ridge regression)

Both parts are linear, so together they are one map y = W x with the 2N x 2K weights of the plain
way. From few images F is held near zero and the geometry speaks; from many it is free, and the fit
comes to least squares.

The weight and the floor e of the combination, the same for all points, are chosen first, by its
leave-one-out errors, then the ridge of F by those of both parts together. With image i left out the
combination changes, and so do the residuals that F is fitted on: with the combination's fitted
residuals r, its left-out errors l and its leverages A_ji, they become r_j + A_ji l_i. So the error
of both parts on image i is, with the matrix B that takes residuals to the values that F fits,

    ( l_i - (B r)_i - (B A)_ii l_i ) / (1 - B_ii)

exactly what fitting both without image i gives, with the same distances d and weights.
"""

import numpy as np
from jaxtyping import Float

from warpmarks.regression.affine import Combination
from warpmarks.regression.choice import least, mean_distance, spread_evenly
from warpmarks.regression.linear import GRID, LinearMap, mean_square
from warpmarks.regression.patterns import patterns_of
from warpmarks.regression.ridge import UNDEFINED, Ridge

FLOORS = (0.005, 0.02, 0.08)
"""Values of e that are tried, in squared halves of an image's side."""

WEIGHTS = tuple(10.0**power for power in np.arange(-2, 2.6, 0.5))
"""Weights of the combination that are tried."""

ONE_FLOOR, ONE_WEIGHT = 0.02, 3.0
"""e and weight where leave-one-out says nothing, as with one image."""

NO_FREE_PART = 1e8
"""The ridge of F, in mean squared lengths of an image's inputs, that leaves nothing of it."""

MOST_TRIED = (16, 128)
"""Points and images, at most, that e and weight are chosen on: both hardly depend on more."""

CHUNK = 10_000_000
"""Numbers in the largest array made at a time."""


def fit_geometric(
    landmarks: Float[np.ndarray, "images landmarks 2"],
    annotations: Float[np.ndarray, "images points 2"],
    *,
    bias: bool,
) -> LinearMap:
    """Both parts, their weights chosen by leave-one-out, mean over annotated points.

    Args:
        landmarks: centred coordinates.
        annotations: centred coordinates; nan where a point is not annotated, which leaves the image
            out of the fit of that point alone.
        bias: whether the free part has an offset.
    """
    floor, weight = choose_combination(landmarks, annotations)
    some = spread_evenly(annotations.shape[1], MOST_TRIED[0])
    tried = _Parts.of(landmarks, annotations[:, some], floor, weight, bias)
    scale = mean_square(tried.inputs)
    ridge = least(
        (*GRID, NO_FREE_PART),
        lambda share: mean_distance(tried.left_out(share * scale)),
        otherwise=NO_FREE_PART,
    )
    count, points = annotations.shape[:2]
    at_a_time = max(1, CHUNK // (2 * count * landmarks.shape[1]))
    weights = np.empty((points, 2, 2 * landmarks.shape[1]))
    offset = np.empty((points, 2))
    errors = np.empty(annotations.shape)
    for first in range(0, points, at_a_time):
        chunk = slice(first, first + at_a_time)
        parts = _Parts.of(landmarks, annotations[:, chunk], floor, weight, bias)
        weights[chunk], offset[chunk] = parts.solution(ridge * scale)
        errors[:, chunk] = parts.left_out(ridge * scale)
    chosen = {"combination": weight, "floor": floor, "ridge": ridge}
    return LinearMap(weights.reshape(2 * points, -1), offset.ravel(), errors, chosen)


def choose_combination(
    landmarks: Float[np.ndarray, "images landmarks 2"],
    annotations: Float[np.ndarray, "images points 2"],
) -> tuple[float, float]:
    """The floor e and the weight of the combination with the least leave-one-out error."""
    points = spread_evenly(annotations.shape[1], MOST_TRIED[0])
    images = spread_evenly(len(landmarks), MOST_TRIED[1])
    some = annotations[np.ix_(images, points)]
    scored = []
    for floor in FLOORS:
        combination = Combination.of(landmarks[images], some, floor)
        for weight in WEIGHTS:
            scored.append((mean_distance(combination.left_out(weight)), floor, weight))
    error, floor, weight = min(scored)
    return (floor, weight) if np.isfinite(error) else (ONE_FLOOR, ONE_WEIGHT)


class _Parts:
    """The combination with its weights, and the free part of every ridge."""

    def __init__(
        self,
        combination: Combination,
        weight: float,
        inputs: Float[np.ndarray, "images inputs"],
        bias: bool,
    ) -> None:
        self.inputs = inputs
        self.combination, self.weight = combination, weight
        self.residuals = combination.fitted_residuals(weight)
        self.combined_left_out = combination.left_out(weight)
        shown = combination.shown.T
        unknown = np.where(shown[..., None], self.residuals.transpose(1, 0, 2), np.nan)
        self.free = [
            (
                pattern,
                Ridge.of(inputs[pattern.images], np.ones(len(pattern.images)) if bias else None),
            )
            for pattern in patterns_of(unknown)
        ]

    @classmethod
    def of(
        cls,
        landmarks: Float[np.ndarray, "images landmarks 2"],
        annotations: Float[np.ndarray, "images points 2"],
        floor: float,
        weight: float,
        bias: bool,
    ) -> "_Parts":
        combination = Combination.of(landmarks, annotations, floor)
        return cls(combination, weight, landmarks.reshape(len(landmarks), -1), bias)

    def solution(
        self, ridge: float
    ) -> tuple[Float[np.ndarray, "points 2 inputs"], Float[np.ndarray, "points 2"]]:
        """W and offset of each point."""
        rows = self.combination.weights(self.weight)
        weights = np.einsum("pk,xy->pxky", rows, np.eye(2)).reshape(len(rows), 2, -1)
        offset = np.zeros((len(rows), 2))
        for pattern, regression in self.free:
            free, constant = regression.solution(pattern.targets, ridge)
            weights[pattern.points] += free.T.reshape(len(pattern.points), 2, -1)
            offset[pattern.points] = constant.reshape(-1, 2)
        return weights, offset

    def left_out(self, ridge: float) -> Float[np.ndarray, "images points 2"]:
        """Annotation less prediction on each image of a fit of both parts without it."""
        errors = np.full((len(self.inputs), len(self.residuals), 2), np.nan)
        for pattern, regression in self.free:
            shown = np.ix_(pattern.points, pattern.images)
            left_out = self.combined_left_out[shown]  # points images 2
            fitted = regression.fitted(pattern.targets, ridge)
            fitted = fitted.reshape(len(pattern.images), -1, 2).transpose(1, 0, 2)
            through = self._through_both(pattern.points, pattern.images, regression, ridge)
            rest = 1 - regression.leverages(ridge)
            rest = np.where(rest > UNDEFINED, rest, np.nan)[:, None]
            both = (left_out - fitted - (through @ left_out[..., None])[..., 0]) / rest
            errors[np.ix_(pattern.images, pattern.points)] = both.transpose(1, 0, 2)
        return errors

    def _through_both(
        self, points: np.ndarray, images: np.ndarray, regression: Ridge, ridge: float
    ) -> Float[np.ndarray, "points images 2 2"]:
        """(B A)_ii: what a residual at image i says of itself through both parts."""
        smoother, kept = regression.smoother(ridge)
        bases = self.combination.basis[points].reshape(len(points), len(self.inputs), 2, -1)
        bases = bases[:, images]  # points images 2 rank
        shrunk = bases * self.combination.kept(self.weight)[points][:, None, None]
        across = np.einsum("jr,pjxq->prxq", smoother, bases, optimize=True)
        onto = np.einsum("ir,prxq->pixq", smoother * kept, across, optimize=True)
        return np.einsum("pixq,piyq->pixy", onto, shrunk, optimize=True)
