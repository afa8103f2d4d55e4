"""All figures of one predictor on one set of images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from warpmarks.metrics.bootstrap import Interval, bootstrap_means, percentile_interval
from warpmarks.metrics.correct_points import share_of_correct_points
from warpmarks.metrics.cumulative import area_under_curve, failure_rate
from warpmarks.metrics.errors import (
    errors_of_images,
    mean_error,
    mean_errors_of_points,
    median_error,
    point_distances,
    relative_errors,
)

ALPHAS = (0.05, 0.1, 0.2)
"""Shares of the normaliser for which PCK is told."""


@dataclass(frozen=True)
class PointScore:
    """Errors of one point over the images that have it; nan where none has.

    Attributes:
        name: of the point.
        images: how many have the point and a normaliser.
        mean: error over the normaliser; 0 is best, 0.1 is 10 %.
        interval: 95 % of the mean, over images.
        pixels: mean distance in pixels of the original images.
    """

    name: str
    images: int
    mean: float
    interval: Interval
    pixels: float


@dataclass(frozen=True, eq=False)
class Score:
    """Errors of a predictor over all annotated points, as shares of the normaliser.

    Attributes:
        mean: over all annotated points; 0 is best, 0.1 is 10 %.
        interval: 95 % of the mean, over images.
        median: over all annotated points.
        pixels: mean distance in pixels of the original images.
        threshold: up to which the area is taken and beyond which an image has failed.
        area: under the cumulative curve of images, from 0 to 1; 1 is best.
        failures: share of images beyond the threshold; 0 is best.
        correct: PCK at each of ALPHAS; 1 is best.
        points: for each point.
        image_errors: mean error of each image; nan where nothing could be scored.
        errors: of each point of each image; nan where it could not be scored.
    """

    mean: float
    interval: Interval
    median: float
    pixels: float
    threshold: float
    area: float
    failures: float
    correct: dict[float, float]
    points: tuple[PointScore, ...]
    image_errors: Float[np.ndarray, " images"]
    errors: Float[np.ndarray, "images points"]


def score_predictions(
    predicted: Float[np.ndarray, "images points 2"],
    annotated: Float[np.ndarray, "images points 2"],
    lengths: Float[np.ndarray, " images"],
    names: Sequence[str],
    *,
    threshold: float,
    generator: np.random.Generator,
) -> Score:
    """Compare predictions with annotations, both in pixels of the original images.

    Args:
        predicted: wherever a point is annotated.
        annotated: nan where a point is not.
        lengths: of the normaliser, in pixels and above zero; an image where it is nan is left out.
        names: of the points.
        threshold: of the area and of failures, as a share of the normaliser.
        generator: draws the images of the bootstrap.
    """
    distances = np.where(
        np.isfinite(lengths)[:, None], point_distances(predicted, annotated), np.nan
    )
    errors = relative_errors(distances, lengths)
    means = bootstrap_means(errors, generator)
    of_images = errors_of_images(errors)
    points = zip(
        names,
        np.isfinite(errors).sum(axis=0),
        mean_errors_of_points(errors),
        means.T[:-1],
        mean_errors_of_points(distances),
        strict=True,
    )
    return Score(
        mean=mean_error(errors),
        interval=percentile_interval(means[:, -1]),
        median=median_error(errors),
        pixels=mean_error(distances),
        threshold=threshold,
        area=area_under_curve(of_images, threshold),
        failures=failure_rate(of_images, threshold),
        correct={alpha: share_of_correct_points(errors, alpha) for alpha in ALPHAS},
        points=tuple(
            PointScore(name, int(count), float(mean), percentile_interval(drawn), float(pixels))
            for name, count, mean, drawn, pixels in points
        ),
        image_errors=of_images,
        errors=errors,
    )
