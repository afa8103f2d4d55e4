"""Landmarks and annotations that belong together, up to noise."""

import numpy as np
from numpy.random import default_rng

from warpmarks.evaluation.evaluate import SetEvaluation, evaluate_predictions
from warpmarks.evaluation.predicting import predict_with
from warpmarks.points import PointScheme, parse_normaliser
from warpmarks.regression.examples import Examples
from warpmarks.regression.fitting import fit_regressor

NAMES = ("left eye", "right eye", "nose")
SCHEME = PointScheme(NAMES, parse_normaliser("1:2", NAMES, source="test"))


def made_examples(count: int = 24, *, noise: float = 0.5, seed: int = 0) -> Examples:
    """Five landmarks on a shape that is turned and shifted; three points are between them."""
    generator = default_rng(seed)
    shape = np.array([[-20.0, -12], [18, -14], [0, 3], [-12, 20], [14, 19]])
    angles = generator.normal(0, 0.3, count)
    turns = np.stack([[np.cos(angles), np.sin(angles)], [-np.sin(angles), np.cos(angles)]])
    landmarks = shape @ turns.transpose(2, 0, 1) + generator.normal([60, 45], 6, (count, 1, 2))
    points = np.stack(
        [
            0.8 * landmarks[:, 0] + 0.2 * landmarks[:, 2],
            0.9 * landmarks[:, 1] + 0.1 * landmarks[:, 2],
            0.4 * landmarks[:, 2] + 0.3 * landmarks[:, 3] + 0.3 * landmarks[:, 4],
        ],
        axis=1,
    )
    return Examples(
        tuple(f"{index:03}.png" for index in range(count)),
        landmarks + generator.normal(0, noise, landmarks.shape),
        generator.uniform(0.5, 1, landmarks.shape[:2]),
        points,
        np.tile([120.0, 90.0], (count, 1)),
    )


def made_evaluation(examples: Examples, *, both_ways: bool = False) -> SetEvaluation:
    """Of a fit on other images; with ``both_ways`` the way back is measured as well."""
    training = made_examples(30, seed=3)
    return evaluate_predictions(
        examples,
        SCHEME,
        predict_with(fit_regressor(training, SCHEME).regressor, examples, how="fitted for a test"),
        set_name="faces val",
        source="landmarks.csv",
        threshold=0.1,
        training=training if both_ways else None,
    )
