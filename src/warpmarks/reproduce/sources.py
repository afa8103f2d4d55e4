"""The image sets that protocols name, and the flags that say where the user's copies are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Source:
    """An image set of the experiments.

    Attributes:
        title: for people.
        published: its reader, see `warpmarks.datasets.published.registry`.
        flag: that names its folder.
        also: flags of further folders that may hold a part of it.
        crop: the way to cut objects out; the reader's first if None.
    """

    title: str
    published: str
    flag: str
    also: tuple[str, ...] = ()
    crop: str | None = None

    def folders(self, given: Mapping[str, Sequence[Path]]) -> tuple[Path, ...]:
        """The folders to look in, of those given by flag; none without the first flag."""
        if not given.get(self.flag):
            return ()
        return tuple(folder for flag in (self.flag, *self.also) for folder in given.get(flag, ()))


SOURCES: Mapping[str, Source] = {
    "celeba": Source("CelebA", "celeba", "celeba", ("mafl",), "square"),
    "celeba-tight": Source("CelebA, cropped as AFLW", "celeba", "celeba", ("mafl",), "tight"),
    "mafl": Source("MAFL", "mafl", "celeba", ("mafl",), "square"),
    "aflw": Source("AFLW", "aflw", "aflw", ("mtfl",)),
    "300w": Source("300-W", "300w", "300w"),
    "cats": Source("the cat heads", "cats", "cats"),
    "zappos": Source("UT Zappos50k", "zappos", "zappos"),
    "own": Source("the set", "own", "set"),
}

FLAGS: Mapping[str, str] = {
    "celeba": "CelebA: img_align_celeba/ and its lists.",
    "mafl": "MAFL's training.txt and testing.txt, where they are not in CelebA's folder.",
    "aflw": "AFLW: aflw_cropped/ of the paper's first author.",
    "mtfl": "MTFL, whose test faces are AFLW's, where it is not in AFLW's folder.",
    "300w": "300-W: afw/, helen/, lfpw/ and ibug/.",
    "cats": "The cat heads: CAT_00/ to CAT_06/.",
    "zappos": "UT Zappos50k: Boots/, Sandals/, Shoes/ and Slippers/.",
    "set": "A set of your own: images/, landmarks.csv and split.csv.",
}
"""Flags by name, with what their folders hold."""


def flags_of(parts: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The flags that images need, and those that may be needed too."""
    sources = [SOURCES[part.partition("/")[0]] for part in parts]
    needed = tuple(dict.fromkeys(source.flag for source in sources))
    also = dict.fromkeys(flag for source in sources for flag in source.also)
    return needed, tuple(flag for flag in also if flag not in needed)
