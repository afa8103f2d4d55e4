"""What is known of a published image set, and what its reader finds on the disk."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from warpmarks.datasets.published.crops import Crop
from warpmarks.datasets.published.finding_parts import Places
from warpmarks.points import PointScheme


@dataclass(frozen=True)
class SourceImages:
    """The images of a set as they lie on the disk, in the order of the set.

    Attributes:
        names: of the images in the set, with "/" between folders; each once.
        files: where they are.
        splits: of each image; "test/common" is a part of "test".
        points: in pixels of the image as it is stored, the centre of its first pixel at (0, 0); nan
            where a point is not annotated; None for a set without annotations.
        scheme: names, normaliser and mirror pairs of the points; None without annotations.
        gaps: one sentence for each thing that is missing or does not fit.
        notes: one sentence for each thing that is worth knowing and does no harm.
    """

    names: tuple[str, ...]
    files: tuple[str, ...]
    splits: tuple[str, ...]
    points: Float[np.ndarray, "images points 2"] | None
    scheme: PointScheme | None
    gaps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class PublishedSet:
    """What its authors and its users say of a set.

    Attributes:
        name: on the command line.
        title: for people.
        category: of the objects in it.
        used_for: what the paper does with it.
        counts: published numbers of images, by split; "test" counts "test/common" too, and "all"
            every image.
        points: what the annotated points are, for people; empty without annotations.
        normalisers: lengths that errors are divided by, as `warpmarks.points.parse_normaliser`
            reads them, by the name of the convention; the first is the paper's.
        licence: what its authors allow.
        where: to get it.
        citation: of the paper that presents it.
        layout: the folders and files that the reader looks for.
        crops: ways to cut the object out, by name; the first is the default.
        stored_sizes: (width, height) that every image of a split has, where they have one.
        read: its reader.
    """

    name: str
    title: str
    category: str
    used_for: str
    counts: Mapping[str, int]
    points: str
    normalisers: Mapping[str, str]
    licence: str
    where: str
    citation: str
    layout: tuple[str, ...]
    crops: Mapping[str, Crop]
    read: Callable[[Places], SourceImages]
    stored_sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def default_crop(self) -> str:
        """The name of the first crop."""
        return next(iter(self.crops))


def scheme_of(
    names: tuple[str, ...], normaliser: str, mirror: tuple[tuple[int, int], ...]
) -> PointScheme:
    """A scheme from a normaliser's text and from mirror pairs that are counted from 1."""
    return PointScheme.of_record(names, normaliser, mirror, source="the normaliser")
