"""Each annotated point as an affine combination of landmarks: y = sum_k a_k x_k, sum_k a_k = 1.

The same weights serve x and y, so the map commutes with every shift, rotation, scaling and shear of
the image, and says something sane from one annotated image. Landmarks near the point are cheap and
those far from it dear:

    minimise over a with sum a = 1:  sum_i |y_i - sum_k a_k x_ik|^2 + weight sum_k a_k^2 (d_k^2 + e)

d_k^2 is the mean squared distance of landmark k to the point over the annotated images. Without any
fit (an infinite weight) the solution is a_k ~ 1 / (d_k^2 + e), the point p as interpolated with
inverse distances; with s_k^2 = 1 / (d_k^2 + e) and a_k = s_k^2 / sum s^2 + s_k v_k the rest is a
ridge regression of y - p on the inputs s_k (x_k - p), whose solution v keeps the sum at one.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from warpmarks.regression.ridge import RANK


@dataclass(frozen=True)
class Combination:
    """The decomposed regressions of several points, of every weight at once.

    Attributes:
        start: a of an infinite weight.
        step: s.
        basis: orthonormal, for each point; zero where the point is not annotated.
        strengths: squared singular values, zero where there is none.
        back: takes what the basis explains of the residuals, over the square root of the strengths,
            to v.
        residuals: y - p; zero where the point is not annotated.
        shown: where the point is annotated.
    """

    start: Float[np.ndarray, "points landmarks"]
    step: Float[np.ndarray, "points landmarks"]
    basis: Float[np.ndarray, "points coordinates rank"]
    strengths: Float[np.ndarray, "points rank"]
    back: Float[np.ndarray, "points landmarks rank"]
    residuals: Float[np.ndarray, "points coordinates"]
    shown: Bool[np.ndarray, "points images"]

    @classmethod
    def of(
        cls,
        landmarks: Float[np.ndarray, "images landmarks 2"],
        annotations: Float[np.ndarray, "images points 2"],
        floor: float,
    ) -> "Combination":
        """Decompose; ``floor`` is e. A point that no image shows is the landmarks' mean."""
        shown = np.isfinite(annotations).all(axis=-1).T
        cheap = 1 / (mean_squared_distances(landmarks, annotations) + floor)
        start = cheap / cheap.sum(axis=1, keepdims=True)
        step = np.sqrt(cheap)
        interpolated = np.einsum("nk,ikc->nic", start, landmarks)
        inputs = landmarks.transpose(0, 2, 1) - interpolated[..., None]  # points images 2 landmarks
        inputs *= step[:, None, None]
        inputs[~shown] = 0
        residuals = annotations.transpose(1, 0, 2) - interpolated
        residuals[~shown] = 0
        points, images = shown.shape
        basis, strengths, back = _thin_svds(inputs.reshape(points, 2 * images, -1))
        return cls(start, step, basis, strengths, back, residuals.reshape(points, -1), shown)

    def weights(self, weight: float) -> Float[np.ndarray, "points landmarks"]:
        """A of each point; each row sums to one."""
        explained = np.einsum("pir,pi->pr", self.basis, self.residuals)
        shrunk = np.sqrt(self.strengths) / (self.strengths + weight) * explained
        return self.start + self.step * np.einsum("pkr,pr->pk", self.back, shrunk)

    def fitted_residuals(self, weight: float) -> Float[np.ndarray, "points images 2"]:
        """Annotation less fit; zero where the point is not annotated."""
        explained = np.einsum("pir,pi->pr", self.basis, self.residuals)
        fitted = np.einsum("pir,pr->pi", self.basis, self.kept(weight) * explained)
        return (self.residuals - fitted).reshape(*self.shown.shape, 2)

    def leverages(self, weight: float) -> Float[np.ndarray, "points images 2 2"]:
        """The blocks on the diagonal of the matrix from residuals to fitted ones, by image."""
        by_image = self.basis.reshape(*self.shown.shape, 2, -1)
        return np.einsum("pixr,pr,piyr->pixy", by_image, self.kept(weight), by_image, optimize=True)

    def left_out(self, weight: float) -> Float[np.ndarray, "points images 2"]:
        """Annotation less prediction on each image of a fit without it, the distances d the same.

        nan where the point is not annotated or only this image shows it.
        """
        errors = over_rest(self.fitted_residuals(weight), self.leverages(weight))
        errors[~self.shown | (self.shown.sum(axis=1, keepdims=True) < 2)] = np.nan
        return errors

    def kept(self, weight: float) -> Float[np.ndarray, "points rank"]:
        """What share of each direction of the basis a weight leaves."""
        return self.strengths / (self.strengths + weight)


def mean_squared_distances(
    landmarks: Float[np.ndarray, "images landmarks 2"],
    annotations: Float[np.ndarray, "images points 2"],
) -> Float[np.ndarray, "points landmarks"]:
    """Over the images that show the point; 1 for a point that none shows."""
    shown = np.isfinite(annotations).all(axis=-1)
    there = np.where(shown[..., None], annotations, 0.0)
    # |y - x|^2 = |y|^2 - 2 y x + |x|^2, summed over images as three matrix products
    flat = np.einsum("inc,ikc->nk", there, landmarks, optimize=True)
    own = (there**2).sum(axis=(0, 2))[:, None]
    others = shown.T.astype(np.float64) @ (landmarks**2).sum(axis=-1)
    counts = shown.sum(axis=0)[:, None]
    sums = np.where(counts > 0, own - 2 * flat + others, 1.0)
    return np.maximum(sums, 0) / np.maximum(counts, 1)


def over_rest(
    residuals: Float[np.ndarray, "points images 2"],
    leverages: Float[np.ndarray, "points images 2 2"],
) -> Float[np.ndarray, "points images 2"]:
    """(I - leverage)^-1 residual of each image, by the inverse of a matrix of 2 x 2."""
    a, b = 1 - leverages[..., 0, 0], -leverages[..., 0, 1]
    c, d = -leverages[..., 1, 0], 1 - leverages[..., 1, 1]
    x, y = residuals[..., 0], residuals[..., 1]
    return np.stack([d * x - b * y, a * y - c * x], axis=-1) / (a * d - b * c)[..., None]


def _thin_svds(
    inputs: Float[np.ndarray, "points coordinates landmarks"],
) -> tuple[
    Float[np.ndarray, "points coordinates rank"],
    Float[np.ndarray, "points rank"],
    Float[np.ndarray, "points landmarks rank"],
]:
    """U, squared singular values and V through the smaller Gram matrices; rounding is zero."""
    tall = inputs.shape[1] >= inputs.shape[2]
    turned = inputs.transpose(0, 2, 1)
    strengths, vectors = np.linalg.eigh(turned @ inputs if tall else inputs @ turned)
    kept = strengths > RANK * np.maximum(strengths[:, -1:], np.finfo(float).tiny)
    strengths = np.where(kept, strengths, 0.0)
    roots = np.where(kept, np.sqrt(strengths), np.inf)
    other = (inputs if tall else turned) @ vectors / roots[:, None]
    return (other, strengths, vectors) if tall else (vectors, strengths, other)
