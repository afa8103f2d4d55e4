"""Landmarks of many images into a file, in constant memory: reading, searching, writing overlap."""

import hashlib
import math
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from warpmarks.datasets.file_marks import is_as_marked, mark_of
from warpmarks.datasets.image_set import ImageSet
from warpmarks.datasets.landmark_file import GrowingLandmarkFile
from warpmarks.detectors.base import ImageDetector, NamedDetection, TooManyUnreadable
from warpmarks.errors import InputError
from warpmarks.system.parallel import Workers, processors
from warpmarks.system.progress import Progress, SilentProgress, one_by_one
from warpmarks.wording import counted

_WAITING = 4
"""Batches found but not yet written; beyond them the network waits for the disk."""


@dataclass(frozen=True)
class Written:
    """What is in a file of landmarks, and what is not.

    Attributes:
        images: with a line in the file.
        unreadable: images without one, each with its reason.
        mean_score: of the points that this call found; nan where it found none.
    """

    images: int
    unreadable: tuple[tuple[str, str], ...]
    mean_score: float


def detect_to_file(
    detector: ImageDetector,
    images: ImageSet,
    output: Path,
    *,
    scores: bool = False,
    batch_size: int = 32,
    resume: bool = False,
    overwrite: bool = False,
    allow_unreadable: bool = False,
    progress: Progress | None = None,
) -> Written:
    """Write a landmarks.csv of all images of a set, in its order, whole or not at all.

    Stopped or killed it leaves ``output``.part, from which ``resume`` goes on.

    Args:
        detector: finds the landmarks.
        images: to find them on.
        output: the file; one that is there is replaced when the new one is complete.
        scores: whether the score of each point is written too.
        batch_size: images that are searched at a time.
        resume: go on with what an interrupted call with the same arguments has left, also where
            the folder of the images was moved; that of other images is refused, and so is one with
            images that have changed since.
        overwrite: discard it.
        allow_unreadable: go on however many images cannot be read.
        progress: told of the images.

    Raises:
        InputError: too many images are unreadable or all of them, the file cannot be written, or
            what an interrupted call has left is of other images or columns.
    """
    unreadable: list[tuple[str, str]] = []
    total = 0.0
    with GrowingLandmarkFile(
        output,
        detector.num_landmarks,
        scores=scores,
        made_by={
            "is of other images": _digest(images),
            "was made by another detector or with other copies": detector.made_by,
        },
        resume=resume,
        overwrite=overwrite,
    ) as file:
        _refuse_changed(images, file, progress or SilentProgress())
        left = tuple(name for name in images.names if name not in file.done)
        found = detector.detect_images(
            images.subset(left),
            batch_size=batch_size,
            allow_unreadable=allow_unreadable,
            already=len(images.names) - len(left),
            progress=progress,
        )

        def write(batch: list[NamedDetection]) -> None:
            nonlocal total
            for one in batch:
                if one.detection is None:
                    unreadable.append((one.name, one.reason or ""))
                else:
                    file.write(
                        one.name,
                        one.detection.landmarks,
                        one.detection.scores if scores else None,
                        mark=mark_of(images.root / one.name),
                    )
                    total += float(one.detection.scores.mean())
            file.flush()

        try:
            with closing(found), _Queue(write) as queue:
                batch: list[NamedDetection] = []
                for one in found:
                    batch.append(one)
                    if len(batch) == batch_size:
                        queue.put(batch)
                        batch = []
                queue.put(batch)
        except TooManyUnreadable as error:
            # What was found before is kept, and only gone on with if that is asked for.
            raise TooManyUnreadable(f"{error} --resume" if file.rows else str(error)) from None
        if not file.rows:
            raise InputError(
                f"{images.source}: none of its images ({counted(len(unreadable), 'image')}) can be "
                "read"
            )
        file.complete()
        new = file.rows - len(file.done)
        return Written(file.rows, tuple(unreadable), total / new if new else math.nan)


def _digest(images: ImageSet) -> str:
    """Hash of the images' names; their files have marks, wherever they are."""
    whole = hashlib.blake2b(digest_size=16)
    for name in images.names:
        whole.update(f"{name}\0".encode(errors="surrogateescape"))
    return whole.hexdigest()


def _refuse_changed(images: ImageSet, file: GrowingLandmarkFile, progress: Progress) -> None:
    """Raise unless the images that are in the file are still what they were."""
    if not file.done:
        return

    def is_same(name: str) -> bool:
        return is_as_marked(images.root / name, file.done[name])

    changed = []
    names = one_by_one(progress, "Checking images", file.done)
    with Workers(processors()) as threads:
        for name, same in zip(names, threads.in_order(is_same, file.done), strict=True):
            if not same:
                changed.append(name)
    if changed:
        raise InputError(
            f"{file.part}: {counted(len(changed), 'image')} changed after landmarks were found, "
            f"such as {changed[0]}: give the same images to go on with --resume, or start anew "
            "with --overwrite"
        )


class _Queue:
    """One thread that works off what is put in, in order; leaving waits for it."""

    def __init__(self, work: Callable[[list[NamedDetection]], None]) -> None:
        self._work = work
        self._pool = ThreadPoolExecutor(1)
        self._waiting: deque[Future[None]] = deque()

    def put(self, batch: list[NamedDetection]) -> None:
        self._waiting.append(self._pool.submit(self._work, batch))
        while len(self._waiting) > _WAITING:
            self._waiting.popleft().result()

    def __enter__(self) -> "_Queue":
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self._pool.shutdown()
        if kind is None:
            for future in self._waiting:
                future.result()
