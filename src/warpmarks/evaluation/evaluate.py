"""From predictions on annotated images to figures: a row of a table, and what is behind it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from warpmarks.errors import InputError
from warpmarks.evaluation.both_ways import BothWays, measure_both_ways
from warpmarks.evaluation.predicting import Predictions
from warpmarks.metrics.by_score import errors_by_score
from warpmarks.metrics.score import Score, score_predictions
from warpmarks.points import PointScheme
from warpmarks.regression.examples import Examples


@dataclass(frozen=True, eq=False)
class SetEvaluation:
    """What the landmarks of a run are worth on annotated images.

    Attributes:
        set_name: of the set and its split.
        scheme: of the points; its normaliser is what errors are divided by.
        examples: the images with landmarks and annotations.
        predictions: points from the landmarks, and the mean shape.
        landmarks: the score of the points from the landmarks.
        mean_shape: the score of the mean shape.
        both_ways: forward and backward errors; None with too few images.
    """

    set_name: str
    scheme: PointScheme
    examples: Examples
    predictions: Predictions
    landmarks: Score
    mean_shape: Score
    both_ways: BothWays | None

    @cached_property
    def by_score(self) -> Float[np.ndarray, " parts"] | None:
        """Errors of the points from the landmarks, see `metrics.by_score.errors_by_score`.

        None where too few images are annotated to say.
        """
        found = errors_by_score(self.landmarks.errors, self.predictions.scores)
        return found if np.isfinite(found).any() else None


def evaluate_predictions(
    examples: Examples,
    scheme: PointScheme,
    predictions: Predictions,
    *,
    set_name: str = "",
    source: str = "the annotations",
    threshold: float = 0.1,
    seed: int = 0,
    training: Examples | None = None,
) -> SetEvaluation:
    """Score predictions and the mean shape beside them.

    Args:
        examples: the images to score.
        scheme: of the points.
        predictions: of the same images.
        set_name: of the set and its split, for tables.
        source: where the annotations are from, for messages.
        threshold: of the area under the cumulative curve, as a share of the normaliser.
        seed: of the bootstrap, the same for both predictors, and of folds.
        training: what the regressor was fitted on, where it is at hand.

    Raises:
        InputError: the normaliser has no length on an image, or no point was placed by hand.
    """
    annotated = np.where(examples.by_hand[..., None], examples.annotations, np.nan)
    if not examples.by_hand.any():
        raise InputError(
            f"{source}: every point was accepted as suggested, which says nothing of the error: "
            "place some by hand"
        )
    lengths = examples.lengths(scheme.normaliser, source=source, scored=annotated)
    landmarks, mean_shape = (
        score_predictions(
            predicted,
            annotated,
            lengths,
            scheme.names,
            threshold=threshold,
            generator=np.random.default_rng(seed),
        )
        for predicted in (predictions.points, predictions.mean_shape)
    )
    return SetEvaluation(
        set_name,
        scheme,
        examples,
        predictions,
        landmarks,
        mean_shape,
        measure_both_ways(examples, lengths, training, np.random.default_rng(seed)),
    )
