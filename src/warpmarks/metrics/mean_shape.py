"""The mean-shape predictor: the same points on every image, wherever the object is.

What a method is worth is how far it is below this one. The paper names it for AFLW: the supervised
networks are "achieved essentially by predicting the average landmark locations" (sec. 4.3, 24.40).
"""

import numpy as np
from jaxtyping import Float

from warpmarks.coordinates import centred_to_pixels, pixels_to_centred
from warpmarks.metrics.errors import mean_errors_of_points


def mean_shape(
    annotated: Float[np.ndarray, "images points 2"], sizes: Float[np.ndarray, "images 2"]
) -> Float[np.ndarray, "points 2"]:
    """Mean annotated points in centred coordinates; nan where a point is annotated nowhere.

    Args:
        annotated: of the training images, in pixels; nan where not annotated.
        sizes: their widths and heights.
    """
    centred = pixels_to_centred(annotated, sizes)
    means = [mean_errors_of_points(centred[..., axis]) for axis in range(2)]
    return np.stack(means, axis=-1)


def predict_mean_shape(
    shape: Float[np.ndarray, "points 2"], sizes: Float[np.ndarray, "images 2"]
) -> Float[np.ndarray, "images points 2"]:
    """The shape laid into images of the given widths and heights, in their pixels."""
    return centred_to_pixels(np.broadcast_to(shape, (len(sizes), *shape.shape)), sizes)
