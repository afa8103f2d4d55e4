"""The built-in category: heads of fantasy animals, rendered on the fly with exact ground truth."""

from warpmarks.datasets.synthetic.anatomy import EYES, MIRROR_PAIRS, POINT_NAMES
from warpmarks.datasets.synthetic.image_set import read_visibility, write_image_set
from warpmarks.datasets.synthetic.rendering import SyntheticSample, render

__all__ = [
    "EYES",
    "MIRROR_PAIRS",
    "POINT_NAMES",
    "SyntheticSample",
    "read_visibility",
    "render",
    "write_image_set",
]
