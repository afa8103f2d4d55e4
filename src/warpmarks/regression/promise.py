"""What a fit may promise: its leave-one-out errors, with the mean shape's beside them.

The mean shape of an image is that of the others too, so the two can be compared; images of one
picture are left out together of both.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from warpmarks.coordinates import pixels_to_centred
from warpmarks.metrics.errors import mean_of_known
from warpmarks.regression.examples import Examples
from warpmarks.regression.fitting import Fit
from warpmarks.regression.repeated import first_alike, merged


@dataclass(frozen=True)
class PointPromise:
    """Mean errors to expect of a point on other images of the kind; nan where nobody can know.

    Attributes:
        name: of the point; ``all`` for the mean over all annotated points.
        images: that it is annotated on, those left out where it was accepted as suggested.
        pixels: mean distance in pixels of the original images.
        percent: in % of the normaliser, on the images that have it.
        mean_shape_pixels, mean_shape_percent: the same of the mean shape of the other images.
    """

    name: str
    images: int
    pixels: float
    percent: float
    mean_shape_pixels: float
    mean_shape_percent: float


@dataclass(frozen=True)
class Promise:
    """Of each point and of all of them."""

    points: tuple[PointPromise, ...]
    overall: PointPromise

    def record(self) -> dict[str, object]:
        """As plain JSON; null where nothing can be promised."""
        return {
            "leave_one_out": _record(self.overall),
            "per_point": [{"name": one.name, **_record(one)} for one in self.points],
        }


def promise_of(fit: Fit, examples: Examples) -> Promise:
    """What a fit promises; ``examples`` are those that it was made from.

    By points that were placed by hand: one that was accepted as suggested is a map's own.
    """
    percent = 100 / fit.lengths[:, None]
    own, plain = (
        np.where(examples.measured, errors, np.nan)
        for errors in (fit.leave_one_out, mean_shape_left_out(examples))
    )
    kinds = (
        own,
        own * percent,
        plain,
        plain * percent,
    )
    shown = examples.by_hand
    points = tuple(
        PointPromise(
            name, int(shown[:, point].sum()), *(mean_of_known(errors[:, point]) for errors in kinds)
        )
        for point, name in enumerate(fit.regressor.scheme.names)
    )
    overall = PointPromise(
        "all", int(shown.any(axis=1).sum()), *(mean_of_known(errors) for errors in kinds)
    )
    return Promise(points, overall)


def mean_shape_left_out(examples: Examples) -> Float[np.ndarray, "images points"]:
    """Distance in pixels of each annotation to the mean of those on the other images.

    nan where it is not annotated, or on this image alone.
    """
    distinct, rows = merged(examples, first_alike(examples))
    points = pixels_to_centred(examples.annotations, examples.sizes)
    of_pictures = pixels_to_centred(distinct.annotations, distinct.sizes)
    shown = np.isfinite(of_pictures).all(axis=-1, keepdims=True)
    counts = shown.sum(axis=0) - 1
    others = np.where(shown, of_pictures, 0.0).sum(axis=0) - of_pictures
    means = (others / np.where(counts > 0, counts, np.nan))[rows]
    units = np.sqrt(examples.sizes.prod(axis=1)) / 2
    distances: Float[np.ndarray, "images points"] = np.linalg.norm(points - means, axis=-1)
    return distances * units[:, None]


def _record(one: PointPromise) -> dict[str, int | float | None]:
    return {
        "images": one.images,
        "error_pixels": _rounded(one.pixels),
        "error_percent": _rounded(one.percent),
        "mean_shape_pixels": _rounded(one.mean_shape_pixels),
        "mean_shape_percent": _rounded(one.mean_shape_percent),
    }


def _rounded(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None
