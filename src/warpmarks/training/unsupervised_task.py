"""Learning landmarks from pairs of warped images alone: the paper's task (sec. 3.3)."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from warpmarks.configuration import TrainingConfig
from warpmarks.heatmaps import soft_argmax
from warpmarks.losses import view_unit
from warpmarks.runs.geometry import Geometry
from warpmarks.spreading import spread_evenly
from warpmarks.training.candidates import most_telling
from warpmarks.training.health import Health, diagnose, locate, measure_health
from warpmarks.training.precision import choose_precision
from warpmarks.training.self_training import ViewMaker, found_maps, loss_in_views
from warpmarks.training.step import (
    BatchMaker,
    Share,
    objective_of_batch,
    objective_of_maps,
    objective_unit,
)
from warpmarks.training.task import Measures, Task
from warpmarks.warps.pose import common_reference

USUAL_PICTURES, CHUNK = 256, 32
"""Pictures that say where landmarks usually are, and how many the network sees at a time."""


@dataclass(frozen=True)
class PairMeasures(Measures):
    """The terms of eq. 9 on held-out pairs, before weighting, and how the landmarks do.

    ``config`` are the settings of the run, which its log need not repeat.
    """

    loss: float
    equivariance: float
    diversity: float
    health: Health
    config: TrainingConfig

    def line(self) -> dict[str, Any]:
        """Flat plain values."""
        values = asdict(self)
        del values["config"]
        return values | values.pop("health")

    def problems(self) -> list[str]:
        """What is wrong and what to try, a sentence each."""
        return diagnose(self.health, self.config)

    def collapsing(self) -> bool:
        """Whether half of the landmarks or more are of no use."""
        lost = set(self.health.dead) | set(self.health.nailed)
        return 2 * len(lost) >= len(self.health.follow)


class Discovery(Task[PairMeasures]):
    """The objective of eq. 9 on random pairs, and its measures on pairs never trained on."""

    def __init__(
        self,
        pictures: np.ndarray,
        config: TrainingConfig,
        geometry: Geometry,
        *,
        device: torch.device | str = "cpu",
        share: Share | None = None,
    ) -> None:
        self.config = config
        self.batches = BatchMaker(pictures, config, geometry, device=device, share=share)
        self.geometry = geometry
        self.precision = choose_precision(config.precision, torch.device(device))
        self.unit = objective_unit(config.loss, geometry).to(device)
        self.health_unit = view_unit(*geometry.cells).to(device)
        self.held_out = self.batches.held_out(max(8, config.batch_size))

    @cached_property
    def views(self) -> ViewMaker:
        """What self-training sees."""
        return ViewMaker(self.batches, self.config, self.geometry)

    def loss(
        self, network: Callable[..., Any], step: int, teacher: nn.Module | None = None
    ) -> Tensor:
        """Eq. 9 for the pairs of a step, with exchange where it has a weight; or what is taught."""
        if teacher is not None:
            with self.clock("pictures and warps"):
                views = self.views.batch(step)
            return loss_in_views(
                network,
                teacher,
                views,
                self.config.self_training,
                self.health_unit,
                self.precision,
                self.clock,
                idle=getattr(network, "descriptors", None),
            )
        with self.clock("pictures and warps"):
            batch = self.batches.batch(step)
        terms = objective_of_batch(
            network, batch, self.unit, self.config.loss, self.precision, self.clock
        )
        weights = self.config.loss
        return terms.total(weights.diversity_weight, weights.exchange_weight)

    def reference(self, network: nn.Module) -> Tensor:
        """The network's landmarks of the usual object, from pictures spread evenly over the set."""
        return common_reference(self._landmarks(network), self.health_unit)

    @torch.no_grad()
    def choose(self, network: nn.Module, count: int) -> tuple[int, ...]:
        """Those from which the others are told best, on pictures spread evenly over the set."""
        return most_telling((self._landmarks(network) * self.health_unit).cpu(), count)

    @torch.no_grad()
    def _landmarks(self, network: nn.Module) -> Float[Tensor, "pictures landmarks 2"]:
        """Of pictures as they are, at most ``USUAL_PICTURES``, spread evenly over the set."""
        indices = torch.from_numpy(spread_evenly(len(self.batches.pictures), USUAL_PICTURES))
        found = []
        for chosen in indices.split(CHUNK):
            pictures = self.batches.pictures_of(self.batches.chosen(chosen), None)
            views = self.views.as_they_are(pictures)
            found.append(soft_argmax(found_maps(network.eval(), views, self.precision)))
        return torch.cat(found)

    def measure(self, network: nn.Module, landmarks: Sequence[int] | None = None) -> PairMeasures:
        """Means over all held-out pairs: the loss of all that learn, the health of those kept."""
        sums, parts, count = torch.zeros(2, dtype=torch.float64), [], 0
        for chunk, original, warped, part in locate(network, self.held_out, self.health_unit):
            terms = objective_of_maps(
                original, warped, chunk.warped_cells, chunk.warp, self.unit, self.config.loss
            )
            size = len(original)
            sums += size * torch.stack([terms.equivariance, terms.diversity]).double().cpu()
            count += size
            parts.append(part if landmarks is None else part.of(landmarks))
        equivariance, diversity = (sums / count).tolist()
        return PairMeasures(
            loss=equivariance + self.config.loss.diversity_weight * diversity,
            equivariance=equivariance,
            diversity=diversity,
            health=measure_health(parts),
            config=self.config,
        )
