"""Annotated images in a mirror, with landmarks found in them anew."""

from pathlib import Path

import numpy as np
from jaxtyping import Float
from PIL import Image

from warpmarks.datasets.annotated import AnnotatedSet
from warpmarks.datasets.reading import open_image
from warpmarks.detector import Detection, Detector
from warpmarks.regression.examples import Examples

FEW = 100
"""Images, at most, that are looked at in the mirror too: more say themselves what it would."""


def locate_mirrored(detector: Detector, annotated: AnnotatedSet) -> Examples:
    """Landmarks and annotations in the mirrored images, each under the name of its image.

    Annotations are under the numbers of the points that they were before: which points change
    places is for `warpmarks.regression.mirrored` to say.

    Raises:
        UnreadableImage: an image cannot be read.
    """
    found = [detect_mirrored(detector, path) for path in annotated.images.paths()]
    sizes = np.stack([one.size for one in found])
    return Examples(
        annotated.images.names,
        np.stack([one.landmarks for one in found]),
        np.stack([one.scores for one in found]),
        in_mirror(annotated.points, sizes),
        sizes,
    )


def detect_mirrored(detector: Detector, path: Path) -> Detection:
    """Landmarks of the mirrored image, in its pixels.

    Raises:
        UnreadableImage: it cannot be read.
    """
    return detector(open_image(path).transpose(Image.Transpose.FLIP_LEFT_RIGHT))


def in_mirror(
    points: Float[np.ndarray, "images points 2"], sizes: Float[np.ndarray, "images 2"]
) -> Float[np.ndarray, "images points 2"]:
    """Where a mirror puts points, in pixels; ``sizes`` are widths and heights."""
    mirrored = points.copy()
    mirrored[..., 0] = sizes[:, :1] - 1 - mirrored[..., 0]
    return mirrored


def takes_mirrored(detector: Detector, images: int) -> bool:
    """Whether a geometric fit on so many images is better for the same images in the mirror.

    It is if the detector's training has shown it mirrored pictures.
    """
    return detector.record.config.warps.mirror > 0 and images <= FEW
