"""The cumulative error curve: the share of images whose error stays under a threshold.

The error of an image is the mean over its points. The area under the curve up to a threshold, over
that threshold, and the share of images beyond it, the failures, are numbers of the same curve: so
in the 300-W challenge (Sagonas et al., Image and Vision Computing 2016) and since, e.g. in the
evaluation of the ICPR 2020 landmark challenge, "calculated up to the threshold alpha, then divided
by that threshold", alpha = 0.08 (fllc-icpr2020.github.io/evaluation).
"""

import numpy as np
from jaxtyping import Float


def area_under_curve(image_errors: Float[np.ndarray, " images"], threshold: float) -> float:
    """Area under the cumulative curve from 0 to the threshold, over the threshold; 1 is best.

    Exact, not from a grid: an image of error e is counted from e on, that is on a share
    max(0, 1 - e / threshold) of the way.
    """
    known = image_errors[np.isfinite(image_errors)]
    return float(np.maximum(0.0, 1.0 - known / threshold).mean())


def failure_rate(image_errors: Float[np.ndarray, " images"], threshold: float) -> float:
    """Share of images with an error above the threshold; 0 is best."""
    known = image_errors[np.isfinite(image_errors)]
    return float((known > threshold).mean())
