"""The paper's way: the plain map, trained on warped copies of the annotated images too (sec. 4.3).

An image is left out with all its copies, and its error is that on the image itself. With one image
this says nothing, and the ridge is the one that predicts its copies best, each left out in turn.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from warpmarks.regression.least_squares import PlainMaps
from warpmarks.regression.linear_map import LinearMap


def fit_warped(
    landmarks: Float[np.ndarray, "images landmarks 2"],
    annotations: Float[np.ndarray, "images points 2"],
    warped_landmarks: Float[np.ndarray, "images copies landmarks 2"],
    warped_annotations: Float[np.ndarray, "images copies points 2"],
    *,
    bias: bool,
) -> LinearMap:
    """The plain map of images and copies together; all in centred coordinates.

    Args:
        landmarks: of the images.
        annotations: of the images; nan where a point is not annotated.
        warped_landmarks: of their copies.
        warped_annotations: of their copies; nan where the image's are.
        bias: whether there is an offset.
    """
    count, copies = warped_landmarks.shape[:2]
    # Rows of one image, itself first, one after the other.
    inputs = np.concatenate([landmarks[:, None], warped_landmarks], axis=1)
    targets = np.concatenate([annotations[:, None], warped_annotations], axis=1)
    plain = PlainMaps.of(
        inputs.reshape(-1, *inputs.shape[2:]), targets.reshape(-1, *targets.shape[2:]), bias=bias
    )

    def groups_left_out(weight: float) -> Float[np.ndarray, "images points 2"]:
        errors = np.full(annotations.shape, np.nan)
        for pattern, ridge in plain.parts:
            groups = np.arange(len(pattern.images)).reshape(-1, 1 + copies)
            left_out = ridge.groups_left_out(pattern.targets, plain.penalty(weight), groups)
            images = pattern.images[:: 1 + copies] // (1 + copies)
            errors[np.ix_(images, pattern.points)] = left_out.reshape(len(images), -1, 2)
        return errors

    if count > 1:
        return plain.best(left_out=groups_left_out)
    return replace(plain.best(), errors=np.full(annotations.shape, np.nan))
