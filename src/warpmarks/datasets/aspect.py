"""The aspect of a set's images, from a few of their headers."""

import statistics

from warpmarks.datasets.image_set import ImageSet
from warpmarks.datasets.reading import UnreadableImage, read_size

SAMPLED = 200


def middle_aspect(images: ImageSet) -> float:
    """Median of width over height over images spread evenly, from 1/4 to 4.

    1 where it is within 5 % of square, and the nearer end where it lies beyond.

    Nothing is decoded. Images that cannot be opened are passed over, to be told of when they are
    read.
    """
    paths = images.paths()
    aspects = []
    for path in paths[:: max(1, len(paths) // SAMPLED)]:
        try:
            height, width = read_size(path)
        except UnreadableImage:
            continue
        aspects.append(width / height)
    middle = statistics.median(aspects) if aspects else 1.0
    return 1.0 if abs(middle - 1) < 0.05 else min(4.0, max(0.25, middle))
