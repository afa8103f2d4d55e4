"""Similarities of the plane: turns, scalings and shifts."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from warpmarks.complex_points import from_complex, to_complex

_LEAST = 1e-6
"""Below this extent a shape is a point, and a turn makes a point of every shape."""


@dataclass(frozen=True)
class Similarity:
    """Points to turn * (points - centre) + target, points and all being complex: x + iy."""

    turn: complex
    centre: complex
    target: complex

    def __call__(self, points: Float[np.ndarray, "points 2"]) -> Float[np.ndarray, "points 2"]:
        """The points moved."""
        return from_complex(self.turn * (to_complex(points) - self.centre) + self.target)

    def inverse(self) -> "Similarity":
        """The similarity that moves points back."""
        return Similarity(1 / self.turn, self.target, self.centre)


def nearest_similarity(
    shape: Float[np.ndarray, "points 2"],
    target: Float[np.ndarray, "points 2"],
    weights: Float[np.ndarray, " points"],
) -> Similarity:
    """The similarity that takes a shape nearest to a target, in weighted squares.

    Where either has no extent there is nothing to turn, and it is only shifted. Weights that are
    all 0 count as equal. The frame should be one in which objects are about 1 large.
    """
    share = weights / weights.sum() if weights.sum() > 0 else np.full(len(shape), 1 / len(shape))
    points, wanted = to_complex(shape), to_complex(target)
    centre, wanted_centre = complex(share @ points), complex(share @ wanted)
    around = points - centre
    spread = share @ np.abs(around) ** 2
    if spread > _LEAST**2:
        turn = complex(share @ (around.conj() * (wanted - wanted_centre)) / spread)
        if abs(turn) > _LEAST:
            return Similarity(turn, centre, wanted_centre)
    return Similarity(1.0, centre, wanted_centre)
