"""An evaluation as plain JSON: ``evaluation.json``, and what ``--json`` prints.

All errors are in % of the normaliser, distances in pixels of the original images, shares from 0 to
1; null where there is nothing to tell.
"""

import math
from pathlib import Path
from typing import Any

from warpmarks.datasets.image_set import ImageSet
from warpmarks.datasets.results import EVALUATION
from warpmarks.errors import InputError
from warpmarks.evaluation.evaluate import SetEvaluation
from warpmarks.evaluation.pictures import draw_evaluation
from warpmarks.metrics.score import PointScore, Score
from warpmarks.system.files import write_json

RECORD = EVALUATION
"""The file with the figures, beside the pictures."""


def begin_anew(folder: Path, record: str = RECORD) -> None:
    """Make a folder of an evaluation, if need be, and drop the figures of the pictures before.

    Raises:
        InputError: the folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / record).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            f"{folder} cannot be written ({error.strerror}): choose another with --pictures"
        ) from error


def save_evaluation(
    folder: Path, evaluation: SetEvaluation, images: ImageSet, *, detector: str, key: str
) -> None:
    """Draw the pictures into a folder, made if need be, and write the figures when they are there.

    Args:
        folder: for the pictures and figures.
        evaluation: what is told.
        images: that were scored.
        detector: its digest.
        key: see `place.key_of`.

    Raises:
        InputError: the folder cannot be made or written.
    """
    begin_anew(folder)
    draw_evaluation(folder, evaluation, images)
    about = {"detector": detector, "key": key}
    write_json(folder / RECORD, about | evaluation_record(evaluation))


def evaluation_record(evaluation: SetEvaluation) -> dict[str, Any]:
    """All figures of an evaluation, by name."""
    both = evaluation.both_ways
    return {
        "set": evaluation.set_name,
        "images": len(evaluation.examples),
        "num_landmarks": evaluation.examples.landmarks.shape[1],
        "points": list(evaluation.scheme.names),
        "normaliser": evaluation.scheme.normaliser.text,
        "normaliser_words": evaluation.scheme.normaliser.words,
        "regressor": evaluation.predictions.how,
        "caution": evaluation.predictions.caution or None,
        "landmarks": _score(evaluation.landmarks),
        "error_percent_by_score": None
        if evaluation.by_score is None
        else [_percent(error) for error in evaluation.by_score],
        "mean_shape": _score(evaluation.mean_shape),
        "forward_backward": None
        if both is None
        else {
            "forward_percent": _percent(both.forward),
            "backward_percent": _percent(both.backward),
            "backward_percent_of_landmarks": [_percent(error) for error in both.landmarks],
            "regressor": both.how,
        },
    }


def _score(score: Score) -> dict[str, Any]:
    return {
        "error_percent": _percent(score.mean),
        "interval_percent": [_percent(score.interval.low), _percent(score.interval.high)],
        "median_percent": _percent(score.median),
        "error_pixels": _rounded(score.pixels),
        "threshold_percent": _percent(score.threshold),
        "area_under_curve": _rounded(score.area),
        "failure_rate": _rounded(score.failures),
        "pck": {f"{alpha:g}": _rounded(share) for alpha, share in score.correct.items()},
        "per_point": [_point(point) for point in score.points],
    }


def _point(point: PointScore) -> dict[str, Any]:
    return {
        "name": point.name,
        "images": point.images,
        "error_percent": _percent(point.mean),
        "interval_percent": [_percent(point.interval.low), _percent(point.interval.high)],
        "error_pixels": _rounded(point.pixels),
    }


def _percent(share: float) -> float | None:
    return _rounded(100 * share)


def _rounded(value: float) -> float | None:
    return round(float(value), 6) if math.isfinite(value) else None
