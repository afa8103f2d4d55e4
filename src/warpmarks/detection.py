"""What detectors of every kind share: what they are given, what they say, and reading ahead.

Nothing here imports torch: an exported detector does without.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, cast

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from warpmarks.datasets.fit import place
from warpmarks.datasets.image_set import ImageSet
from warpmarks.datasets.reading import UnreadableImage, read_picture
from warpmarks.errors import InputError
from warpmarks.progress import Progress, SilentProgress

Source: TypeAlias = str | Path | Image.Image | np.ndarray

MAX_UNREADABLE = 0.05


@dataclass(frozen=True)
class Detection:
    """Landmarks of one image, or of several with a leading axis.

    Attributes:
        landmarks: (K, 2) or (B, K, 2), x and y in pixels of the original image, centres at
            integers.
        scores: (K,) or (B, K), the share of each probability map that lies near its landmark, in
            [0, 1]; low where the point is hidden or was not found.
        size: (2,) or (B, 2), width and height of the original image in pixels.
    """

    landmarks: Float[np.ndarray, "*batch landmarks 2"]
    scores: Float[np.ndarray, "*batch landmarks"]
    size: Float[np.ndarray, "*batch 2"]

    def of(self, index: int) -> "Detection":
        """One image's part of a detection of several."""
        return Detection(self.landmarks[index], self.scores[index], self.size[index])


@dataclass(frozen=True)
class NamedDetection:
    """One image of a set: its landmarks, or why it could not be read."""

    name: str
    detection: Detection | None
    reason: str | None = None


class ImageDetector(ABC):
    """Reads images into pictures, has them searched, and tells of pixels of the originals.

    Args:
        picture_size: (height, width) of the pictures that images are laid into.
        fit: how they are laid in, see `warpmarks.datasets.fit`.
    """

    def __init__(self, picture_size: tuple[int, int], fit: str) -> None:
        self._picture_size, self._fit = picture_size, fit

    @abstractmethod
    def search(
        self, pictures: UInt8[np.ndarray, "batch height width 3"]
    ) -> tuple[Float[np.ndarray, "batch landmarks 2"], Float[np.ndarray, "batch landmarks"]]:
        """Landmarks in normalised coordinates of the pictures, and their scores; in float64."""

    def __call__(self, images: Source | Sequence[Source]) -> Detection:
        """Landmarks of an image, or of a list of images or a (B, H, W, C) array of them.

        An image is a path, a PIL image or an (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) array.

        Raises:
            InputError: an image cannot be read or is of another kind.
        """
        single = isinstance(images, str | Path | Image.Image) or (
            isinstance(images, np.ndarray) and images.ndim < 4
        )
        if not single and not isinstance(images, Sequence | np.ndarray):
            raise InputError(
                f"the detector was given {type(images).__name__}: expected a path, a PIL image, an "
                "array, or a list of them"
            )
        sources = cast("list[Source]", [images] if single else list(cast("Sequence", images)))
        if not sources:
            raise InputError("no images were given to the detector: expected at least one")
        read = [self._read(source) for source in sources]
        parts = [self._detect(read[i : i + 32]) for i in range(0, len(read), 32)]
        together = Detection(
            np.concatenate([part.landmarks for part in parts]),
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.size for part in parts]),
        )
        return together.of(0) if single else together

    def detect_images(
        self,
        images: ImageSet,
        *,
        batch_size: int = 32,
        workers: int = 2,
        allow_unreadable: bool = False,
        progress: Progress | None = None,
    ) -> Iterator[NamedDetection]:
        """Landmarks of every image of a set, in its order, read ahead while the network works.

        Raises:
            InputError: more than 5 % of the images cannot be read and ``allow_unreadable`` is not
                set.
        """
        progress = progress or SilentProgress()
        progress.start("Detecting", len(images.names))
        failed: list[str] = []
        with ThreadPoolExecutor(max(1, workers)) as pool:
            for chunk in self._chunks_ahead(images, batch_size, pool):
                good = [read for _, read in chunk if not isinstance(read, UnreadableImage)]
                found = self._detect(good) if good else None
                place_in_found = 0
                for name, read in chunk:
                    if isinstance(read, UnreadableImage):
                        failed.append(f"{name} ({read.reason})")
                        yield NamedDetection(name, None, read.reason)
                        continue
                    assert found is not None
                    yield NamedDetection(name, found.of(place_in_found))
                    place_in_found += 1
                if not allow_unreadable and len(failed) > MAX_UNREADABLE * len(images.names):
                    raise InputError(
                        f"{images.root}: {len(failed)} of {len(images.names)} images cannot be "
                        f"read, for instance {failed[0]}: mend or remove them, or go on without "
                        "them with --allow-unreadable"
                    )
                progress.advance(len(chunk))
        progress.finish()

    def _chunks_ahead(
        self, images: ImageSet, batch_size: int, pool: ThreadPoolExecutor
    ) -> Iterator[list[tuple[str, "_Read | UnreadableImage"]]]:
        waiting: deque[tuple[str, Future[_Read | UnreadableImage]]] = deque()
        pending = iter(zip(images.names, images.paths(), strict=True))
        while True:
            while len(waiting) < 3 * batch_size and (item := next(pending, None)) is not None:
                waiting.append((item[0], pool.submit(self._read_or_reason, item[1])))
            if not waiting:
                return
            ready = [waiting.popleft() for _ in range(min(batch_size, len(waiting)))]
            yield [(name, future.result()) for name, future in ready]

    def _read_or_reason(self, path: Path) -> "_Read | UnreadableImage":
        try:
            return self._read(path)
        except UnreadableImage as error:
            return error

    def _read(self, source: Source) -> "_Read":
        return read_picture(source, *self._picture_size, self._fit)

    def _detect(self, read: "Sequence[_Read]") -> Detection:
        normalised, scores = self.search(np.stack([picture for picture, _ in read]))
        landmarks = [
            place(original, self._picture_size, self._fit).to_original(points)
            for (_, original), points in zip(read, normalised, strict=True)
        ]
        sizes = np.array([(width, height) for _, (height, width) in read], dtype=np.float64)
        return Detection(np.stack(landmarks), scores, sizes)


_Read: TypeAlias = tuple[np.ndarray, tuple[int, int]]  # a picture, (height, width) of its original
