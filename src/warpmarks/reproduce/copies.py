"""What of an image set is on the user's disk, told before anything is made of it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from warpmarks.datasets.image_set import in_split
from warpmarks.datasets.published.checking import check
from warpmarks.datasets.published.published_set import SourceImages
from warpmarks.datasets.published.registry import published_set
from warpmarks.errors import InputError
from warpmarks.reproduce.sources import SOURCES
from warpmarks.wording import counted


@dataclass(frozen=True)
class Split:
    """The images of a split.

    Attributes:
        images: how many there are.
        annotated: how many of them have a point.
        complete: how many of them have all their points.
        digest: of names, points and the files' sizes; moving the copy does not change it.
    """

    images: int
    annotated: int
    complete: int
    digest: str


@dataclass(frozen=True)
class Copy:
    """The user's copy of an image set.

    Attributes:
        source: its name in `warpmarks.reproduce.sources.SOURCES`.
        folders: that hold it.
        splits: by the name that protocols have for them.
        names: what the copy calls them, where it is another name.
        there: all the splits that the copy has, as it calls them.
        points: number of annotated points; 0 without annotations.
        digest: of all its names, splits, points and the files' sizes.
        gaps: one sentence for each thing that is missing of the published set.
        absent: why nothing can be read, as one sentence; empty where the set is there.
    """

    source: str
    folders: tuple[Path, ...] = ()
    splits: Mapping[str, Split] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    there: tuple[str, ...] = ()
    points: int = 0
    digest: str = ""
    gaps: tuple[str, ...] = ()
    absent: str = ""

    def lacks(self, split: str, *, labels: int | None = None) -> str:
        """Why the split cannot be used, as a clause; empty where it can.

        Args:
            split: as protocols call it.
            labels: images with all points that are needed; 0 if some annotation will do; None if
                none is needed.
        """
        title = SOURCES[self.source].title
        if self.absent:
            return self.absent
        found = self.splits.get(split)
        called = self.names.get(split, split)
        if found is None or not found.images:
            there = ", ".join(self.there) or "none"
            return f"{title} has no images of the split {called!r}: the splits there are {there}"
        if labels is not None and not found.annotated:
            return f"no image of {title} {called} is annotated"
        if labels is not None and labels > found.complete:
            images = counted(found.complete, "image")
            return f"{title} {called} has {images} with all points, where {labels} are drawn"
        return ""


def find_copies(
    parts: Sequence[str], given: Mapping[str, Sequence[Path]], own_splits: Mapping[str, str]
) -> dict[str, Copy]:
    """The copies of all sets that some images are from.

    Args:
        parts: SET/SPLIT of the images.
        given: folders by flag.
        own_splits: what the user's own set calls its splits.
    """
    splits: dict[str, list[str]] = {}
    for part in parts:
        source, _, split = part.partition("/")
        splits.setdefault(source, []).append(split)
    return {
        source: find_copy(source, given, wanted, names=own_splits if source == "own" else None)
        for source, wanted in splits.items()
    }


def find_copy(
    source: str,
    given: Mapping[str, Sequence[Path]],
    splits: Sequence[str],
    *,
    names: Mapping[str, str] | None = None,
) -> Copy:
    """Look for an image set in the folders that were given by flag.

    Args:
        source: its name in SOURCES.
        given: folders by flag.
        splits: that are wanted, as protocols call them.
        names: what the copy calls them, where it is another name.
    """
    known = SOURCES[source]
    names = names or {}
    folders = known.folders(given)
    if not folders:
        return Copy(
            source, absent=f"{known.title} was not given: say where it is by --{known.flag}"
        )
    try:
        found = check(published_set(known.published), folders)
    except InputError as error:
        hints = [flag for flag in known.also if not given.get(flag)]
        hint = f" (or give its folder by --{hints[0]})" if hints else ""
        return Copy(source, folders, absent=f"{error}{hint}")
    images = found.images
    sizes = [_size_of(file) for file in images.files]
    present = {*splits, *(_known_as(split, names) for split in images.splits)}
    return Copy(
        source,
        folders,
        {
            split: one
            for split in sorted(present)
            if (one := _split(images, sizes, names.get(split, split))).images
        },
        names,
        tuple(sorted(set(images.splits))),
        0 if images.points is None else images.points.shape[1],
        _digest(images, sizes, range(len(images.names))),
        found.gaps,
    )


def _known_as(split: str, names: Mapping[str, str]) -> str:
    return next((name for name, called in names.items() if called == split), split)


def _split(images: SourceImages, sizes: Sequence[int], split: str) -> Split:
    rows = [row for row, its_split in enumerate(images.splits) if in_split(its_split, split)]
    digest = _digest(images, sizes, rows)
    if images.points is None:
        return Split(len(rows), 0, 0, digest)
    known = np.isfinite(images.points[rows]).all(axis=2)
    return Split(len(rows), int(known.any(axis=1).sum()), int(known.all(axis=1).sum()), digest)


def _size_of(file: str) -> int:
    """In bytes; -1 of one that cannot be found, of which its reader will tell."""
    try:
        return Path(file).stat().st_size
    except OSError:
        return -1


def _digest(images: SourceImages, sizes: Sequence[int], rows: Sequence[int]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for row in rows:
        named = f"{images.names[row]}\0{images.splits[row]}\0{sizes[row]}\0"
        digest.update(named.encode(errors="surrogateescape"))
    if images.points is not None:
        digest.update(np.ascontiguousarray(images.points[list(rows)], dtype="<f8").tobytes())
    return digest.hexdigest()
