"""Distances to annotated points, over a length of their image: the errors of the paper's tables.

The paper: "we ... report errors in inter-ocular distance (IOD)" (sec. 4.3, following Zhang et al.,
PAMI 2016): the distance of each predicted point to its annotation over the distance of the eyes in
the same image, and the mean of that over points and images.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from warpmarks.errors import InputError
from warpmarks.wording import counted, line_of


def point_distances(
    predicted: Float[np.ndarray, "images points 2"],
    annotated: Float[np.ndarray, "images points 2"],
) -> Float[np.ndarray, "images points"]:
    """Distance of each prediction to its annotation, in the unit of both; 0 is best.

    nan where a point is not annotated.

    Raises:
        ValueError: a point is annotated but not predicted: an error that nobody could know.
    """
    known = np.isfinite(annotated).all(axis=-1)
    if not np.isfinite(predicted[known]).all():
        raise ValueError("an annotated point has no prediction")
    return np.where(known, np.linalg.norm(predicted - annotated, axis=-1), np.nan)


def checked_lengths(
    lengths: Float[np.ndarray, " images"],
    annotated: Float[np.ndarray, "images points 2"],
    names: Sequence[str],
    *,
    normaliser: str,
    source: str,
    lines: Sequence[int] = (),
) -> Float[np.ndarray, " images"]:
    """The lengths that errors are divided by, each above zero; nan where it is not annotated.

    Args:
        lengths: of the normaliser, in pixels.
        annotated: an image without annotated points needs no length.
        names: of the images.
        normaliser: what the user calls it, for the message.
        source: where the annotations are from, for the message.
        lines: of the source, where each image is, if it is a table.

    Raises:
        InputError: a length is zero; or no image has both a length and a point.
    """
    scored = np.isfinite(annotated).all(axis=-1).any(axis=1)
    flat = np.flatnonzero(scored & (lengths <= 0))
    if len(flat):
        raise InputError(
            f"{source}{line_of(lines, int(flat[0]))}: the normaliser {normaliser} has no length on "
            f"{names[flat[0]]} "
            f"({counted(len(flat), 'image')}): correct its points or choose another --normaliser"
        )
    if not (scored & np.isfinite(lengths)).any():
        if normaliser in {"box", "box-side"}:
            raise InputError(
                f"{source}: no image has two annotated points, and the box around one has no "
                "length: give --normaliser image, or annotate two points or more"
            )
        raise InputError(
            f"{source}: the points of the normaliser {normaliser} are annotated on none of the "
            f"images ({counted(len(names), 'image')}): choose another --normaliser"
        )
    return lengths


def relative_errors(
    distances: Float[np.ndarray, "images points"], lengths: Float[np.ndarray, " images"]
) -> Float[np.ndarray, "images points"]:
    """Distances over their image's length; 0 is best, 0.1 is 10 %. nan where either is missing."""
    return distances / lengths[:, None]


def mean_error(errors: Float[np.ndarray, "images points"]) -> float:
    """Mean over all annotated points: each counts once, however many its image has."""
    return float(np.nanmean(errors))


def mean_of_known(errors: Float[np.ndarray, "*shape"]) -> float:
    """Mean over those that are known; nan where none is."""
    known = errors[np.isfinite(errors)]
    return float(known.mean()) if len(known) else float("nan")


def mean_errors_of_points(
    errors: Float[np.ndarray, "images points"],
) -> Float[np.ndarray, " points"]:
    """Mean over the images that have the point; nan where none has it."""
    known = np.isfinite(errors)
    counts = known.sum(axis=0)
    sums = np.where(known, errors, 0.0).sum(axis=0)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def median_error(errors: Float[np.ndarray, "images points"]) -> float:
    """Median over all annotated points: what one error in two stays under."""
    return float(np.nanmedian(errors))


def errors_of_images(errors: Float[np.ndarray, "images points"]) -> Float[np.ndarray, " images"]:
    """Mean over the annotated points of each image, as cumulative curves count it; nan if none."""
    return mean_errors_of_points(errors.T)
