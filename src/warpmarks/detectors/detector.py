"""A trained detector: images in, landmarks in pixels of those images out."""

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from warpmarks.datasets.reading import ImageLike
from warpmarks.detectors.base import Detection, ImageDetector, NamedDetection, is_single
from warpmarks.detectors.fewer_passes import in_fewer_passes
from warpmarks.detectors.folding import folded
from warpmarks.detectors.looking import Looking, Sight
from warpmarks.errors import InputError
from warpmarks.heatmaps import spatial_softmax
from warpmarks.runs.folder import RunFolder
from warpmarks.runs.record import RunRecord, with_copies
from warpmarks.runs.weights import build_network, load_weights, read_tensors, weights_digest
from warpmarks.system.devices import choose_device
from warpmarks.warps.sampling import sample_view, to_float_images, view_to_picture

__all__ = ["Detection", "Detector", "NamedDetection"]


Warp: TypeAlias = Callable[[Float[Tensor, "batch points 2"]], Float[Tensor, "batch points 2"]]
"""Takes points of each image, in normalised coordinates of its view, to others."""


class Detector(ImageDetector):
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
        super().__init__((record.picture_height, record.picture_width), record.config.image.fit)
        self.device = choose_device(device)
        self.network = network.to(self.device).eval()
        self.record = record
        self._looking = Looking(
            self.network,
            looks=record.config.looks,
            copies=record.config.copies,
            unbend=record.config.unbend,
            size=(record.view_height, record.view_width),
        )

    @classmethod
    def load(
        cls,
        run: str | Path,
        *,
        device: str | torch.device = "auto",
        copies: int | None = None,
    ) -> "Detector":
        """The detector of a run folder.

        Args:
            run: its folder.
            device: see `Detector`.
            copies: of the object in the last look, in place of the run's: fewer are quicker, more
                move off less.

        Raises:
            InputError: no run, no weights yet, weights that are damaged or not of this run, or
                copies that no run can have.
        """
        folder = RunFolder(run)
        record = folder.record()
        if copies is not None:
            record = with_copies(record, copies)
        network = build_network(record.config)
        weights, _ = read_tensors(folder.weights_path)
        load_weights(network, weights, folder.weights_path)
        return cls(network, record, device=device)

    @cached_property
    def _quick(self) -> nn.Module:
        quick = folded(self.network)
        return in_fewer_passes(quick) if self.device.type == "cpu" else quick

    @cached_property
    def _margin(self) -> tuple[int, int] | None:
        """Rows and columns to cut from the edges of a picture, if its view begins with whole ones.

        Sampling at the view's points would then find the pixels themselves.
        """
        record, cut = self.record, []
        for picture, view in (
            (record.picture_height, record.view_height),
            (record.picture_width, record.view_width),
        ):
            edge = record.config.image.margin * picture
            if abs(edge - round(edge)) > 1e-9 or picture - 2 * round(edge) != view:
                return None
            cut.append(round(edge))
        return cut[0], cut[1]

    @property
    def made_by(self) -> str:
        """Of the copies as well: with others the same weights find other coordinates."""
        return f"{self.digest} {self.record.config.copies}"

    @property
    def looks(self) -> int:
        """At each image; one where the run does not know yet where its landmarks usually are."""
        return self._looking.looks

    @property
    def num_landmarks(self) -> int:
        """K."""
        return self.record.config.num_landmarks

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the weights: what a regressor knows its detector by."""
        return weights_digest(self.network)

    def search(
        self, pictures: UInt8[np.ndarray, "batch height width 3"]
    ) -> tuple[Float[np.ndarray, "batch landmarks 2"], Float[np.ndarray, "batch landmarks"]]:
        """Landmarks in normalised coordinates of the pictures, and their scores."""
        sight = self.look(torch.from_numpy(pictures))
        in_picture = view_to_picture(sight.landmarks, self.record.config.image.margin)
        return in_picture.double().cpu().numpy(), sight.scores.double().cpu().numpy()

    def probability_maps(
        self, images: Sequence[ImageLike]
    ) -> tuple[
        UInt8[np.ndarray, "batch height width 3"], Float[np.ndarray, "batch k rows columns"]
    ]:
        """The views that the last look saw of the images, and p(u | x, r) over their cells.

        Both are in the frame of a view, which is no image's: the picture within its margin, and
        where the run looks again, turned, shifted and grown to how the object lies; of several
        copies the first one's. What is found, the means over copies, in pixels of the images is
        ``detector(images).landmarks``.

        Raises:
            InputError: one image was given, and not a list, or none, or one cannot be read.
        """
        if is_single(images):
            raise InputError("probability_maps was given one image: expected a list, [image]")
        if len(images) == 0:
            raise InputError("probability_maps was given no image: expected at least one")
        pictures = torch.from_numpy(np.stack([self._read(source)[0] for source in images]))
        sight = self.look(pictures)
        pixels = (sight.views.permute(0, 2, 3, 1) * 255).round().to(torch.uint8)
        return pixels.cpu().numpy(), sight.maps.cpu().numpy()

    @torch.no_grad()
    def look(
        self, pictures: UInt8[Tensor, "batch height width 3"], warp: Warp | None = None
    ) -> Sight:
        """What the run's looks find on pictures at its picture size.

        Args:
            pictures: bytes.
            warp: g, through which they are seen, x = I o g; as they are if None. It is given
                float32 on the detector's device.
        """
        images = to_float_images(pictures, self.device)

        def seen(points: Tensor) -> Tensor:
            there = points.flatten(1, 2) if warp is None else warp(points.flatten(1, 2))
            return sample_view(images, there.view_as(points), self.record.config.image.margin)

        views = self._plain_views(images) if warp is None else seen(self._points_of(images))
        return self._looking(views, self.maps, seen)

    def _plain_views(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch 3 view_height view_width"]:
        if self._margin is not None:
            top, left = self._margin
            return images[..., top : images.shape[-2] - top, left : images.shape[-1] - left]
        return sample_view(images, self._points_of(images), self.record.config.image.margin)

    def _points_of(self, images: Tensor) -> Float[Tensor, "batch view_height view_width 2"]:
        return self._looking.points.expand(len(images), -1, -1, -1)

    def maps(
        self, views: Float[Tensor, "batch 3 view_height view_width"]
    ) -> Float[Tensor, "batch k rows columns"]:
        """The probability maps of views on the detector's device."""
        return spatial_softmax(self._quick(views.contiguous(memory_format=torch.channels_last)))
