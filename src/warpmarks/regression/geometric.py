"""The geometric way: each point between the landmarks around it, then a free map of what is left.

    y = sum_k a_k(q) x_k + F x

q is the place of the point on the mean landmark shape, the middle of where the annotated images
have it (`warpmarks.regression.centres`), and a(q) how the landmarks' motion carries over to it
(`warpmarks.regression.interpolation`): with one image it is known, with more it is known better,
and images in the mirror are more images (`warpmarks.regression.mirrored`). F is a ridge regression
of the rest. Both parts are linear, so together they are one map y = W x with the 2N x 2K weights of
the plain way. From few images F is held near zero and the geometry speaks; from many it is free,
and the fit comes to least squares.

Only the ridge of F is chosen by leave-one-out errors of annotations. With image i left out q
changes, and with it a, a little for every image; with B, that takes targets to what F fits of them,
the error on image i is

    ( [Y - B Y]_i - [X - B X]_i a(q without i) ) / (1 - B_ii)

exactly what fitting both parts without it gives. F can also be fitted on warped copies of the
images, as the paper fits its map, and on images in the mirror. They are left out with their image,
and in the place of the two brackets over 1 - B_ii stands what `Ridge.groups_left_out` says of Y and
of X. The mean shape and the noise of the landmarks are those of all images: they come from
landmarks, and know no annotation.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from warpmarks.regression.centres import centres, centres_without
from warpmarks.regression.choice import simplest
from warpmarks.regression.interpolation import (
    MOST_TRIED,
    NOISE,
    Interpolation,
    choose_noise,
    mean_landmarks,
    places_on,
)
from warpmarks.regression.least_squares import GRID, mean_square
from warpmarks.regression.linear_map import LinearMap
from warpmarks.regression.patterns import Pattern, patterns_of
from warpmarks.regression.ridge import Ridge
from warpmarks.spreading import spread_evenly

NO_FREE_PART = 1e8
"""The ridge of F, in mean squared lengths of an image's inputs, that leaves nothing of it."""

MOST_PLACED = 50
"""Images, at most, by which points are placed on the mean shape; more say what these say."""

FEWEST = 3
"""Images from which leave-one-out errors can choose anything."""


def fit_geometric(
    landmarks: Float[np.ndarray, "images landmarks 2"],
    annotations: Float[np.ndarray, "images points 2"],
    *,
    bias: bool,
    copies: tuple[
        Float[np.ndarray, "images copies landmarks 2"], Float[np.ndarray, "images copies points 2"]
    ]
    | None = None,
    mirrored: tuple[Float[np.ndarray, "images landmarks 2"], Float[np.ndarray, "images points 2"]]
    | None = None,
) -> LinearMap:
    """Both parts, the ridge chosen by leave-one-out, mean over annotated points.

    Args:
        landmarks: centred coordinates.
        annotations: centred coordinates; nan where a point is not annotated, which leaves the image
            out of the fit of that point alone.
        bias: whether the free part has an offset.
        copies: landmarks and annotations of warped copies of each image, to fit the free part on
            too; nan where the image's are.
        mirrored: landmarks and annotations of each image in the mirror; nan where a point is not
            annotated, or is not known to be which.
    """
    count, points = annotations.shape[:2]
    seen = landmarks if mirrored is None else np.concatenate([landmarks, mirrored[0]])
    shape = mean_landmarks(seen)
    tried = seen[spread_evenly(len(seen), MOST_TRIED)]
    noise = choose_noise(shape, tried) if count >= FEWEST else NOISE
    interpolation = Interpolation.between(shape, noise)
    inputs = landmarks.reshape(count, -1)
    scale = mean_square(inputs)
    parts = [
        _Part.of(pattern, landmarks, annotations, shape, interpolation, bias, copies, mirrored)
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


@dataclass(frozen=True, eq=False)
class _Part:
    """Points that are annotated on the same images.

    Attributes:
        pattern: which points and images.
        landmarks: of these images, each followed by itself in the mirror and its copies.
        targets: annotations of the same.
        combination: a of each point.
        without: the same without each of the images; nan where there is no other.
        free: the regression of F.
    """

    pattern: Pattern
    landmarks: Float[np.ndarray, "images each landmarks 2"]
    targets: Float[np.ndarray, "images each points 2"]
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
        copies: tuple[np.ndarray, np.ndarray] | None,
        mirrored: tuple[np.ndarray, np.ndarray] | None,
    ) -> "_Part":
        shown, count = landmarks[pattern.images], len(pattern.images)
        sources, targets = shown[:, None], pattern.targets.reshape(count, 1, -1, 2)
        placed = spread_evenly(count, MOST_PLACED)
        views = [(shown, annotations[np.ix_(pattern.images, pattern.points)])]
        if mirrored is not None:
            its = mirrored[1][np.ix_(pattern.images, pattern.points)]
            views.append((mirrored[0][pattern.images], its))
            if np.isfinite(its).all():
                sources = np.concatenate([sources, views[1][0][:, None]], axis=1)
                targets = np.concatenate([targets, its[:, None]], axis=1)
        places = np.stack(
            [places_on(shape, x[placed], y[placed], interpolation.noise) for x, y in views], axis=1
        )
        middle = centres(places.reshape(-1, *places.shape[2:]))
        others = np.broadcast_to(middle, (count, *middle.shape)).copy()
        others[placed] = centres_without(places)
        if copies is not None:
            sources = np.concatenate([sources, copies[0][pattern.images]], axis=1)
            its = copies[1][np.ix_(pattern.images, np.arange(copies[1].shape[1]), pattern.points)]
            targets = np.concatenate([targets, its], axis=1)
        rows = sources.reshape(-1, 2 * sources.shape[2])
        return cls(
            pattern,
            sources,
            targets,
            interpolation.weights(middle),
            interpolation.weights(others),
            Ridge.of(rows, np.ones(len(rows)) if bias else None),
        )

    def solution(
        self, ridge: float
    ) -> tuple[Float[np.ndarray, "points 2 inputs"], Float[np.ndarray, "points 2"]]:
        """W and offset of each point."""
        between = np.einsum("pk,xy->pxky", self.combination, np.eye(2))
        points = len(self.pattern.points)
        combined = np.einsum("pk,iekc->iepc", self.combination, self.landmarks)
        rest = self.targets - combined
        free, constant = self.free.solution(rest.reshape(-1, 2 * points), ridge)
        weights = between.reshape(points, 2, -1) + free.T.reshape(points, 2, -1)
        return weights, constant.reshape(points, 2)

    def left_out(self, ridge: float) -> Float[np.ndarray, "images points 2"]:
        """Annotation less prediction on each image of a fit of both parts without it."""
        count, each, landmarks = self.landmarks.shape[:3]
        both = np.concatenate([self.targets, self.landmarks], axis=2).reshape(count * each, -1)
        if each == 1:
            left_out = self.free.left_out(both, ridge)
        else:
            groups = np.arange(count * each).reshape(count, each)
            left_out = self.free.groups_left_out(both, ridge, groups)
        by_image = left_out.reshape(count, -1, 2)
        targets, sources = by_image[:, :-landmarks], by_image[:, -landmarks:]
        errors: Float[np.ndarray, "images points 2"] = targets - np.matmul(self.without, sources)
        return errors
