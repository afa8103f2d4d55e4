"""The images of SET/SPLIT, in our layout: published sets are prepared when they are first used."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from warpmarks.datasets.annotated import AnnotatedSet, read_annotated
from warpmarks.datasets.image_set import ImageSet, find_images
from warpmarks.datasets.published.finding_parts import Places
from warpmarks.datasets.published.preparing import prepare
from warpmarks.datasets.published.published_set import PublishedSet, SourceImages
from warpmarks.datasets.published.registry import published_set
from warpmarks.reproduce.copies import Copy
from warpmarks.reproduce.sources import SOURCES
from warpmarks.spreading import spread_evenly
from warpmarks.system.progress import Progress
from warpmarks.wording import be, counted


class ImageSets:
    """The user's copies, ready for training and scoring.

    Args:
        copies: by the name of their source.
        folder: where published sets are prepared.
        limit: images of each split, at even distances; all of them if None.
        threads: that cut and save.
        progress: is told of preparing.
    """

    def __init__(
        self,
        copies: Mapping[str, Copy],
        folder: Path,
        *,
        limit: int | None,
        threads: int,
        progress: Progress,
    ) -> None:
        self._copies, self._folder, self._limit = copies, folder, limit
        self._threads, self._progress = threads, progress

    def images(self, part: str) -> ImageSet:
        """The images of SET/SPLIT."""
        root, split = self._placed(part)
        found = find_images(root, split=split)
        return found.subset(found.names[row] for row in self._rows(len(found.names)))

    def annotated(self, part: str, normaliser: str | None) -> AnnotatedSet:
        """The annotated images of SET/SPLIT, with the set's normaliser if no other is given."""
        root, split = self._placed(part)
        found = read_annotated(root, split=split, normaliser=normaliser, partial=True)
        return found.subset(self._rows(len(found.images.names)))

    def _rows(self, count: int) -> np.ndarray:
        return np.arange(count) if self._limit is None else spread_evenly(count, self._limit)

    def _placed(self, part: str) -> tuple[Path, str]:
        source, _, split = part.partition("/")
        copy = self._copies[source]
        split = copy.names.get(split, split)
        published = published_set(SOURCES[source].published)
        if published.name == "own":
            return copy.folders[0], split
        limit = "" if self._limit is None else f"-{self._limit}"
        output = self._folder / f"{source}-{copy.digest[:10]}{limit}"
        if not (output / "split.csv").is_file():
            prepared = prepare(
                published if self._limit is None else _limited(published, self._limit),
                copy.folders,
                output,
                crop=SOURCES[source].crop,
                partial=True,
                threads=self._threads,
                progress=self._progress,
            )
            if prepared.left_out:
                name, reason = prepared.left_out[0]
                images = counted(len(prepared.left_out), "image")
                self._progress.message(
                    f"{SOURCES[source].title}: {images} cannot be used and "
                    f"{be(len(prepared.left_out))} left out, such as {name} ({reason})"
                )
        return output, split


def _limited(published: PublishedSet, limit: int) -> PublishedSet:
    """The set with so many images of each split at most."""

    def read(places: Places) -> SourceImages:
        images = published.read(places)
        kept: list[int] = []
        for split in dict.fromkeys(images.splits):
            rows = [row for row, its_split in enumerate(images.splits) if its_split == split]
            kept += [rows[index] for index in spread_evenly(len(rows), limit)]
        return _subset(images, sorted(kept))

    return replace(published, read=read)


def _subset(images: SourceImages, rows: Sequence[int]) -> SourceImages:
    return replace(
        images,
        names=tuple(images.names[row] for row in rows),
        files=tuple(images.files[row] for row in rows),
        splits=tuple(images.splits[row] for row in rows),
        points=None if images.points is None else images.points[list(rows)],
    )
