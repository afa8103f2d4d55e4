"""UT Zappos50k: shoes on white, without annotated points.

Known of the layout, from its readme and its readers: ``ut-zap50k-images/`` with folders for the
category, its kind and the brand: ``Boots/Ankle/Apepazza/7965396.7.jpg``; 50,025 images of about
136 x 102. Names of brands may end in a full stop, and a copy that was unpacked on Windows has lost
it. A second download has the same images in squares, ``ut-zap50k-images-square/``.

The paper trains on 49,525 of the images and keeps the rest, but does not say which: val is 500 at
even distances in the order of their names here (in a copy of fewer than 10,000, one in a hundred).
"""

import numpy as np

from warpmarks.datasets.image_set import find_images
from warpmarks.datasets.published.crops import Crop
from warpmarks.datasets.published.finding_parts import Places
from warpmarks.datasets.published.published_set import PublishedSet, SourceImages
from warpmarks.errors import InputError

CATEGORIES = ("Boots", "Sandals", "Shoes", "Slippers")
VAL = 500


def read_zappos(places: Places) -> SourceImages:
    """The shoes with splits train and val.

    Raises:
        InputError: none of the four folders is there, or they hold no image.
    """
    home = next(
        (
            folder
            for folder in places.folders()
            if any((folder / category).is_dir() for category in CATEGORIES)
        ),
        None,
    )
    if home is None:
        raise InputError(
            f"{places.have} none of the folders {', '.join(CATEGORIES)}: unpack "
            "ut-zap50k-images.zip there"
        )
    names: list[str] = []
    gaps: list[str] = []
    for category in CATEGORIES:
        if (home / category).is_dir():
            names += [f"{category}/{name}" for name in find_images(home / category).names]
        else:
            gaps.append(f"{home} has no folder {category}")
    held_out = VAL if len(names) > 10_000 else max(round(len(names) / 100), 1)
    val = set(np.linspace(0, len(names) - 1, held_out).round().astype(int).tolist())
    return SourceImages(
        tuple(names),
        tuple(str(home / name) for name in names),
        tuple("val" if index in val else "train" for index in range(len(names))),
        None,
        None,
        tuple(gaps),
    )


ZAPPOS = PublishedSet(
    name="zappos",
    title="UT Zappos50k",
    category="shoes on white",
    used_for="figure 3",
    counts={"all": 50_025, "train": 49_525, "val": VAL},
    points="",
    normalisers={},
    licence="academic, non-commercial use only",
    where="https://vision.cs.utexas.edu/projects/finegrained/utzap50k/ (ut-zap50k-images.zip)",
    citation="Yu, Grauman: Fine-grained visual comparisons with local learning, CVPR 2014",
    layout=tuple(f"{category}/KIND/BRAND/*.jpg" for category in CATEGORIES),
    crops={"whole": Crop("all of the image")},
    read=read_zappos,
)
