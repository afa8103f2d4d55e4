"""How likely an image's predicted points are wrong: to find the worst ones first."""

import numpy as np
from jaxtyping import Float

from warpmarks.annotator.shapes import align


def doubts(
    landmarks: Float[np.ndarray, "images landmarks 2"],
    labelled: Float[np.ndarray, "labelled landmarks 2"],
) -> Float[np.ndarray, " images"]:
    """The place of each image, from 0 to 1, in the order of unlikeness to any labelled one.

    Unlikeness is the distance of the landmark configurations apart from place, size and turn. It
    points to wrong predictions better than low scores of landmarks: docs/annotation_projects.md.

    Args:
        landmarks: of all images.
        labelled: of the labelled ones, at least one.
    """
    count = len(landmarks)
    shapes = configurations(np.concatenate([landmarks, labelled]))
    return _ranks(distances(shapes[:count], shapes[count:]).min(axis=1))


def configurations(
    landmarks: Float[np.ndarray, "images landmarks 2"],
) -> Float[np.ndarray, "images coordinates"]:
    """The landmarks of each image apart from place, size and turn, as one row."""
    shapes = align(landmarks).shapes
    return shapes.reshape(len(shapes), 2 * landmarks.shape[1]).astype(np.float32)


def distances(
    first: Float[np.ndarray, "first features"], second: Float[np.ndarray, "second features"]
) -> Float[np.ndarray, "first second"]:
    """Of each row of the one to each of the other."""
    squares = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1)[None]
    between: Float[np.ndarray, "first second"] = squares - 2 * first @ second.T
    return np.sqrt(np.maximum(between, 0))


def _ranks(values: Float[np.ndarray, " images"]) -> Float[np.ndarray, " images"]:
    """From 0 for the smallest to 1 for the largest."""
    ranks = np.empty(len(values))
    ranks[np.argsort(values, kind="stable")] = np.arange(len(values))
    return ranks / max(len(values) - 1, 1)
