"""Centred coordinates, the third frame of `warpmarks.coordinates`; without torch.

Their origin is the image's centre, and half of the square root of its area is 1 in x and y.
"""

import numpy as np
from jaxtyping import Float


def pixels_to_centred(
    points: Float[np.ndarray, "images points 2"], sizes: Float[np.ndarray, "images 2"]
) -> Float[np.ndarray, "images points 2"]:
    """Pixels of images of the given widths and heights to centred coordinates."""
    middle, unit = _centre_and_unit(sizes)
    return (points - middle) / unit


def centred_to_pixels(
    points: Float[np.ndarray, "images points 2"], sizes: Float[np.ndarray, "images 2"]
) -> Float[np.ndarray, "images points 2"]:
    """Centred coordinates to pixels of images of the given widths and heights."""
    middle, unit = _centre_and_unit(sizes)
    return points * unit + middle


def _centre_and_unit(
    sizes: Float[np.ndarray, "images 2"],
) -> tuple[Float[np.ndarray, "images 1 2"], Float[np.ndarray, "images 1 1"]]:
    wide = np.asarray(sizes, dtype=np.float64)[:, None]
    return (wide - 1) / 2, np.sqrt(wide.prod(axis=-1, keepdims=True)) / 2
