"""The mean landmark shape, and which landmarks of an image fit to it."""

import numpy as np
from jaxtyping import Float

from warpmarks.evaluation.similarity import nearest_similarity

ROUNDS = 10
OUTLIER = 2.5
"""Residuals of so many medians count a fifth of what small ones do."""


def procrustes_mean(
    shapes: Float[np.ndarray, "images points 2"], trust: Float[np.ndarray, "images points"]
) -> Float[np.ndarray, "points 2"]:
    """Mean of shapes that were turned, scaled and shifted onto each other (Gower 1975).

    It has the mean position, direction and size of the shapes: a plain mean of turned shapes would
    shrink towards its middle.

    Args:
        shapes: in a frame that is the same length in x and y.
        trust: of each point, at least 0; a point that no image trusts gets its plain mean.
    """
    weights = np.where(trust.sum(axis=0) > 0, trust, 1.0)
    plain = _weighted_mean(shapes, weights)
    mean = plain
    for _ in range(ROUNDS):
        aligned = np.stack(
            [
                nearest_similarity(shape, mean, image_weights)(shape)
                for shape, image_weights in zip(shapes, weights, strict=True)
            ]
        )
        mean = _weighted_mean(aligned, weights)
        # Without this the mean would drift and shrink a little in every round.
        mean = nearest_similarity(mean, plain, np.ones(len(mean)))(mean)
        present = _mean_size(np.broadcast_to(mean, shapes.shape), weights)
        mean = _scaled(mean, _mean_size(shapes, weights) / present if present > 0 else 1.0)
    return mean


def robust_trust(
    shape: Float[np.ndarray, "points 2"],
    landmarks: Float[np.ndarray, "images points 2"],
    scores: Float[np.ndarray, "images points"],
) -> Float[np.ndarray, "images points"]:
    """How far to trust each landmark: its score, less where it does not fit its image's others.

    An affine map of the shape is fitted to the landmarks of each image; one that is far off it, by
    the measure of the median over all images, is trusted less (Geman and McClure 1987), and the map
    is fitted again without it.
    """
    trust = scores
    for _ in range(ROUNDS):
        residuals = np.stack(
            [
                np.linalg.norm(points - _affine_fit(shape, points, weights), axis=-1)
                for points, weights in zip(landmarks, trust, strict=True)
            ]
        )
        scale = OUTLIER * max(float(np.median(residuals)), 1e-9)
        trust = scores / (1 + (residuals / scale) ** 2) ** 2
    return trust


def _affine_fit(
    shape: Float[np.ndarray, "points 2"],
    points: Float[np.ndarray, "points 2"],
    weights: Float[np.ndarray, " points"],
) -> Float[np.ndarray, "points 2"]:
    features = np.column_stack([np.ones(len(shape)), shape])
    root = np.sqrt(weights)[:, None]
    solution = np.linalg.lstsq(root * features, root * points, rcond=None)[0]
    fitted: Float[np.ndarray, "points 2"] = features @ solution
    return fitted


def _weighted_mean(
    shapes: Float[np.ndarray, "images points 2"], weights: Float[np.ndarray, "images points"]
) -> Float[np.ndarray, "points 2"]:
    return np.einsum("npc,np->pc", shapes, weights) / weights.sum(axis=0)[:, None]


def _mean_size(
    shapes: Float[np.ndarray, "images points 2"], weights: Float[np.ndarray, "images points"]
) -> float:
    """Of each image's shape, by the points that the image trusts."""
    totals = weights.sum(axis=1, keepdims=True)
    shares = weights / np.where(totals > 0, totals, 1.0)
    centres = np.einsum("npc,np->nc", shapes, shares)[:, None]
    sizes = np.sqrt(np.einsum("npc,np->n", (shapes - centres) ** 2, shares))
    return float(sizes.mean())


def _scaled(shape: Float[np.ndarray, "points 2"], factor: float) -> Float[np.ndarray, "points 2"]:
    centre = shape.mean(axis=0)
    return centre + (shape - centre) * factor
