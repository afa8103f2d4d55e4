"""Annotated images through random warps, with their annotations moved along.

An image is seen through a random thin-plate spline g1, and a point p of it at g1^{-1}(p). A point
that is nowhere annotated or that the warp moves out of view is marked as not there: a soft-argmax
cannot leave the view.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from warpmarks.configuration import TrainingConfig
from warpmarks.datasets.placement import place
from warpmarks.points import PointScheme
from warpmarks.runs.geometry import Geometry, warps_of
from warpmarks.training.photometric import change_colours, draw_colours
from warpmarks.training.randomness import generator_for
from warpmarks.training.step import BatchMaker, Share
from warpmarks.warps import ThinPlateSpline
from warpmarks.warps.sampling import picture_to_view
from warpmarks.warps.views import ViewSampler, seen_points


@dataclass(frozen=True)
class AnnotatedPictures:
    """Pictures at the run's size with their annotations.

    Attributes:
        pictures: of any number of images.
        points: in pixels of the originals; nan where not annotated.
        sizes: (height, width) of the originals.
        scheme: of the points.
    """

    pictures: UInt8[np.ndarray, "images height width 3"]
    points: Float[np.ndarray, "images points 2"]
    sizes: Int[np.ndarray, "images 2"]
    scheme: PointScheme

    def in_view(self, fit: str, margin: float) -> Float[Tensor, "images points 2"]:
        """The points in normalised coordinates of the unwarped views."""
        size = self.pictures.shape[1:3]
        in_pictures = [
            place((int(height), int(width)), size, fit).to_picture(points)
            for points, (height, width) in zip(self.points, self.sizes, strict=True)
        ]
        return picture_to_view(torch.from_numpy(np.stack(in_pictures)), margin)

    def lengths(self) -> Float[np.ndarray, " images"]:
        """What errors on each image are divided by, in pixels; nan where there is no length."""
        return self.scheme.normaliser.divisors(self.points, self.sizes[:, ::-1].astype(float))


@dataclass(frozen=True)
class DrawnAnnotated:
    """What the host decides for a batch, as ``training.step.Drawn`` for pairs."""

    pictures: Tensor
    warp: ThinPlateSpline
    colours: Float[Tensor, "2 batch 3 1 1"] | None
    annotations: Float[Tensor, "batch points 2"]
    there: Bool[Tensor, "batch points"]
    weight: float


@dataclass(frozen=True)
class AnnotatedBatch:
    """Warped images, and where in them the annotated points are.

    Attributes:
        images: of this process's share of a step's batch.
        annotations: where the points are in them.
        there: which are in view.
        weight: of the mean over these annotations in the mean of all processes, which is then that
            over the whole batch's annotations; 1 on average.
    """

    images: Float[Tensor, "batch 3 height width"]
    annotations: Float[Tensor, "batch points 2"]
    there: Bool[Tensor, "batch points"]
    weight: float = 1.0


class AnnotatedBatchMaker:
    """Makes the batch of any step, always the same for a given seed and step.

    Attributes:
        pairs: of the same pictures, for how points follow warps; the pictures are where it has
            them, and batches are drawn ahead where it draws ahead.
    """

    def __init__(
        self,
        annotated: AnnotatedPictures,
        config: TrainingConfig,
        geometry: Geometry,
        *,
        device: torch.device | str = "cpu",
        share: Share | None = None,
    ) -> None:
        self.annotated, self.config = annotated, config
        self.pairs = BatchMaker(annotated.pictures, config, geometry, device=device, share=share)
        self.points = annotated.in_view(config.image.fit, config.image.margin)
        self.warps = warps_of(config.warps.first, config, geometry)
        self.sampler = ViewSampler(
            self.warps, size=geometry.view, margin=config.image.margin, device=device
        )
        self._drawn = self.pairs.ahead(self._draw_step)

    def batch(self, step: int) -> AnnotatedBatch:
        """The images of training step ``step``, counted from 0: this process's share of them."""
        return self._make(self._drawn(step))

    def held_out(self, indices: Tensor, chunk_size: int) -> list[AnnotatedBatch]:
        """The images at ``indices`` through warps that training never draws."""
        return [
            self._make(self._draw(chosen, "held out", number, Share(), colours=False))
            for number, chosen in enumerate(indices.split(chunk_size))
        ]

    def pictures_at(self, indices: Int[Tensor, " batch"]) -> Float[Tensor, "batch 3 height width"]:
        """Some of the pictures, ready for sampling."""
        return self.pairs.pictures_of(self.pairs.chosen(indices), None)

    def _draw_step(self, step: int) -> DrawnAnnotated:
        pairs = self.pairs
        return self._draw(pairs.order.batch(step), "step", step, pairs.share, colours=True)

    def _draw(
        self, indices: Tensor, purpose: str, number: int, share: Share, *, colours: bool
    ) -> DrawnAnnotated:
        generator = generator_for(self.config.seed, f"annotated {purpose}", number)
        warp = self.warps.draw(len(indices), generator)
        changes = (
            draw_colours(self.config.photometric, len(indices), generator) if colours else None
        )
        part = share.of(len(indices))
        annotations, there = seen_points(self.points[indices], warp)
        of_all = int(there.sum())
        return DrawnAnnotated(
            self.pairs.chosen(indices[part]),
            warp.part(part),
            None if changes is None else changes[:, part],
            annotations[part].float(),
            there[part],
            share.processes * int(there[part].sum()) / max(1, of_all),
        )

    def _make(self, drawn: DrawnAnnotated) -> AnnotatedBatch:
        images = self.sampler.sample(self.pairs.pictures_of(drawn.pictures, None), drawn.warp)
        return AnnotatedBatch(
            change_colours(images, drawn.colours).contiguous(memory_format=torch.channels_last),
            drawn.annotations.to(images.device, non_blocking=True),
            drawn.there.to(images.device, non_blocking=True),
            drawn.weight,
        )
