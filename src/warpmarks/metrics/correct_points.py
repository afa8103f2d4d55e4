"""PCK, the percentage of correct keypoints (Yang and Ramanan, PAMI 2013).

A point is correct where it lies within alpha times a length of its image of the annotation. Theirs
is the longer side of a box around the object (normaliser ``box-side``); any normaliser will do, and
the table says which was used: PCK@0.1 is the share within a tenth of it.
"""

import numpy as np
from jaxtyping import Float


def share_of_correct_points(errors: Float[np.ndarray, "images points"], alpha: float) -> float:
    """PCK@alpha over all annotated points, from 0 to 1; 1 is best."""
    return float((errors[np.isfinite(errors)] <= alpha).mean())
