"""The aspect of a set's images, from a few of their headers."""

import statistics

from PIL import Image

from warpmarks.datasets.image_set import ImageSet

SAMPLED = 201
_TURNED = {5, 6, 7, 8}  # EXIF orientations with the sides exchanged
_ORIENTATION = 0x0112


def middle_aspect(images: ImageSet) -> float:
    """Median of width over height over images spread evenly; 1 where it is within 5 % of square.

    Nothing is decoded. Images that cannot be opened are passed over, to be told of when they are
    read.
    """
    paths = images.paths()
    chosen = paths[:: max(1, len(paths) // SAMPLED)]
    aspects = []
    for path in chosen:
        try:
            with Image.open(path) as image:
                width, height = image.size
                turned = image.getexif().get(_ORIENTATION) in _TURNED
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            continue
        aspects.append(height / width if turned else width / height)
    middle = statistics.median(aspects) if aspects else 1.0
    return 1.0 if abs(middle - 1) < 0.05 else min(4.0, max(0.25, middle))
