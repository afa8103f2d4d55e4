"""Linear maps y = W x of least squares, without bias (sec. 4.3): ridge regression in closed form.

x are the 2K centred coordinates of an image's landmarks, y those of its points. A ridge that
shrinks W to zero would shrink every prediction to the image's centre. Here the direction of the
mean landmarks m is left out of the penalty, so that a heavy ridge predicts the points' mean shape,
as large as the landmarks along m are: without bias, this is as near to the mean shape as can be.
With bias the constant is left out instead, and a heavy ridge predicts the mean shape itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from warpmarks.regression.choice import least, mean_distance
from warpmarks.regression.linear_map import LinearMap
from warpmarks.regression.patterns import Pattern, patterns_of
from warpmarks.regression.ridge import Ridge

GRID = tuple(10.0**power for power in np.arange(-8, 3.5, 0.5))
"""Ridge weights that are tried, in mean squared lengths of an image's inputs."""

FEW = 0.01
"""The weight where leave-one-out says nothing, as with one image, in the same unit."""


@dataclass(frozen=True, eq=False)
class PlainMaps:
    """The plain maps of every ridge weight, on the same images.

    Attributes:
        inputs: the landmarks' coordinates, a row for each image.
        mean: of the inputs, whose direction is not penalised; without bias only.
        parts: the regression of each pattern of annotated points.
        shape: of the annotations.
        bias: whether there is an offset.
        roots: of how much each image counts.
    """

    inputs: Float[np.ndarray, "images inputs"]
    mean: Float[np.ndarray, " inputs"]
    parts: tuple[tuple[Pattern, Ridge], ...]
    shape: tuple[int, int, int]
    bias: bool
    roots: Float[np.ndarray, " images"]

    @classmethod
    def of(
        cls,
        landmarks: Float[np.ndarray, "images landmarks 2"],
        annotations: Float[np.ndarray, "images points 2"],
        *,
        bias: bool,
        counts: Float[np.ndarray, " images"] | None = None,
    ) -> "PlainMaps":
        """Decompose what every ridge weight has in common.

        Args:
            landmarks: centred coordinates.
            annotations: centred coordinates; nan where a point is not annotated, which leaves the
                image out of the fit of that point alone.
            bias: whether there is an offset.
            counts: how much each image counts in the fit: as if it were there so many times, and
                left out as often; in the inputs' middle and scale all images count alike.
        """
        inputs = landmarks.reshape(len(landmarks), -1)
        mean = inputs.mean(axis=0)
        roots = np.ones(len(inputs)) if counts is None else np.sqrt(counts)
        parts = []
        for pattern in patterns_of(annotations):
            root = roots[pattern.images, None]
            shown = root * inputs[pattern.images]
            ridge = Ridge.of(shown, root[:, 0] if bias else shown @ mean)
            parts.append((replace(pattern, targets=root * pattern.targets), ridge))
        images, points = annotations.shape[:2]
        return cls(inputs, mean, tuple(parts), (images, points, 2), bias, roots)

    def penalty(self, weight: float) -> float:
        """A weight in mean squared lengths of an image's inputs, as the ridge takes it."""
        return weight * mean_square(self.inputs)

    def best(
        self,
        grid: Sequence[float] = GRID,
        left_out: Callable[[float], Float[np.ndarray, "originals points 2"]] | None = None,
    ) -> LinearMap:
        """The map of the weight with the least mean left-out distance, of those in a grid.

        Args:
            grid: of weights.
            left_out: what a weight leaves out; each image by itself if not given.
        """
        left_out = left_out or self.left_out
        weight = least(grid, lambda tried: mean_distance(left_out(tried)), otherwise=FEW)
        return self.map(weight, left_out(weight))

    def left_out(self, weight: float) -> Float[np.ndarray, "images points 2"]:
        """Annotation less prediction on each image of a fit without it."""
        errors = np.full(self.shape, np.nan)
        for pattern, ridge in self.parts:
            pattern.put(errors, ridge.left_out(pattern.targets, self.penalty(weight)))
        return errors / self.roots[:, None, None]

    def map(self, weight: float, errors: Float[np.ndarray, "originals points 2"]) -> LinearMap:
        """The map of one weight."""
        inputs = self.inputs.shape[1]
        weights = np.zeros((self.shape[1], 2, inputs))
        offset = np.zeros(self.shape[1:])
        for pattern, ridge in self.parts:
            columns, free = ridge.solution(pattern.targets, self.penalty(weight))
            if self.bias:
                offset[pattern.points] = free.reshape(-1, 2)
            else:
                # The columns have no part along the mean: the free ones say it without a penalty.
                columns = columns + np.outer(self.mean, free)
            weights[pattern.points] = columns.T.reshape(len(pattern.points), 2, inputs)
        return LinearMap(weights.reshape(-1, inputs), offset.ravel(), errors, {"ridge": weight})


def mean_square(inputs: Float[np.ndarray, "images inputs"]) -> float:
    """Mean squared length of an image's inputs; 1 where all are zero."""
    return float((inputs**2).sum(axis=1).mean()) or 1.0
