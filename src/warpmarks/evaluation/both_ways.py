"""Forward and backward errors of a detector on annotated images, see `metrics.forward_backward`."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from warpmarks.coordinates import centred_to_pixels, pixels_to_centred
from warpmarks.evaluation.predicting import split_pictures
from warpmarks.metrics.errors import mean_errors_of_points, mean_of_known, relative_errors
from warpmarks.metrics.forward_backward import predict_linearly
from warpmarks.regression.examples import Examples
from warpmarks.regression.repeated import count_pictures, first_alike, merged
from warpmarks.wording import counted

FOLDS = 5


@dataclass(frozen=True, eq=False)
class BothWays:
    """Errors over the normaliser; 0 is best.

    Attributes:
        forward: mean over annotated points, predicted from the landmarks.
        backward: mean over landmarks, predicted from the annotated points of the images that have
            all of them; nan where none has.
        landmarks: the backward error of each landmark; nan likewise.
        how: what the maps were fitted on, as a clause.
    """

    forward: float
    backward: float
    landmarks: Float[np.ndarray, " landmarks"]
    how: str


def measure_both_ways(
    examples: Examples,
    lengths: Float[np.ndarray, " images"],
    training: Examples | None,
    generator: np.random.Generator,
) -> BothWays | None:
    """Errors of the ridge from landmarks to annotations and of the one back.

    Args:
        examples: to score.
        lengths: of the normaliser, in pixels.
        training: to fit on; without them each fifth of ``examples`` is scored with maps that were
            fitted on the others. Images of one picture are fitted as one, and are in one fifth.
        generator: draws these fifths.

    Returns:
        None where there are neither training images nor enough pictures for fifths.
    """
    if training is not None:
        forward, backward = _predict(training, examples)
        how = f"fitted on the same {counted(len(training), 'image')}"
    elif count_pictures(examples) < FOLDS:
        return None
    else:
        forward = np.empty_like(examples.annotations)
        backward = np.empty_like(examples.landmarks)
        for fitted_on, held_out in split_pictures(examples, FOLDS, generator):
            forward[held_out], backward[held_out] = _predict(
                examples.subset(fitted_on), examples.subset(held_out)
            )
        how = f"fitted by {FOLDS}-fold cross-validation over these images"
    forward_errors = _errors(forward, examples.annotations, lengths)
    backward_errors = _errors(backward, examples.landmarks, lengths)
    return BothWays(
        mean_of_known(forward_errors),
        mean_of_known(backward_errors),
        mean_errors_of_points(backward_errors),
        how,
    )


def _predict(
    training: Examples, examples: Examples
) -> tuple[Float[np.ndarray, "images points 2"], Float[np.ndarray, "images landmarks 2"]]:
    training, _ = merged(training, first_alike(training))
    fitted_landmarks = pixels_to_centred(training.landmarks, training.sizes)
    fitted_points = pixels_to_centred(training.annotations, training.sizes)
    landmarks = pixels_to_centred(examples.landmarks, examples.sizes)
    points = pixels_to_centred(examples.annotations, examples.sizes)
    forward = predict_linearly(fitted_landmarks, fitted_points, landmarks)
    backward = predict_linearly(fitted_points, fitted_landmarks, points)
    return centred_to_pixels(forward, examples.sizes), centred_to_pixels(backward, examples.sizes)


def _errors(
    predicted: Float[np.ndarray, "images targets 2"],
    targets: Float[np.ndarray, "images targets 2"],
    lengths: Float[np.ndarray, " images"],
) -> Float[np.ndarray, "images targets"]:
    return relative_errors(np.linalg.norm(predicted - targets, axis=-1), lengths)
