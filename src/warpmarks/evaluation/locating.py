"""Landmarks of annotated images."""

import hashlib

import numpy as np
from jaxtyping import Bool, Float, UInt8

from warpmarks.arguments import expect
from warpmarks.datasets.annotated import ANNOTATED, AnnotatedSet
from warpmarks.detectors.base import ImageDetector
from warpmarks.errors import InputError
from warpmarks.points import PointScheme
from warpmarks.regression.examples import Examples
from warpmarks.system.progress import Progress
from warpmarks.wording import line_of

ROOM = 0.25
"""How far outside its image, in sides of the image, an annotated point may lie."""


def locate_annotated(
    detector: ImageDetector, annotated: AnnotatedSet, *, progress: Progress | None = None
) -> Examples:
    """The landmarks of a set's annotated images, beside their annotations.

    Args:
        detector: of the landmarks.
        annotated: the images, as `read_annotated` gives them.
        progress: told of the images done.

    Raises:
        InputError: an image cannot be read, or a point lies far outside its image.
    """
    expect(detector, ImageDetector, "detector", "what Detector.load(run) gives")
    expect(annotated, AnnotatedSet, "annotated", ANNOTATED)
    landmarks, scores, sizes, pictures = [], [], [], []
    found = detector.detect_images(annotated.images, allow_unreadable=True, progress=progress)
    for row, (points, one) in enumerate(zip(annotated.points, found, strict=True)):
        where = f"{annotated.source}{line_of(annotated.lines, row)}"
        if one.detection is None:
            raise InputError(
                f"{where}: {one.name} is annotated but cannot be read ({one.reason}): "
                "mend the image or take it out of the table"
            )
        _check_inside(points, one.detection.size, one.name, annotated.scheme, where)
        landmarks.append(one.detection.landmarks)
        scores.append(one.detection.scores)
        sizes.append(one.detection.size)
        assert one.picture is not None
        width, height = one.detection.size.astype(int).tolist()
        pictures.append(identity_of(one.picture, height, width))
    return Examples(
        annotated.images.names,
        np.stack(landmarks),
        np.stack(scores),
        annotated.points,
        np.stack(sizes),
        lines=annotated.lines,
        pictures=tuple(pictures),
        accepted=annotated.accepted,
    )


def identity_of(picture: UInt8[np.ndarray, "rows columns 3"], height: int, width: int) -> str:
    """The same for images that show the same picture, laid in alike, in one size of the original.

    Args:
        picture: as `warpmarks.datasets.reading.read_picture` gives it.
        height: of the original, in pixels.
        width: of the original.
    """
    digest = hashlib.blake2b(picture.tobytes(), digest_size=16).hexdigest()
    return f"{digest} {height} x {width}"


def far_outside(
    points: Float[np.ndarray, "points 2"], size: Float[np.ndarray, " 2"]
) -> Bool[np.ndarray, " points"]:
    """Whether points lie further outside their image than `ROOM`; not where one is nan.

    Args:
        points: in pixels.
        size: width and height of the image in pixels.
    """
    far: Bool[np.ndarray, "points 2"] = (points < -ROOM * size) | (points > (1 + ROOM) * size)
    return np.asarray(far.any(axis=1))


def _check_inside(
    points: np.ndarray, size: np.ndarray, name: str, scheme: PointScheme, where: str
) -> None:
    far = far_outside(points, size)
    if far.any():
        index = int(np.flatnonzero(far)[0])
        x, y = points[index]
        raise InputError(
            f"{where}: point {scheme.names[index]} of {name} is at "
            f"({x:g}, {y:g}), but the image has {size[0]:.0f} x {size[1]:.0f} pixels: correct it"
        )
