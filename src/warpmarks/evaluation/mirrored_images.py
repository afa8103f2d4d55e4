"""Annotated images in a mirror, with landmarks found in them anew."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from warpmarks.datasets.annotated import AnnotatedSet
from warpmarks.detectors.detector import Detection, Detector
from warpmarks.regression.examples import Examples


def locate_mirrored(detector: Detector, annotated: AnnotatedSet) -> Examples:
    """Landmarks and annotations in the mirrored images, each under the name of its image.

    Raises:
        UnreadableImage: an image cannot be read.
    """
    found = [detector.in_mirror(path) for path in annotated.images.paths()]
    return mirrored_examples(annotated.images.names, annotated.points, found)


def mirrored_examples(
    names: tuple[str, ...],
    annotations: Float[np.ndarray, "images points 2"],
    found: Sequence[Detection],
) -> Examples:
    """Images in the mirror with the annotations that they have there.

    Annotations are under the numbers of the points that they were before: which points change
    places is for `warpmarks.regression.mirrored` to say.

    Args:
        names: of the images.
        annotations: in pixels of the images as they are.
        found: in the mirror.
    """
    sizes = np.stack([one.size for one in found])
    annotations = annotations.copy()
    annotations[..., 0] = sizes[:, :1] - 1 - annotations[..., 0]
    return Examples(
        names,
        np.stack([one.landmarks for one in found]),
        np.stack([one.scores for one in found]),
        annotations,
        sizes,
    )
