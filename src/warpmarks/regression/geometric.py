"""The geometric way: each point between the landmarks around it, then a free map of what is left.

    y = sum_k a_k(q) x_k + F x

q is the place of the point on the mean landmark shape, the mean over the annotated images, and a(q)
how the landmarks' motion carries over to it (`warpmarks.regression.interpolation`): with one image
it is known, with more it is known better. F is a ridge regression of the rest. Both parts are
linear, so together they are one map y = W x with the 2N x 2K weights of the plain way. From few
images F is held near zero and the geometry speaks; from many it is free, and the fit comes to least
squares.

Only the ridge of F is chosen by leave-one-out errors of annotations. With image i left out q
changes, and with it a, a little for every image; with B, that takes targets to what F fits of them,
the error on image i is

    ( [Y - B Y]_i - [X - B X]_i a(q without i) ) / (1 - B_ii)

exactly what fitting both parts without it gives. The mean shape and the noise of the landmarks are
those of all images: they come from landmarks, and know no annotation.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from warpmarks.regression.choice import simplest, spread_evenly
from warpmarks.regression.interpolation import (
    MOST_TRIED,
    NOISE,
    Interpolation,
    choose_noise,
    mean_landmarks,
    places_on,
)
from warpmarks.regression.linear import GRID, LinearMap, mean_square
from warpmarks.regression.patterns import Pattern, patterns_of
from warpmarks.regression.ridge import UNDEFINED, Ridge

NO_FREE_PART = 1e8
"""The ridge of F, in mean squared lengths of an image's inputs, that leaves nothing of it."""

FEWEST = 3
"""Images from which leave-one-out errors can choose anything."""


def fit_geometric(
    landmarks: Float[np.ndarray, "images landmarks 2"],
    annotations: Float[np.ndarray, "images points 2"],
    *,
    bias: bool,
) -> LinearMap:
    """Both parts, the ridge chosen by leave-one-out, mean over annotated points.

    Args:
        landmarks: centred coordinates.
        annotations: centred coordinates; nan where a point is not annotated, which leaves the image
            out of the fit of that point alone.
        bias: whether the free part has an offset.
    """
    count, points = annotations.shape[:2]
    shape = mean_landmarks(landmarks)
    seen = spread_evenly(count, MOST_TRIED)
    noise = choose_noise(shape, landmarks[seen]) if count >= FEWEST else NOISE
    interpolation = Interpolation.between(shape, noise)
    inputs = landmarks.reshape(count, -1)
    scale = mean_square(inputs)
    parts = [
        _Part.of(pattern, landmarks, annotations, shape, interpolation, bias)
        for pattern in patterns_of(annotations)
    ]

    def left_out(ridge: float) -> Float[np.ndarray, "images points 2"]:
        errors = np.full(annotations.shape, np.nan)
        for part in parts:
            errors[np.ix_(part.pattern.images, part.pattern.points)] = part.left_out(ridge * scale)
        return errors

    candidates = (NO_FREE_PART, *reversed(GRID))
    ridge = NO_FREE_PART
    if count >= FEWEST:
        ridge = simplest(candidates, left_out, otherwise=NO_FREE_PART)
    weights = np.empty((points, 2, inputs.shape[1]))
    offset = np.empty((points, 2))
    for part in parts:
        weights[part.pattern.points], offset[part.pattern.points] = part.solution(ridge * scale)
    return LinearMap(
        weights.reshape(2 * points, -1),
        offset.ravel(),
        left_out(ridge),
        {"noise": noise, "ridge": ridge},
    )


@dataclass(frozen=True)
class _Part:
    """Points that are annotated on the same images.

    Attributes:
        pattern: which points and images.
        landmarks: of these images.
        combination: a of each point.
        without: the same without each of the images; nan where there is no other.
        free: the regression of F.
    """

    pattern: Pattern
    landmarks: Float[np.ndarray, "images landmarks 2"]
    combination: Float[np.ndarray, "points landmarks"]
    without: Float[np.ndarray, "images points landmarks"]
    free: Ridge

    @classmethod
    def of(
        cls,
        pattern: Pattern,
        landmarks: Float[np.ndarray, "all_images landmarks 2"],
        annotations: Float[np.ndarray, "all_images all_points 2"],
        shape: Float[np.ndarray, "landmarks 2"],
        interpolation: Interpolation,
        bias: bool,
    ) -> "_Part":
        shown = landmarks[pattern.images]
        count = len(shown)
        placed = spread_evenly(count, MOST_TRIED)
        own = annotations[np.ix_(pattern.images[placed], pattern.points)]
        places = places_on(shape, shown[placed], own, interpolation.noise)
        mean = places.mean(axis=0)
        others = np.broadcast_to(mean, (count, *mean.shape)).copy()
        others[placed] = (
            (len(placed) * mean - places) / (len(placed) - 1) if len(placed) > 1 else np.nan
        )
        free = Ridge.of(shown.reshape(count, -1), np.ones(count) if bias else None)
        return cls(pattern, shown, interpolation.weights(mean), interpolation.weights(others), free)

    def solution(
        self, ridge: float
    ) -> tuple[Float[np.ndarray, "points 2 inputs"], Float[np.ndarray, "points 2"]]:
        """W and offset of each point."""
        between = np.einsum("pk,xy->pxky", self.combination, np.eye(2))
        count, points = len(self.landmarks), len(self.pattern.points)
        combined = np.einsum("pk,ikc->ipc", self.combination, self.landmarks)
        rest = self.pattern.targets - combined.reshape(count, -1)
        free, constant = self.free.solution(rest, ridge)
        weights = between.reshape(points, 2, -1) + free.T.reshape(points, 2, -1)
        return weights, constant.reshape(points, 2)

    def left_out(self, ridge: float) -> Float[np.ndarray, "images points 2"]:
        """Annotation less prediction on each image of a fit of both parts without it."""
        count = len(self.landmarks)
        inputs = self.landmarks.reshape(count, -1)
        targets = (self.pattern.targets - self.free.fitted(self.pattern.targets, ridge)).reshape(
            count, -1, 2
        )
        sources = (inputs - self.free.fitted(inputs, ridge)).reshape(self.landmarks.shape)
        rest = 1 - self.free.leverages(ridge)
        rest = np.where(rest > UNDEFINED, rest, np.nan)[:, None, None]
        errors: Float[np.ndarray, "images points 2"] = (
            targets - np.matmul(self.without, sources)
        ) / rest
        return errors
