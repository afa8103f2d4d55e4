"""One linear map from discovered landmarks to annotated points, whatever way it was fitted."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from warpmarks.arguments import expect, expect_shapes
from warpmarks.centred import centred_to_pixels, pixels_to_centred
from warpmarks.errors import InputError
from warpmarks.points import PointScheme
from warpmarks.wording import be, counted


@dataclass(frozen=True, eq=False)
class Regressor:
    """y = W x + offset in centred coordinates (see `warpmarks.coordinates`).

    Attributes:
        weights: W; coordinates are ordered x1, y1, x2, y2, ...
        offset: none where the map has no bias, as in the paper.
        scheme: of the points.
        method: the way it was fitted: linear, warps or geometric.
        detector: digest of the detector whose landmarks it takes, see
            `warpmarks.detectors.detector.Detector.digest`; empty where nobody has said, and then no
            detector takes it.
        fitted_on: number of annotated images.
        mean_shape: mean of their annotations in centred coordinates: what a prediction that knows
            nothing of the image would be, to judge errors by.
        fitted_names: of these images, each by its `short_hash`; none where they are not known.
    """

    weights: Float[np.ndarray, "outputs inputs"]
    offset: Float[np.ndarray, " outputs"] | None
    scheme: PointScheme
    method: str
    detector: str
    fitted_on: int
    mean_shape: Float[np.ndarray, "points 2"]
    fitted_names: frozenset[str] = frozenset()

    @property
    def num_landmarks(self) -> int:
        """K."""
        return self.weights.shape[1] // 2

    @property
    def num_points(self) -> int:
        """N."""
        return self.scheme.count

    def predict(
        self,
        landmarks: Float[np.ndarray, "images landmarks 2"],
        sizes: Float[np.ndarray, "images 2"],
    ) -> Float[np.ndarray, "images points 2"]:
        """The points of images of the given widths and heights; all in pixels of these images.

        Of a detection of one image: ``predict(found.landmarks[None], found.size[None])[0]``.

        Raises:
            InputError: another number of landmarks than the regressor takes, or of sizes than of
                images.
        """
        expect_shapes(landmarks=(landmarks, "images landmarks 2"), sizes=(sizes, "images 2"))
        if landmarks.shape[1] != self.num_landmarks:
            raise InputError(
                f"the regressor takes {counted(self.num_landmarks, 'landmark')}, but there "
                f"{be(landmarks.shape[1])} {landmarks.shape[1]}: use the detector that it was "
                "fitted with, or fit again"
            )
        inputs = pixels_to_centred(landmarks, sizes).reshape(len(landmarks), -1)
        outputs = inputs @ self.weights.T
        if self.offset is not None:
            outputs = outputs + self.offset
        return centred_to_pixels(outputs.reshape(len(landmarks), -1, 2), sizes)

    def influences(self) -> Float[np.ndarray, "points landmarks"]:
        """How much of each point comes from each landmark; the rows sum to one (fig. 7).

        The paper's words: the absolute values of the coefficients, l1-normalised; here summed over
        the four that take the x and y of a landmark to those of a point.
        """
        blocks = np.abs(self.weights).reshape(self.num_points, 2, self.num_landmarks, 2)
        sums = blocks.sum(axis=(1, 3))
        totals = sums.sum(axis=1, keepdims=True)
        return sums / np.where(totals > 0, totals, 1)

    def point_scores(
        self, scores: Float[np.ndarray, "*images landmarks"]
    ) -> Float[np.ndarray, "*images points"]:
        """Of each point the mean score of its landmarks, each by its influence; in [0, 1].

        Low where the landmarks that decide a point were not found well.

        Args:
            scores: of the landmarks, see `warpmarks.heatmaps.concentration`.
        """
        return scores @ self.influences().T

    def count_fitted(self, names: Iterable[str]) -> int:
        """How many of these are names of images that it was fitted on."""
        return sum(short_hash(name) in self.fitted_names for name in names)

    def check_detector(self, digest: str, *, name: str) -> None:
        """Raise unless the landmarks of the detector with this digest are the ones it takes.

        Raises:
            InputError: it belongs to another detector; ``name`` is the regressor's.
        """
        if not self.detector:
            raise InputError(
                f"the regressor {name} does not say which detector it was fitted with: fit it "
                "again with fit_regressor(..., detector=detector.digest)"
            )
        if digest != self.detector:
            raise InputError(
                f"the regressor {name} was fitted with another detector (weights "
                f"{self.detector[:12]}, here {digest[:12]}): fit it again with this run"
            )


def expect_regressor(given: Regressor) -> Regressor:
    """What was given, if it is a regressor.

    Raises:
        InputError: it is none, or a fit with one in it.
    """
    inside = isinstance(getattr(given, "regressor", None), Regressor)
    how = "the fit's .regressor" if inside else "what load_regressor(path) gives"
    return expect(given, Regressor, "regressor", how)


def short_hash(name: str) -> str:
    """Twelve hexadecimal digits for the name of an image."""
    return hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:12]
