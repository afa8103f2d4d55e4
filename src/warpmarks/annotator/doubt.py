"""How likely an image's predicted points are wrong: to find the worst ones first."""

import numpy as np
from jaxtyping import Float

from warpmarks.annotator.predicting import Fitted
from warpmarks.annotator.shapes import align


def doubts(
    landmarks: Float[np.ndarray, "images landmarks 2"],
    scores: Float[np.ndarray, "images landmarks"],
    sizes: Float[np.ndarray, "images 2"],
    fitted: Fitted,
) -> Float[np.ndarray, " images"]:
    """From 0 to 1 for each image: its place among all images in the order of doubt."""
    confidence = fitted.confidences(scores)[:, fitted.points].mean(axis=1)
    aligned = align(fitted.regressor.predict(landmarks, sizes))
    oddness = np.linalg.norm(aligned.shapes - aligned.mean, axis=(1, 2))
    return _ranks(_ranks(-confidence) + _ranks(oddness))


def _ranks(values: Float[np.ndarray, " images"]) -> Float[np.ndarray, " images"]:
    """From 0 for the smallest to 1 for the largest."""
    ranks = np.empty(len(values))
    ranks[np.argsort(values, kind="stable")] = np.arange(len(values))
    return ranks / max(len(values) - 1, 1)
