"""One training step: pictures to pairs to maps to the objective (eq. 9)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from warpmarks.configuration import LossConfig, TrainingConfig
from warpmarks.exchange import exchange_distance
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
from warpmarks.runs.geometry import Geometry, warps_of
from warpmarks.spreading import spread_evenly
from warpmarks.system.stages import STOPPED, StageClock
from warpmarks.training.facing import mirrored_share
from warpmarks.training.health import HeldOutPairs
from warpmarks.training.next_step import Ahead, pinned
from warpmarks.training.photometric import change_colours, draw_colours
from warpmarks.training.precision import arithmetic
from warpmarks.training.randomness import ShuffledOrder, generator_for
from warpmarks.warps import (
    PairSampler,
    ThinPlateSpline,
    WarpPair,
)
from warpmarks.warps.sampling import to_float_images

Made = TypeVar("Made")

HELD_OUT_PAIRS = 128

ROOM_ON_DEVICE = 0.5
"""Share of a GPU's free memory that the pictures may take; the rest is for the step."""


@dataclass(frozen=True)
class Batch:
    """The images of a step's pairs, x first and then x', with g for each pair."""

    images: Float[Tensor, "two_batch 3 height width"]
    warped_cells: Float[Tensor, "batch cells 2"]
    warp: ThinPlateSpline


@dataclass(frozen=True)
class Drawn:
    """What the host decides for a batch, before anything is computed on the device.

    Attributes:
        pictures: bytes, or indices into the pictures where these are on the device.
        mirrored: pictures whose left and right are exchanged; None where none's are.
        warps: of each pair.
        colours: see ``warpmarks.training.photometric``; None where nothing changes.
    """

    pictures: Tensor
    mirrored: Bool[Tensor, " batch"] | None
    warps: WarpPair
    colours: Float[Tensor, "2 two_batch 3 1 1"] | None


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
        self.pictures, self.config, self.device = pictures, config, torch.device(device)
        self._on_device = pictures_on_device(pictures, self.device)
        self._drawn = self.ahead(self._draw_step)
        self.share = share or Share()
        self.order = ShuffledOrder(len(pictures), config.batch_size, config.seed)
        self.mirrored_share = mirrored_share(config.warps.mirror, pictures)
        self.sampler = PairSampler(
            warps_of(config.warps.first, config, geometry),
            warps_of(config.warps.second, config, geometry),
            size=geometry.view,
            cells=geometry.cells,
            margin=config.image.margin,
            device=device,
        )

    def batch(self, step: int) -> Batch:
        """The pairs of training step ``step``, counted from 0: this process's share of them."""
        return self._make(self._drawn(step))

    def ahead(self, draw: Callable[[int], Made]) -> Callable[[int], Made]:
        """``draw`` of each step, a step ahead where the device leaves the host time for it.

        On a CPU a thread beside the network's takes more from them than it gives: each has its own
        pool of threads on the same cores.
        """
        return draw if self.device.type == "cpu" else Ahead(lambda step: pinned(draw(step)))

    def chosen(self, indices: Int[Tensor, " batch"]) -> Tensor:
        """Some pictures' bytes; their indices where all pictures are on the device already."""
        return picked(self.pictures, indices) if self._on_device is None else indices

    def pictures_of(
        self, chosen: Tensor, mirrored: Bool[Tensor, " batch"] | None
    ) -> Float[Tensor, "batch 3 height width"]:
        """The pictures that were chosen, on the device, some of them mirrored."""
        there = chosen.to(self.device, non_blocking=True)
        pictures = to_float_images(there if self._on_device is None else self._on_device[there])
        return pictures if mirrored is None else mirror(pictures, mirrored)

    def held_out(self, chunk_size: int) -> list[HeldOutPairs]:
        """Pairs whose warps training never draws, of pictures spread evenly over the set."""
        indices = torch.from_numpy(spread_evenly(len(self.pictures), HELD_OUT_PAIRS))
        chunks = []
        for number, chosen in enumerate(indices.split(chunk_size)):
            drawn = self._draw(chosen, "held out", number, Share(), colours=False)
            made = self._make(drawn)
            original, warped = made.images.chunk(2)
            chunks.append(HeldOutPairs(original, warped, made.warped_cells, made.warp))
        return chunks

    def _draw_step(self, step: int) -> Drawn:
        return self._draw(self.order.batch(step), "step", step, self.share, colours=True)

    def _draw(
        self, indices: Tensor, purpose: str, number: int, share: Share, *, colours: bool
    ) -> Drawn:
        generator = generator_for(self.config.seed, purpose, number)
        warps = self.sampler.draw(len(indices), generator)
        changes = (
            draw_colours(self.config.photometric, 2 * len(indices), generator) if colours else None
        )
        mirrored = torch.rand(len(indices), generator=generator) < self.mirrored_share
        part = share.of(len(indices))
        if changes is not None:
            first, second = changes.chunk(2, dim=1)
            changes = torch.cat([first[:, part], second[:, part]], dim=1)
        return Drawn(
            self.chosen(indices[part]),
            mirrored[part] if mirrored.any() else None,
            warps.part(part),
            changes,
        )

    def _make(self, drawn: Drawn) -> Batch:
        pictures = self.pictures_of(drawn.pictures, drawn.mirrored)
        pair = self.sampler.sample(pictures, drawn.warps)
        images = change_colours(torch.cat([pair.original, pair.warped]), drawn.colours)
        return Batch(
            images.contiguous(memory_format=torch.channels_last),
            pair.warped_cells,
            pair.warp,
        )


def picked(
    pictures: UInt8[np.ndarray, "images height width 3"], indices: Int[Tensor, " batch"]
) -> UInt8[Tensor, "batch height width 3"]:
    """Some of the pictures, in memory of their own."""
    return torch.from_numpy(np.ascontiguousarray(pictures[indices.numpy()]))


def pictures_on_device(pictures: np.ndarray, device: torch.device) -> Tensor | None:
    """All pictures in the GPU's own memory, if they take up less than half of what is free there.

    A step then fetches a few indices instead of pictures. None on a CPU, which has them mapped.
    """
    if device.type != "cuda":
        return None
    free, _ = torch.cuda.mem_get_info(device)
    if pictures.nbytes > ROOM_ON_DEVICE * free:
        return None
    there = torch.empty(pictures.shape, dtype=torch.uint8, device=device)
    for start in range(0, len(pictures), 4096):  # never more of the mapped file than a piece
        piece = torch.from_numpy(np.ascontiguousarray(pictures[start : start + 4096]))
        there[start : start + len(piece)] = piece.to(device)
    return there


def mirror(
    pictures: Float[Tensor, "batch 3 height width"], mirrored: Bool[Tensor, " batch"]
) -> Float[Tensor, "batch 3 height width"]:
    """The pictures, some of them with left and right exchanged."""
    chosen = mirrored.to(pictures.device, non_blocking=True)[:, None, None, None]
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
    network: Callable[..., Any],
    batch: Batch,
    unit: Float[Tensor, " 2"],
    config: LossConfig,
    precision: torch.dtype = torch.float32,
    clock: StageClock = STOPPED,
) -> ObjectiveTerms:
    """The objective's terms for a batch, both images of each pair in one pass of the network.

    Args:
        network: images to score maps, and to descriptors where exchange has a weight.
        batch: the pairs.
        unit: of distances.
        config: which terms.
        precision: of the network's arithmetic; the objective is computed in float32.
        clock: told of the stages.
    """
    descriptors = None
    with clock("network"), arithmetic(precision, batch.images.device):
        if config.exchange_weight:
            score_maps, descriptors = network(batch.images, describe=True)
        else:
            score_maps = network(batch.images)
    with clock("objective"):
        original, warped = spatial_softmax(score_maps.float()).chunk(2)
        cells = batch.warped_cells
        terms = objective_of_maps(original, warped, cells, batch.warp, unit, config)
        if descriptors is None:
            return terms
        in_original, in_warped = descriptors.float().chunk(2)
        exchange = exchange_distance(in_original, in_warped, cells, unit)
        return replace(terms, exchange=exchange.mean())
