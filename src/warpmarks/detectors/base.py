"""What detectors of every kind share: what they are given, what they say, and reading ahead.

Nothing here imports torch: an exported detector does without.
"""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, cast

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from warpmarks.arguments import expect_whole
from warpmarks.datasets.image_set import ImageSet, as_images
from warpmarks.datasets.placement import place
from warpmarks.datasets.reading import ImageLike, UnreadableImage, read_picture
from warpmarks.errors import InputError
from warpmarks.system.parallel import Workers, processors
from warpmarks.system.progress import Progress, SilentProgress

MAX_UNREADABLE = 0.05


class TooManyUnreadable(InputError):  # noqa: N818
    """More images of a set than `MAX_UNREADABLE` cannot be read; ends with a flag to go on with."""


def check_unreadable(images: ImageSet, failed: int, first_failed: str, *, of: int) -> None:
    """Raise where too many images cannot be read to go on without a word.

    Args:
        images: that are read.
        failed: how many of them could not be read so far.
        first_failed: one of them, with the reason.
        of: how many there are.

    Raises:
        TooManyUnreadable: see there.
    """
    if failed > MAX_UNREADABLE * of:
        raise TooManyUnreadable(
            f"{images.source}: {failed} of {of} images cannot be read, for instance "
            f"{first_failed}: mend or remove them, or go on without them with --allow-unreadable"
        )


@dataclass(frozen=True, eq=False)
class Detection:
    """Landmarks of one image, or of several with a leading axis.

    Attributes:
        landmarks: (K, 2) or (B, K, 2), x and y in pixels of the original image, centres at
            integers.
        scores: (K,) or (B, K), the share of each probability map that lies near its landmark, in
            [0, 1]; low where the point was not found well.
        size: (2,) or (B, 2), width and height of the original image in pixels.
    """

    landmarks: Float[np.ndarray, "*batch landmarks 2"]
    scores: Float[np.ndarray, "*batch landmarks"]
    size: Float[np.ndarray, "*batch 2"]

    def of(self, index: int) -> "Detection":
        """One image's part of a detection of several.

        Raises:
            InputError: it is of one image already.
        """
        if self.landmarks.ndim < 3:
            raise InputError(
                "this detection is of one image, of which there is no part: take its .landmarks"
            )
        return Detection(self.landmarks[index], self.scores[index], self.size[index])


@dataclass(frozen=True, eq=False)
class NamedDetection:
    """One image of a set: its landmarks and the picture searched, or why it could not be read."""

    name: str
    detection: Detection | None
    reason: str | None = None
    picture: UInt8[np.ndarray, "height width 3"] | None = None


def is_single(images: object) -> bool:
    """Whether what a detector is given is one image and not several."""
    if isinstance(images, np.ndarray):
        return images.ndim < 4
    return isinstance(images, str | Path | bytes | bytearray | Image.Image)


class ImageDetector(ABC):
    """Reads images into pictures, has them searched, and tells of pixels of the originals.

    Args:
        picture_size: (height, width) of the pictures that images are laid into.
        fit: how they are laid in, see `warpmarks.datasets.placement`.
    """

    def __init__(self, picture_size: tuple[int, int], fit: str) -> None:
        self.picture_size, self.fit = picture_size, fit

    @property
    @abstractmethod
    def digest(self) -> str:
        """What tells the detector from others, as a regressor knows its own."""

    @property
    def made_by(self) -> str:
        """What tells it from others that give other coordinates, if of the same weights."""
        return self.digest

    @property
    @abstractmethod
    def num_landmarks(self) -> int:
        """How many landmarks, or points, it finds."""

    @abstractmethod
    def search(
        self, pictures: UInt8[np.ndarray, "batch height width 3"]
    ) -> tuple[Float[np.ndarray, "batch landmarks 2"], Float[np.ndarray, "batch landmarks"]]:
        """Landmarks in normalised coordinates of the pictures, and their scores; in float64."""

    def __call__(self, images: ImageLike | Sequence[ImageLike]) -> Detection:
        """Landmarks of an image, or of a list of images or a (B, H, W, C) array of them.

        An empty list has K landmarks of no images.

        An image is a path, the bytes of a file, a PIL image or an (H, W), (H, W, 1), (H, W, 3) or
        (H, W, 4) array: of uint8; of uint16, scaled by the smallest of the ranges of 8, 10, 12, 14
        and 16 bits that holds its brightest pixel; of bool, black and white; or of floats from 0 to
        1. RGBA is laid on white.

        Raises:
            InputError: an image cannot be read or is of another kind.
        """
        single = is_single(images)
        if not single and not isinstance(images, Sequence | np.ndarray):
            raise InputError(
                f"the detector was given {type(images).__name__}: expected a path, the bytes of a "
                "file, a PIL image, an array, or a list of them; of an open file give file.read(), "
                "of a tensor tensor.numpy(), channels last"
            )
        sources = cast("list[ImageLike]", [images] if single else list(cast("Sequence", images)))
        if not sources:
            shape = (0, self.num_landmarks)
            return Detection(np.zeros((*shape, 2)), np.zeros(shape), np.zeros((0, 2)))
        read = [self._read(source) for source in sources]
        parts = [self._detect(read[i : i + 32]) for i in range(0, len(read), 32)]
        together = Detection(
            np.concatenate([part.landmarks for part in parts]),
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.size for part in parts]),
        )
        return together.of(0) if single else together

    def in_mirror(self, image: ImageLike) -> Detection:
        """Landmarks of an image's mirror image, in pixels of that; seen anew.

        Raises:
            InputError: the image cannot be read or is of another kind.
        """
        # Pixels are mirrored when read: an image that remembers how it was turned is upright then.
        picture, (height, width) = self._read(image)
        mirrored, scores = self.search(np.ascontiguousarray(picture[:, ::-1])[None])
        placement = place((height, width), self.picture_size, self.fit)
        landmarks = placement.to_original(mirrored[0] * [-1.0, 1.0])
        landmarks[:, 0] = width - 1 - landmarks[:, 0]
        return Detection(landmarks, scores[0], np.array([width, height], dtype=np.float64))

    def detect_images(
        self,
        images: ImageSet | str | Path,
        *,
        batch_size: int = 32,
        workers: int | None = None,
        allow_unreadable: bool = False,
        already: int = 0,
        progress: Progress | None = None,
    ) -> Generator[NamedDetection, None, None]:
        """Landmarks of every image of a set, in its order, read ahead while the network works.

        Args:
            images: to find landmarks on; a path stands for what `find_images` finds there.
            batch_size: that the network sees at a time.
            workers: threads that read images; as many as there are processors if not given.
            allow_unreadable: go on however many images cannot be read.
            already: images of a larger set, of which these are the rest, that were read before.
            progress: told of the images.

        Raises:
            InputError: there are no images, or the batch size or the number of threads is none.
            TooManyUnreadable: more than 5 % of the images cannot be read and ``allow_unreadable``
                is not set.
        """
        images = as_images(images)
        expect_whole(batch_size, "batch_size")
        readers = _readers(workers)
        progress = progress or SilentProgress()
        total = already + len(images.names)
        progress.start("Detecting", total, already)
        failed, first_failed = 0, ""
        paths = (images.root / name for name in images.names)
        with Workers(readers) as threads:
            waiting = threads.in_order(self._read_or_reason, paths, results_ahead=2 * batch_size)
            reads = zip(images.names, waiting, strict=True)
            while chunk := list(itertools.islice(reads, batch_size)):
                good = [read for _, read in chunk if not isinstance(read, UnreadableImage)]
                found = self._detect(good) if good else None
                index = 0
                for name, read in chunk:
                    if isinstance(read, UnreadableImage):
                        failed += 1
                        first_failed = first_failed or f"{name} ({read.reason})"
                        yield NamedDetection(name, None, read.reason)
                        continue
                    assert found is not None
                    yield NamedDetection(name, found.of(index), picture=read[0])
                    index += 1
                if not allow_unreadable:
                    check_unreadable(images, failed, first_failed, of=total)
                progress.advance(len(chunk))
        progress.finish()

    def read(
        self, images: Sequence[ImageLike], *, workers: int | None = None
    ) -> "list[ReadImage | UnreadableImage]":
        """Each of some images as it is searched, or why it cannot be read.

        Args:
            images: to read.
            workers: threads that read them; as many as there are processors if not given.

        Raises:
            InputError: the number of threads is none.
        """
        with Workers(_readers(workers)) as threads:
            return list(threads.in_order(self._read_or_reason, images, results_ahead=len(images)))

    def attempt(self, read: "Sequence[ReadImage | UnreadableImage]") -> list[Detection | str]:
        """Landmarks of each of some images, or why it could not be read.

        Args:
            read: what ``read`` gave of as many as the network is to see at a time.
        """
        good = [one for one in read if not isinstance(one, UnreadableImage)]
        found = map(self._detect(good).of, range(len(good))) if good else iter(())
        return [one.reason if isinstance(one, UnreadableImage) else next(found) for one in read]

    def _read_or_reason(self, source: ImageLike) -> "ReadImage | UnreadableImage":
        try:
            return self._read(source)
        except UnreadableImage as error:
            return error

    def _read(self, source: ImageLike) -> "ReadImage":
        return read_picture(source, *self.picture_size, self.fit)

    def _detect(self, read: "Sequence[ReadImage]") -> Detection:
        normalised, scores = self.search(np.stack([picture for picture, _ in read]))
        landmarks = [
            place(original, self.picture_size, self.fit).to_original(points)
            for (_, original), points in zip(read, normalised, strict=True)
        ]
        sizes = np.array([(width, height) for _, (height, width) in read], dtype=np.float64)
        return Detection(np.stack(landmarks), scores, sizes)


def _readers(workers: int | None) -> int:
    return processors() if workers is None else expect_whole(workers, "workers")


ReadImage: TypeAlias = tuple[
    np.ndarray, tuple[int, int]
]  # a picture, (height, width) of its original
