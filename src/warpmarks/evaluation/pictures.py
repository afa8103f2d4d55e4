"""The pictures of an evaluation, drawn into a folder."""

from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Int

from warpmarks.datasets.image_set import ImageSet
from warpmarks.datasets.reading import read_picture
from warpmarks.evaluation.evaluate import SetEvaluation
from warpmarks.metrics.by_score import errors_of_the_surest
from warpmarks.plots.error_curve import draw_error_curve
from warpmarks.plots.point_errors import draw_point_errors
from warpmarks.plots.predictions import PredictedImage, draw_predictions
from warpmarks.plots.saving import save_figure
from warpmarks.plots.score_curve import draw_score_curve
from warpmarks.plots.themes import DARK, LIGHT

PREDICTIONS, CURVE, POINTS = "predictions", "error_curve", "point_errors"
SCORES = "score_curve"
COLUMNS, TILE_SIDE = 4, 210
COLUMNS_OF_MANY, TILE_SIDE_OF_MANY = 3, 290
MANY = 20
"""Points of which there is more to see: fewer and larger images are shown."""
_LONGEST_SIDE = 420


def draw_evaluation(folder: Path, evaluation: SetEvaluation, images: ImageSet) -> None:
    """Draw predictions.png, and error_curve.png, point_errors.png and score_curve.png.

    The last three for dark pages as well, the last where there are images enough to say.

    Args:
        folder: must exist; pictures that stand in it are replaced.
        evaluation: what to draw.
        images: the files of its images.
    """
    normaliser = evaluation.scheme.normaliser.words
    paths = dict(zip(images.names, images.paths(), strict=True))
    many = evaluation.scheme.count > MANY
    columns, tile_side = (COLUMNS_OF_MANY, TILE_SIDE_OF_MANY) if many else (COLUMNS, TILE_SIDE)
    rows = [
        (name, [_predicted(evaluation, int(index), paths) for index in chosen])
        for name, chosen in exemplary(evaluation.landmarks.image_errors, columns)
    ]
    save_figure(draw_predictions(rows, tile_side=tile_side), folder / f"{PREDICTIONS}.png")
    landmarks, mean_shape = evaluation.landmarks, evaluation.mean_shape
    draw_curve = partial(
        draw_error_curve,
        [
            ("from the landmarks", 100 * landmarks.image_errors),
            ("mean shape", 100 * mean_shape.image_errors),
        ],
        threshold=100 * landmarks.threshold,
        normaliser=normaliser,
    )
    points = landmarks.points
    draw_points = partial(
        draw_point_errors,
        [point.name for point in points],
        100 * np.array([point.mean for point in points]),
        100 * np.array([point.interval.low for point in points]),
        100 * np.array([point.interval.high for point in points]),
        100 * np.array([point.mean for point in mean_shape.points]),
        normaliser=normaliser,
    )
    drawn = {CURVE: draw_curve, POINTS: draw_points}
    if evaluation.by_score is None:
        for stale in (f"{SCORES}.png", f"{SCORES}_dark.png"):
            (folder / stale).unlink(missing_ok=True)
    else:
        errors, shares = landmarks.errors, np.arange(5, 101) / 100
        drawn[SCORES] = partial(
            draw_score_curve,
            100 * shares,
            100 * errors_of_the_surest(errors, evaluation.predictions.scores, shares),
            100 * errors_of_the_surest(errors, -errors, shares),
            normaliser=normaliser,
        )
    for name, draw in drawn.items():
        save_figure(draw(theme=LIGHT), folder / f"{name}.png")
        save_figure(draw(theme=DARK), folder / f"{name}_dark.png")


def exemplary(image_errors: np.ndarray, count: int) -> list[tuple[str, Int[np.ndarray, " images"]]]:
    """The images of least error, those around the median, and those of the largest."""
    known = np.flatnonzero(np.isfinite(image_errors))
    order = known[np.argsort(image_errors[known], kind="stable")]
    each = min(count, max(1, len(order) // 3))
    middle = (len(order) - each) // 2
    rows = [
        ("best", order[:each]),
        ("median", order[middle : middle + each]),
        ("worst", order[::-1][:each]),
    ]
    return rows if len(order) > 2 else rows[:1]


def _predicted(evaluation: SetEvaluation, index: int, paths: dict[str, Path]) -> PredictedImage:
    examples = evaluation.examples
    width, height = examples.sizes[index]
    scale = _LONGEST_SIDE / max(width, height)
    shown_width, shown_height = max(1, round(scale * width)), max(1, round(scale * height))
    image, _ = read_picture(paths[examples.names[index]], shown_height, shown_width, "stretch")
    factors = np.array([shown_width / width, shown_height / height])

    def shown(points: np.ndarray) -> np.ndarray:
        return (points + 0.5) * factors - 0.5

    return PredictedImage(
        image,
        shown(examples.landmarks[index]),
        shown(evaluation.predictions.points[index]),
        shown(examples.annotations[index]),
        f"{100 * evaluation.landmarks.image_errors[index]:.1f} %",
    )
