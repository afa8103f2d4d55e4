"""Annotated images in a mirror, with landmarks found in them anew."""

import numpy as np

from warpmarks.datasets.annotated import AnnotatedSet
from warpmarks.datasets.reading import open_image
from warpmarks.detector import Detector
from warpmarks.regression.examples import Examples


def locate_mirrored(detector: Detector, annotated: AnnotatedSet) -> Examples:
    """Landmarks and annotations in the mirrored images, each under the name of its image.

    Annotations are under the numbers of the points that they were before: which points change
    places is for `warpmarks.regression.mirrored` to say.

    Raises:
        UnreadableImage: an image cannot be read.
    """
    # Pixels alone are mirrored: an image that remembers how it was turned would be turned again.
    found = [detector(np.asarray(open_image(path))[:, ::-1]) for path in annotated.images.paths()]
    sizes = np.stack([one.size for one in found])
    annotations = annotated.points.copy()
    annotations[..., 0] = sizes[:, :1] - 1 - annotations[..., 0]
    return Examples(
        annotated.images.names,
        np.stack([one.landmarks for one in found]),
        np.stack([one.scores for one in found]),
        annotations,
        sizes,
    )
