"""Points of the plane as complex numbers x + iy: a turn and a scaling is then one product."""

import numpy as np
from jaxtyping import Complex, Float


def to_complex(points: Float[np.ndarray, "*shape 2"]) -> Complex[np.ndarray, "*shape"]:
    """Points (x, y), in any frame, to x + iy."""
    return points[..., 0] + 1j * points[..., 1]


def from_complex(points: Complex[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape 2"]:
    """X + iy to points (x, y), in the same frame."""
    return np.stack([points.real, points.imag], axis=-1)
