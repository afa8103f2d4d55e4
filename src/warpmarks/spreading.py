"""Some of many things, at even distances."""

import numpy as np
from jaxtyping import Int


def spread_evenly(count: int, most: int) -> Int[np.ndarray, " chosen"]:
    """Indices of at most ``most`` of ``count`` things, at even distances, the ends among them."""
    return np.linspace(0, count - 1, min(count, most)).round().astype(int)
