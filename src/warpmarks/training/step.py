"""One training step: pictures to pairs to maps to the objective (eq. 9)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from warpmarks.configuration import LossConfig, TrainingConfig, WarpConfig
from warpmarks.geometry import Geometry
from warpmarks.heatmaps import soft_argmax, spatial_softmax
from warpmarks.losses import (
    ObjectiveTerms,
    cells_unit,
    landmark_equivariance,
    objective,
    probability_equivariance,
    roomy_pooling,
    view_unit,
)
from warpmarks.training.health import HeldOutPairs
from warpmarks.training.photometric import change_colours, draw_colours
from warpmarks.training.precision import arithmetic
from warpmarks.training.randomness import ShuffledOrder, generator_for
from warpmarks.warps import PairSampler, RandomWarps, ThinPlateSpline, WarpRange, control_grid
from warpmarks.warps.sampling import to_float_images

HELD_OUT_PAIRS = 128


@dataclass(frozen=True)
class Batch:
    """The images of a step's pairs, x first and then x', with g for each pair."""

    images: Float[Tensor, "two_batch 3 height width"]
    warped_cells: Float[Tensor, "batch cells 2"]
    warp: ThinPlateSpline


@dataclass(frozen=True)
class Share:
    """Which part of each batch this process computes."""

    rank: int = 0
    processes: int = 1

    def of(self, count: int) -> slice:
        """This process's part of ``count`` items, in order."""
        each = count // self.processes
        return slice(self.rank * each, (self.rank + 1) * each)


class BatchMaker:
    """Makes the batch of any step, always the same for a given seed and step."""

    def __init__(
        self,
        pictures: np.ndarray,
        config: TrainingConfig,
        geometry: Geometry,
        *,
        device: torch.device | str = "cpu",
        share: Share | None = None,
    ) -> None:
        self.pictures, self.config, self.device = pictures, config, device
        self.share = share or Share()
        self.order = ShuffledOrder(len(pictures), config.batch_size, config.seed)
        controls = control_grid(config.warps.controls, config.warps.controls)

        def warps(section: WarpConfig) -> RandomWarps:
            return RandomWarps(
                WarpRange(**section.model_dump()), aspect=geometry.aspect, controls=controls
            )

        self.sampler = PairSampler(
            warps(config.warps.first),
            warps(config.warps.second),
            size=geometry.view,
            cells=geometry.cells,
            margin=config.image.margin,
            device=device,
        )

    def batch(self, step: int) -> Batch:
        """The pairs of training step ``step``, counted from 0: this process's share of them."""
        return self._make(self.order.batch(step), "step", step, self.share, colours=True)

    def held_out(self, chunk_size: int) -> list[HeldOutPairs]:
        """Pairs whose warps training never draws, of pictures spread evenly over the set."""
        count = min(HELD_OUT_PAIRS, len(self.pictures))
        indices = torch.linspace(0, len(self.pictures) - 1, count).round().long()
        chunks = []
        for number, chosen in enumerate(indices.split(chunk_size)):
            made = self._make(chosen, "held out", number, Share(), colours=False)
            original, warped = made.images.chunk(2)
            chunks.append(HeldOutPairs(original, warped, made.warped_cells, made.warp))
        return chunks

    def _make(
        self, indices: Tensor, purpose: str, number: int, share: Share, *, colours: bool
    ) -> Batch:
        generator = generator_for(self.config.seed, purpose, number)
        warps = self.sampler.draw(len(indices), generator)
        changes = (
            draw_colours(self.config.photometric, 2 * len(indices), generator) if colours else None
        )
        mirrored = torch.rand(len(indices), generator=generator) < self.config.warps.mirror
        part = share.of(len(indices))
        pictures = self._pictures(indices[part])
        if mirrored.any():
            pictures = mirror(pictures, mirrored[part])
        warps = warps.part(part)
        pair = self.sampler.sample(pictures, warps)
        images = torch.cat([pair.original, pair.warped])
        if changes is not None:
            first, second = changes.chunk(2, dim=1)
            images = change_colours(images, torch.cat([first[:, part], second[:, part]], dim=1))
        return Batch(
            images.contiguous(memory_format=torch.channels_last),
            pair.warped_cells,
            warps.second.to(pictures),
        )

    def _pictures(self, indices: Tensor) -> Float[Tensor, "batch 3 height width"]:
        chosen = torch.from_numpy(np.ascontiguousarray(self.pictures[indices.numpy()]))
        return to_float_images(chosen, self.device)


def mirror(
    pictures: Float[Tensor, "batch 3 height width"], mirrored: Bool[Tensor, " batch"]
) -> Float[Tensor, "batch 3 height width"]:
    """The pictures, some of them with left and right exchanged."""
    chosen = mirrored.to(pictures.device)[:, None, None, None]
    return torch.where(chosen, pictures.flip(-1), pictures)


def objective_unit(config: LossConfig, geometry: Geometry) -> Float[Tensor, " 2"]:
    """The unit of distances that the settings name."""
    return {"cells": cells_unit, "view": view_unit}[config.unit](*geometry.cells)


def objective_of_maps(
    original: Float[Tensor, "batch landmarks rows columns"],
    warped: Float[Tensor, "batch landmarks rows columns"],
    warped_cells: Float[Tensor, "batch cells 2"],
    warp: ThinPlateSpline,
    unit: Float[Tensor, " 2"],
    config: LossConfig,
) -> ObjectiveTerms:
    """The terms of eq. 9 that the settings ask for."""
    pooling = config.pooling
    if pooling == "auto":
        pooling = roomy_pooling(*original.shape[1:])
    if config.equivariance == "probability":
        equivariance = probability_equivariance(original, warped, warped_cells, unit)
    else:
        moved = warp(soft_argmax(warped))
        equivariance = landmark_equivariance(soft_argmax(original), moved, unit)
    return objective(
        equivariance, original, warped, pooling=pooling, per_landmark=config.diversity_per_landmark
    )


def objective_of_batch(
    network: Callable[[Tensor], Tensor],
    batch: Batch,
    unit: Float[Tensor, " 2"],
    config: LossConfig,
    precision: torch.dtype = torch.float32,
) -> ObjectiveTerms:
    """The terms of eq. 9 for a batch, both images of each pair in one pass through the network.

    Args:
        network: images to score maps.
        batch: the pairs.
        unit: of distances.
        config: which terms.
        precision: of the network's arithmetic; the objective is computed in float32.
    """
    with arithmetic(precision, batch.images.device):
        score_maps = network(batch.images)
    original, warped = spatial_softmax(score_maps.float()).chunk(2)
    return objective_of_maps(original, warped, batch.warped_cells, batch.warp, unit, config)
