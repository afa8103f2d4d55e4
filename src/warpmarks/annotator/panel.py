"""The live panel: errors of each point, how they came down, and what more labels would bring."""

import math
from typing import Any

import numpy as np
from jaxtyping import Float

from warpmarks.annotator.annotations import Scheme
from warpmarks.annotator.learning import caution, curve_counts, judge, told_of_accepted
from warpmarks.annotator.predicting import Fitted, errors_after
from warpmarks.metrics.errors import mean_errors_of_points, mean_of_known, relative_errors
from warpmarks.regression.examples import Examples
from warpmarks.regression.promise import mean_shape_left_out


def progress_of(examples: Examples, fitted: Fitted | None, scheme: Scheme) -> dict[str, Any]:
    """Plain JSON for the page.

    Args:
        examples: the labelled images, in the order in which they were labelled.
        fitted: on them.
        scheme: the points.
    """
    labelled, normaliser = len(examples), scheme.point_scheme().normaliser
    errors = fitted.errors if fitted else np.full((labelled, scheme.count), np.nan)
    lengths = np.full(labelled, np.nan)
    if scheme.count:
        lengths = normaliser.divisors(examples.annotations, examples.sizes)
    after = {
        count: errors if count == labelled else errors_after(examples, count)
        for count in curve_counts(labelled)
    }
    half = labelled // 2
    blind = np.where(examples.measured, mean_shape_left_out(examples), np.nan)
    verdict = judge(errors, after[half] if half in after else errors_after(examples, half))

    def both(of: Float[np.ndarray, "images points"]) -> dict[str, float | None]:
        share = 100 * mean_of_known(relative_errors(of, lengths))
        return {"error_px": _short(mean_of_known(of)), "error_percent": _short(share)}

    curve = [(count, both(of)) for count, of in after.items() if np.isfinite(of).any()]
    of_points = zip(
        scheme.names,
        mean_errors_of_points(errors).tolist(),
        (100 * mean_errors_of_points(relative_errors(errors, lengths))).tolist(),
        examples.by_hand.sum(axis=0).tolist(),
        strict=True,
    )
    return {
        "labelled_images": labelled,
        "history": [{"labels": count, **error} for count, error in curve],
        "points": [
            {
                "name": name,
                "error_px": _short(pixels),
                "error_percent": _short(share),
                "labelled": images,
            }
            for name, pixels, share, images in of_points
        ],
        "all": both(errors),
        "mean_shape": both(blind),
        "normaliser": normaliser.words,
        "sentence": verdict.sentence + told_of_accepted(examples) + caution(errors, blind),
        "more_helps": verdict.helps,
    }


def _short(value: float) -> float | None:
    return round(value, 3) if math.isfinite(value) else None
