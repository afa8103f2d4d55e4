"""A trained detector: images in, landmarks in pixels of those images out."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from warpmarks.coordinates import pixel_centres
from warpmarks.detection import Detection, ImageDetector, NamedDetection, Source
from warpmarks.devices import choose_device
from warpmarks.folding import folded
from warpmarks.heatmaps import concentration, soft_argmax, spatial_softmax
from warpmarks.run_folder import RunFolder, RunRecord
from warpmarks.warps.sampling import sample_view, to_float_images, view_to_picture
from warpmarks.weights import build_network, load_weights, read_tensors, weights_digest

__all__ = ["Detection", "Detector", "NamedDetection"]


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

    @cached_property
    def _quick(self) -> nn.Module:
        return folded(self.network)

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
        in_view, maps = self.locate(self.views(torch.from_numpy(pictures)))
        scores = concentration(maps, in_view)
        in_picture = view_to_picture(in_view, self.record.config.image.margin)
        return in_picture.double().cpu().numpy(), scores.double().cpu().numpy()

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
        if self._margin is not None:
            top, left = self._margin
            return images[..., top : images.shape[-2] - top, left : images.shape[-1] - left]
        points = self._view.expand(len(images), -1, -1, -1)
        return sample_view(images, points, self.record.config.image.margin)

    @torch.no_grad()
    def locate(
        self, views: Float[Tensor, "batch 3 view_height view_width"]
    ) -> tuple[Float[Tensor, "batch k 2"], Float[Tensor, "batch k rows columns"]]:
        """Landmarks in normalised coordinates of the views, and the probability maps."""
        on_device = views.to(self.device).contiguous(memory_format=torch.channels_last)
        maps = spatial_softmax(self._quick(on_device))
        return soft_argmax(maps), maps
