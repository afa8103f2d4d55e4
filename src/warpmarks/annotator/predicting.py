"""Points of all images from those that people placed on a few, and how well that goes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from warpmarks.points import Normaliser, PointScheme, numbered_names
from warpmarks.regression.examples import Examples
from warpmarks.regression.fitting import fit_regressor
from warpmarks.regression.regressor import Regressor
from warpmarks.regression.repeated import first_alike

_WHOLE_IMAGE = Normaliser("image", "image")  # unlike others it has a length on every image


@dataclass(frozen=True)
class Fitted:
    """A regressor for the points that are placed somewhere, and its leave-one-out errors.

    Attributes:
        regressor: of those points.
        points: which of all N they are.
        errors: leave-one-out, in pixels; nan where a point is not placed, was accepted as
            suggested, or is placed by hand on one image only.
    """

    regressor: Regressor
    points: Int[np.ndarray, " fitted"]
    errors: Float[np.ndarray, "images all_points"]

    def predict(
        self,
        landmarks: Float[np.ndarray, "images landmarks 2"],
        sizes: Float[np.ndarray, "images 2"],
    ) -> Float[np.ndarray, "images all_points 2"]:
        """All points in pixels; nan for those that are placed nowhere."""
        predicted = np.full((len(landmarks), self.errors.shape[1], 2), np.nan)
        predicted[:, self.points] = self.regressor.predict(landmarks, sizes)
        return predicted

    def confidences(
        self, scores: Float[np.ndarray, "images landmarks"]
    ) -> Float[np.ndarray, "images all_points"]:
        """Scores of the landmarks that each point is predicted from, by their influence."""
        confidences = np.full((len(scores), self.errors.shape[1]), np.nan)
        confidences[:, self.points] = self.regressor.point_scores(scores)
        return confidences.clip(0, 1)


def fit_placed(
    examples: Examples,
    detector: str = "",
    *,
    mirrored: Examples | None = None,
    pairs: Sequence[tuple[int, int]] = (),
) -> Fitted | None:
    """Fit every point that is placed on one of the images; None where none is.

    Args:
        examples: images with their landmarks; nan where a point is not placed.
        detector: digest of the detector, for the regressor.
        mirrored: the same images in the mirror, their points numbered as before.
        pairs: of points that change places there; none where nobody has said. A point whose partner
            is placed nowhere is not fitted in the mirror, where it is that one.
    """
    shown = np.isfinite(examples.annotations).all(axis=-1)
    images, points = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
    errors = np.full(shown.shape, np.nan)
    if not len(points):
        return None

    def placed(all_of_them: Examples) -> Examples:
        some = all_of_them.subset(images)
        return replace(some, annotations=some.annotations[:, points], accepted=None)

    numbers = {point: number for number, point in enumerate(points.tolist())}
    both = tuple((numbers[a], numbers[b]) for a, b in pairs if a in numbers and b in numbers)
    if mirrored is not None:
        mirrored = placed(mirrored)
        paired = {numbers[point] for pair in pairs for point in pair if point in numbers}
        alone = sorted(paired - {point for pair in both for point in pair})
        mirrored.annotations[:, alone] = np.nan
    fit = fit_regressor(
        placed(examples),
        PointScheme(numbered_names(len(points)), _WHOLE_IMAGE, both),
        detector=detector,
        mirrored=mirrored,
    )
    errors[np.ix_(images, points)] = fit.leave_one_out
    return Fitted(fit.regressor, points, np.where(examples.measured, errors, np.nan))


def errors_after(examples: Examples, count: int) -> Float[np.ndarray, "images points"]:
    """Errors in pixels on all images when only the first ``count`` of them had been labelled.

    Those are left out in turn, so that the errors of every count are of the same images; nan where
    a point could not be predicted or is not measured, and on later images of the pictures that were
    labelled. The fits are without images in the mirror, as for all left-out errors.
    """
    first = np.arange(len(examples)) < count
    fitted = fit_placed(examples.subset(np.flatnonzero(first)))
    errors = np.full(examples.annotations.shape[:2], np.nan)
    if fitted is not None:
        predicted = fitted.predict(examples.landmarks[~first], examples.sizes[~first])
        distances = np.linalg.norm(predicted - examples.annotations[~first], axis=-1)
        errors[first], errors[~first] = fitted.errors, distances
        errors[~first & (first_alike(examples) < count)] = np.nan
    return np.where(examples.measured, errors, np.nan)
