"""Annotated and predicted points with everything that metrics have to get right."""

import numpy as np
from numpy.random import default_rng

SIZES = np.array([[90.0, 40.0], [64.0, 64.0], [31.0, 77.0], [120.0, 50.0], [80.0, 60.0]])


def predicted_and_annotated(images: int = 5, points: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Pixels of images that are not square; some points, and all of one image's, are missing."""
    generator = default_rng(7)
    annotated = generator.uniform(0, 1, (images, points, 2)) * SIZES[:images, None]
    predicted = annotated + generator.normal(0, [3.0, 8.0], annotated.shape)
    annotated[1, 2] = annotated[0, 0] = annotated[3] = np.nan
    return predicted, annotated
