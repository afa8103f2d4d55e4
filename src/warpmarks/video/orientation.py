"""How a video's frames are turned to be shown: what a phone held upright writes beside them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

_ONE = 65536  # the matrix holds 16.16 fixed point numbers


@dataclass(frozen=True)
class Orientation:
    """A turn by a multiple of 90 degrees, and perhaps a mirror.

    Attributes:
        transposed: rows become columns, before anything else.
        flip_x: left and right change places.
        flip_y: top and bottom change places.
    """

    transposed: bool = False
    flip_x: bool = False
    flip_y: bool = False

    def upright(
        self, image: UInt8[np.ndarray, "height width 3"]
    ) -> UInt8[np.ndarray, "rows columns 3"]:
        """The stored image as it is shown."""
        if self.transposed:
            image = image.transpose(1, 0, 2)
        steps = (-1 if self.flip_y else 1, -1 if self.flip_x else 1)
        return np.ascontiguousarray(image[:: steps[0], :: steps[1]])


def from_display_matrix(matrix: bytes) -> Orientation | None:
    """The orientation of ISO 14496-12's matrix of a track; None where it is no multiple of 90°.

    A stored point is shown at

        [x' y'] = [x y] [ a  b ]
                        [ c  d ]    up to a shift, with x to the right and y downwards.
    """
    a, b, _, c, d = (int(cell) for cell in np.frombuffer(matrix, dtype=np.int32)[:5])
    if b == c == 0 and abs(a) == abs(d) == _ONE:
        return Orientation(False, a < 0, d < 0)
    if a == d == 0 and abs(b) == abs(c) == _ONE:
        return Orientation(True, c < 0, b < 0)
    return None
