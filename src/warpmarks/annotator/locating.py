"""Landmarks of all images, found in the background and kept for the next time.

The project's landmarks.safetensors holds them with the digest of the detector and, for each image,
the digest, size and time of its file: whatever has changed since is found anew.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from warpmarks.annotator.project_images import ProjectImages
from warpmarks.datasets.cache import file_digest
from warpmarks.datasets.image_set import ImageSet
from warpmarks.datasets.reading import UnreadableImage
from warpmarks.detectors.detector import Detection, Detector
from warpmarks.errors import InputError
from warpmarks.runs.weights import read_tensors, write_tensors
from warpmarks.wording import shown

CACHE = "landmarks.safetensors"
SAVE_EVERY = 10.0
"""Seconds."""

_BATCH = 32


class Locations:
    """Landmarks, scores and trouble of each image, which become known one after the other.

    Args:
        detector: finds the landmarks.
        images: on which.
        cache: the file that keeps them.
    """

    def __init__(self, detector: Detector, images: ProjectImages, cache: Path) -> None:
        count, landmarks = len(images), detector.num_landmarks
        self.landmarks = np.full((count, landmarks, 2), np.nan)
        self.scores = np.full((count, landmarks), np.nan)
        self.located = np.zeros(count, dtype=bool)
        self.trouble: dict[int, str] = {}
        """Why an image could not be decoded."""
        self.failure = ""
        """Why the detector does not work any more, as a sentence for the user."""
        self.tell: Callable[[str], None] = lambda _: None
        """Is called with the failure, once."""
        self.mirrored: dict[int, Detection | None] = {}
        """Of the mirror images that were looked at; None of one that has changed or is gone."""
        self._detector, self._images, self._cache = detector, images, cache
        self._pictures: dict[int, str] = {}
        self._writing = threading.Lock()
        self._stop = threading.Event()
        self._some = threading.Event()
        self._thread: threading.Thread | None = None
        self._stamps = _stamps(images)
        self.files = _digest(images, self._stamps)
        """Is another where other images, or other files of those names, have the same numbers."""
        self._read_cache()

    @property
    def total(self) -> int:
        """Number of images."""
        return len(self._images)

    @property
    def done(self) -> int:
        """Images that were looked at."""
        return int(self.located.sum()) + len(self.trouble)

    def start(
        self,
        first: Sequence[int],
        *,
        mirrored: Callable[[], bool] = lambda: False,
        looked_at: Callable[[], None] | None = None,
    ) -> None:
        """Find what is missing, in another thread, beginning with the images ``first``.

        Args:
            first: numbers of images.
            mirrored: whether to look at their mirror images, too; asked when they were looked at.
            looked_at: is called when all were looked at, or it is stopped.
        """
        # Drawn at random, so that those found so far stand for all.
        rest = np.random.default_rng(0).permutation(self.total).tolist()

        def work() -> None:
            self._work(first, mirrored, rest)
            if looked_at is not None:
                looked_at()

        self._thread = threading.Thread(target=work, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Leave off, and keep what was found."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def wait(self) -> None:
        """Until all images were looked at."""
        if self._thread is not None:
            self._thread.join()

    def wait_for_some(self, seconds: float) -> None:
        """Until some of the images that stand for all have been looked at, but no longer."""
        if self._thread is not None and self.done < _BATCH:
            self._some.wait(seconds)

    def ensure(self, index: int) -> bool:
        """Find the landmarks of one image now; whether they are known."""
        if self._missing(index):
            try:
                self._put(index, self._detector(self._images.path(index)))
            except UnreadableImage as error:
                self.trouble[index] = error.reason
            except Exception as error:  # the user goes on by hand
                self._fail(error)
        return bool(self.located[index])

    def ensure_mirrored(self, index: int) -> None:
        """Find the landmarks of one image's mirror image now."""
        if index in self.mirrored:
            return
        try:
            found = self._detector.in_mirror(self._images.path(index))
        except UnreadableImage:
            found = None
        except Exception as error:
            self._fail(error)
            return
        as_opened = found is not None and (found.size == self._images.sizes[index]).all()
        self.mirrored[index] = found if as_opened else None

    def picture(self, index: int) -> str:
        """What tells an image's file from others: one that is there twice is the same twice.

        Of an image whose landmarks are known it is known, too: nothing is read for it.
        """
        if index not in self._pictures:
            try:
                digest, _ = file_digest(self._images.path(index))
            except UnreadableImage:
                digest = ""
            self._pictures[index] = digest or self._images.names[index]
        return self._pictures[index]

    def _fail(self, error: Exception) -> None:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        told = bool(self.failure)
        self.failure = (
            f"landmarks can no longer be found ({reason}): label by hand, or stop and start "
            "again, with --device cpu if the GPU has too little memory"
        )
        if not told:
            self.tell(self.failure)

    def _missing(self, index: int) -> bool:
        return not self.located[index] and index not in self.trouble

    def _put(self, index: int, found: Detection) -> None:
        self.picture(index)
        with self._writing:
            self.landmarks[index] = found.landmarks
            self.scores[index] = found.scores
            self.located[index] = True

    def _work(
        self, first: Sequence[int], mirrored: Callable[[], bool], rest: Sequence[int]
    ) -> None:
        try:
            self._find_all(first)
            for index in first if not self._stop.is_set() and mirrored() else ():
                if self._stop.is_set() or self.failure:
                    return
                self.ensure_mirrored(index)
            self._find_all(rest)
        except Exception as error:
            self._fail(error)
        finally:
            self._some.set()

    def _find_all(self, order: Sequence[int]) -> None:
        order = [index for index in order if self._missing(index)]
        saved = time.monotonic()
        for begin in range(0, len(order), _BATCH):
            if self._stop.is_set():
                break
            batch = [index for index in order[begin : begin + _BATCH] if self._missing(index)]
            self._find(batch)
            self._some.set()
            if time.monotonic() - saved > SAVE_EVERY:
                self._save_cache()
                saved = time.monotonic()
        if order:
            self._save_cache()

    def _find(self, batch: Sequence[int]) -> None:
        names = []
        for index in batch:
            try:
                self._images.path(index)
                names.append(self._images.names[index])
            except UnreadableImage as error:
                self.trouble[index] = error.reason
        if not names:
            return
        numbers = {self._images.names[index]: index for index in batch}
        images = ImageSet(self._images.root, tuple(names))
        for one in self._detector.detect_images(images, allow_unreadable=True):
            if one.detection is None:
                self.trouble[numbers[one.name]] = one.reason or "damaged"
            else:
                self._put(numbers[one.name], one.detection)

    def _read_cache(self) -> None:
        try:
            held, about = read_tensors(self._cache)
        except InputError:
            return  # none yet, or damaged: they are found again
        names, count = about.get("images"), self.landmarks.shape[1]
        if about.get("detector") != self._detector.digest or not isinstance(names, list):
            return
        pictures = about.get("pictures")
        if not isinstance(pictures, list) or len(pictures) != len(names):
            return
        shapes = {"stamps": (2,), "landmarks": (count, 2), "scores": (count,)}
        if {name: tuple(value.shape) for name, value in held.items()} != {
            name: (len(names), *shape) for name, shape in shapes.items()
        }:
            return
        rows = {str(name): row for row, name in enumerate(names)}
        stamps, landmarks, scores = (held[name].numpy() for name in shapes)
        for index, name in enumerate(self._images.names):
            row = rows.get(name)
            if row is not None and (stamps[row] == self._stamps[index]).all():
                self.landmarks[index], self.scores[index] = landmarks[row], scores[row]
                self._pictures[index] = str(pictures[row])
                self.located[index] = True

    def _save_cache(self) -> None:
        known = np.flatnonzero(self.located)
        kept = {"stamps": self._stamps, "landmarks": self.landmarks, "scores": self.scores}
        names = [self._images.names[index] for index in known]
        pictures = [self._pictures[index] for index in known.tolist()]
        try:
            write_tensors(
                self._cache,
                {name: torch.from_numpy(values[known]) for name, values in kept.items()},
                {"detector": self._detector.digest, "images": names, "pictures": pictures},
            )
        except InputError:
            return  # a full disk costs the time of finding them again, no more


def _stamps(images: ProjectImages) -> np.ndarray:
    """Bytes and time of last change of each file."""
    stamps = np.zeros((len(images), 2), dtype=np.int64)
    for index, path in enumerate(images.real):
        try:
            status = path.stat()
            stamps[index] = status.st_size, status.st_mtime_ns
        except OSError:
            stamps[index] = -1
    return stamps


def _digest(images: ProjectImages, stamps: np.ndarray) -> str:
    names = "/".join(map(shown, images.names))
    return hashlib.blake2b(names.encode() + stamps.tobytes(), digest_size=8).hexdigest()
