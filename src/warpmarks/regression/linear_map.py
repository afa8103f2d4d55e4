"""A linear map from landmarks to points, as every way to fit one gives it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True, eq=False)
class LinearMap:
    """y = W x + offset in centred coordinates, and how far it may be trusted.

    Attributes:
        weights: W.
        offset: zero without bias.
        errors: annotation less prediction on each image of a fit without it; nan where the point
            is not annotated or the other images do not determine the fit.
        chosen: the weights that were chosen, by name; where each point has its own, their middle.
    """

    weights: Float[np.ndarray, "outputs inputs"]
    offset: Float[np.ndarray, " outputs"]
    errors: Float[np.ndarray, "images points 2"]
    chosen: dict[str, float]
