"""A trained detector: images in, landmarks in pixels of those images out."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeAlias, cast

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor, nn

from warpmarks.coordinates import pixel_centres
from warpmarks.datasets.fit import place
from warpmarks.datasets.image_set import ImageSet
from warpmarks.datasets.reading import UnreadableImage, read_picture
from warpmarks.devices import choose_device
from warpmarks.errors import InputError
from warpmarks.heatmaps import concentration, soft_argmax, spatial_softmax
from warpmarks.progress import Progress, SilentProgress
from warpmarks.run_folder import RunFolder, RunRecord
from warpmarks.warps.sampling import sample_view, to_float_images, view_to_picture
from warpmarks.weights import build_network, load_weights, read_tensors, weights_digest

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


class Detector:
    """Finds the K landmarks of a run on any image.

    >>> detector = Detector.load("run")                     # doctest: +SKIP
    >>> detector("cat.jpg").landmarks                       # (K, 2) pixels   # doctest: +SKIP

    Args:
        network: with its weights.
        record: the run's settings and geometry.
        device: where to compute: auto, cpu, cuda or a torch device.
    """

    def __init__(
        self, network: nn.Module, record: RunRecord, *, device: str | torch.device = "auto"
    ) -> None:
        self.device = choose_device(device)
        self.network = network.to(self.device).eval()
        self.record = record
        self._view = pixel_centres(record.view_height, record.view_width, device=self.device)

    @classmethod
    def load(cls, run: str | Path, *, device: str | torch.device = "auto") -> "Detector":
        """The detector of a run folder.

        Raises:
            InputError: no run, no weights yet, or weights that are damaged or not of this run.
        """
        folder = RunFolder(run)
        record = folder.record()
        network = build_network(record.config)
        weights, _ = read_tensors(folder.weights_path)
        load_weights(network, weights, folder.weights_path)
        return cls(network, record, device=device)

    @property
    def num_landmarks(self) -> int:
        """K."""
        return self.record.config.num_landmarks

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the weights: what a regressor knows its detector by."""
        return weights_digest(self.network)

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

    def probability_maps(
        self, images: Sequence[Source]
    ) -> tuple[
        UInt8[np.ndarray, "batch height width 3"], Float[np.ndarray, "batch k rows columns"]
    ]:
        """The views that the network sees of the images, and p(u | x, r) over their cells."""
        pictures = torch.from_numpy(np.stack([self._read(source)[0] for source in images]))
        views = self.views(pictures)
        _, maps = self.locate(views)
        pixels = (views.permute(0, 2, 3, 1) * 255).round().to(torch.uint8)
        return pixels.cpu().numpy(), maps.cpu().numpy()

    def views(
        self, pictures: UInt8[Tensor, "batch height width 3"]
    ) -> Float[Tensor, "batch 3 view_height view_width"]:
        """What the network sees of pictures at the run's picture size."""
        images = to_float_images(pictures, self.device)
        points = self._view.expand(len(images), -1, -1, -1)
        return sample_view(images, points, self.record.config.image.margin)

    @torch.no_grad()
    def locate(
        self, views: Float[Tensor, "batch 3 view_height view_width"]
    ) -> tuple[Float[Tensor, "batch k 2"], Float[Tensor, "batch k rows columns"]]:
        """Landmarks in normalised coordinates of the views, and the probability maps."""
        on_device = views.to(self.device).contiguous(memory_format=torch.channels_last)
        maps = spatial_softmax(self.network(on_device))
        return soft_argmax(maps), maps

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
        record = self.record
        return read_picture(
            source, record.picture_height, record.picture_width, record.config.image.fit
        )

    def _detect(self, read: "Sequence[_Read]") -> Detection:
        pictures = torch.from_numpy(np.stack([picture for picture, _ in read]))
        in_view, maps = self.locate(self.views(pictures))
        scores = concentration(maps, in_view)
        in_picture = view_to_picture(in_view, self.record.config.image.margin)
        normalised = in_picture.double().cpu().numpy()
        size = (self.record.picture_height, self.record.picture_width)
        landmarks = [
            place(original, size, self.record.config.image.fit).to_original(points)
            for (_, original), points in zip(read, normalised, strict=True)
        ]
        sizes = np.array([(width, height) for _, (height, width) in read], dtype=np.float64)
        return Detection(np.stack(landmarks), scores.double().cpu().numpy(), sizes)


_Read: TypeAlias = tuple[np.ndarray, tuple[int, int]]  # a picture, (height, width) of its original
