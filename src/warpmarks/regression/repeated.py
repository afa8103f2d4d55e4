"""Images that show the same picture under several names.

One of them tells all of another, so that leave-one-out errors would be zero whatever the landmarks
are worth. A fit takes them as one image, with the mean of their annotations, and leaves them out
together.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float, Int

from warpmarks.regression.examples import Examples
from warpmarks.wording import counted, do, shown


def first_alike(examples: Examples) -> Int[np.ndarray, " images"]:
    """Of each image the first that shows its picture: itself, unless it is repeated."""
    first = dict[str, int]()
    alike = [first.setdefault(picture, row) for row, picture in enumerate(examples.pictures)]
    return np.array(alike) if alike else np.arange(len(examples))


def count_pictures(examples: Examples) -> int:
    """How many pictures the images show."""
    return len(set(first_alike(examples).tolist()))


def show_those_of(examples: Examples, others: Examples) -> Bool[np.ndarray, " images"]:
    """Of each image whether one of the others shows its picture."""
    known = set(others.pictures)
    return np.array([picture in known for picture in examples.pictures], dtype=bool)


def merged(
    examples: Examples, alike: Int[np.ndarray, " images"]
) -> tuple[Examples, Int[np.ndarray, " images"]]:
    """Each picture once, and the row of every image's picture.

    Args:
        examples: the images.
        alike: see `first_alike`.
    """
    first, rows = np.unique(alike, return_inverse=True)
    annotations = _means(examples.annotations, rows, len(first))
    return replace(examples.subset(first), annotations=annotations), rows


def told_of_repeated(examples: Examples) -> str:
    """A sentence on pictures that are there several times; empty where none is."""
    alike = first_alike(examples)
    again = np.flatnonzero(alike != np.arange(len(examples)))
    if not len(again):
        return ""
    one, other = (shown(examples.names[row]) for row in (alike[again[0]], again[0]))
    pictures = counted(count_pictures(examples), "picture")
    return (
        f"The {counted(len(examples), 'image')} show {pictures}: "
        f"{other}, for one, shows that of {one}. Images of one picture count as one and are left "
        "out together."
    )


def told_of_shared(scored: Examples, fitted: Examples) -> str:
    """A sentence on scored pictures that were fitted on under another name; empty where none is."""
    shared = int(show_those_of(scored, fitted).sum())
    if not shared:
        return ""
    return (
        f"{shared:,} of the {counted(len(scored), 'scored image')} {do(shared, 'show')} the same "
        "picture as one of the images to fit on: the errors are too low for others."
    )


def _means(
    annotations: Float[np.ndarray, "images points 2"], rows: Int[np.ndarray, " images"], count: int
) -> Float[np.ndarray, "pictures points 2"]:
    placed = np.isfinite(annotations).all(axis=-1, keepdims=True)
    sums = np.zeros((count, *annotations.shape[1:]))
    known = np.zeros((count, *placed.shape[1:]))
    np.add.at(sums, rows, np.where(placed, annotations, 0.0))
    np.add.at(known, rows, placed)
    return sums / np.where(known > 0, known, np.nan)
