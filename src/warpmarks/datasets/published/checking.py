"""Comparing a folder with what is published of the set that it should hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from warpmarks.datasets.image_set import in_split
from warpmarks.datasets.published.finding_parts import Places
from warpmarks.datasets.published.published_set import PublishedSet, SourceImages
from warpmarks.datasets.reading import read_size
from warpmarks.wording import counted


@dataclass(frozen=True)
class SplitCount:
    """The images of a split: found, and published; None where no number is published."""

    split: str
    found: int
    published: int | None


@dataclass(frozen=True)
class Check:
    """What there is of a set.

    Attributes:
        images: that were found.
        counts: one for each split, and one for all.
        gaps: one sentence for each thing that is missing or does not fit; none: the set is whole.
        notes: one sentence for each thing that does no harm.
    """

    images: SourceImages
    counts: tuple[SplitCount, ...]
    gaps: tuple[str, ...]
    notes: tuple[str, ...]


def check(published: PublishedSet, folders: Sequence[str | Path]) -> Check:
    """Read a set from the folders that hold it and compare it with what is published.

    Raises:
        InputError: a part without which nothing can be read is not there, or a file is wrong.
    """
    images = published.read(Places(folders))
    counts = tuple(
        SplitCount(split, _count(images, split), published.counts.get(split))
        for split in _splits(published, images)
    )
    gaps = [*images.gaps]
    for count in counts:
        if count.published is not None and count.found < count.published:
            gaps.append(f"{count.split} has {count.found:,} of {count.published:,} images")
    gaps += _odd_sizes(published, images)
    notes = [*images.notes]
    for count in counts:
        if count.published is not None and count.found > count.published:
            notes.append(
                f"{count.split} has {counted(count.found, 'image')}, more than the published "
                f"{count.published:,}"
            )
    return Check(images, counts, tuple(gaps), tuple(notes))


def _splits(published: PublishedSet, images: SourceImages) -> list[str]:
    known = [*published.counts, *dict.fromkeys(images.splits)]
    return [*dict.fromkeys(split for split in known if split != "all"), "all"]


def _count(images: SourceImages, asked: str) -> int:
    return sum(_belongs(split, asked) for split in images.splits)


def _belongs(split: str, asked: str) -> bool:
    return asked == "all" or in_split(split, asked)


def _odd_sizes(published: PublishedSet, images: SourceImages) -> list[str]:
    """Whether the first, middle and last image of a split have the size that all of them have."""
    gaps = []
    for asked, size in published.stored_sizes.items():
        members = [
            file
            for file, split in zip(images.files, images.splits, strict=True)
            if _belongs(split, asked)
        ]
        for file in dict.fromkeys([*members[:1], *members[len(members) // 2 :][:1], *members[-1:]]):
            height, width = read_size(file)
            if (width, height) != size:
                gaps.append(
                    f"{file} has {width} x {height} pixels where {published.title} has "
                    f"{size[0]} x {size[1]}"
                )
                break
    return gaps
