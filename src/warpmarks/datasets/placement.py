"""How an original image is laid into a picture of another size, for pixels and for points.

A picture shows a rectangle of the original's plane, its *box*, stretched to the picture's edges:

    stretch   the whole image, both axes scaled on their own      box = the image
    crop      the largest centred part of the picture's shape     box inside the image
    pad       the whole image, its edge pixels repeated outwards  box around the image

The box alone is the geometry: reading an image samples the box, and points go through the same box.
The original is the upright image, after its EXIF orientation.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from warpmarks.errors import InputError

FITS = ("stretch", "crop", "pad")
"""The values of the setting image.fit."""


@dataclass(frozen=True)
class Placement:
    """Where an original lies in a picture; all sizes are (height, width).

    Attributes:
        original_size: of the upright original, in its pixels.
        picture_size: of the picture, in its pixels.
        box: left, top, right, bottom of what the picture shows, in the original's plane, measured
            from its outer top left corner: the whole image is (0, 0, width, height).
        content: left, top, right, bottom of the picture's pixels that show the image and not its
            repeated edge; the whole picture unless the fit is "pad".
    """

    original_size: tuple[int, int]
    picture_size: tuple[int, int]
    box: tuple[float, float, float, float]
    content: tuple[int, int, int, int]

    def to_original(self, points: Float[np.ndarray, "*points 2"]) -> Float[np.ndarray, "*points 2"]:
        """Normalised coordinates of the picture to pixels of the original."""
        start, extent = np.array(self.box[:2]), np.subtract(self.box[2:], self.box[:2])
        return start + (points + 1) / 2 * extent - 0.5

    def to_picture(self, points: Float[np.ndarray, "*points 2"]) -> Float[np.ndarray, "*points 2"]:
        """Pixels of the original to normalised coordinates of the picture.

        Points that a crop cuts off lie outside [-1, 1].
        """
        start, extent = np.array(self.box[:2]), np.subtract(self.box[2:], self.box[:2])
        return 2 * (points + 0.5 - start) / extent - 1


def place(original_size: tuple[int, int], picture_size: tuple[int, int], fit: str) -> Placement:
    """Lay an original of one (height, width) into a picture of another.

    Raises:
        InputError: no such fit, or a size without pixels.
    """
    if min(*original_size, *picture_size) < 1:
        raise InputError(f"a picture of {picture_size} from {original_size} has no pixels")
    height, width = original_size
    rows, columns = picture_size
    whole = (0, 0, columns, rows)
    if fit == "stretch":
        return Placement(
            original_size, picture_size, (0.0, 0.0, float(width), float(height)), whole
        )
    if fit == "crop":
        scale = min(width / columns, height / rows)
        shown_x, shown_y = min(scale * columns, width), min(scale * rows, height)
        left, top = (width - shown_x) / 2, (height - shown_y) / 2
        box = (left, top, left + shown_x, top + shown_y)
        return Placement(original_size, picture_size, box, whole)
    if fit == "pad":
        # The image fills whole pixels, so that its repeated edge is not blurred into it; the two
        # axes then differ in scale by the rounding, which the box holds exactly.
        scale = max(width / columns, height / rows)
        filled_x = max(1, min(columns, round(width / scale)))
        filled_y = max(1, min(rows, round(height / scale)))
        left, top = (columns - filled_x) // 2, (rows - filled_y) // 2
        per_x, per_y = width / filled_x, height / filled_y
        box = (-left * per_x, -top * per_y, (columns - left) * per_x, (rows - top) * per_y)
        content = (left, top, left + filled_x, top + filled_y)
        return Placement(original_size, picture_size, box, content)
    raise InputError(f"the fit {fit!r} is not known: choose one of {', '.join(FITS)}")
