"""The objective by itself, as landmarks and pixels grow."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from warpmarks.benchmark.timing import best_time
from warpmarks.configuration import TrainingConfig
from warpmarks.heatmaps import spatial_softmax
from warpmarks.recipe_reading import override
from warpmarks.runs.geometry import plan_geometry
from warpmarks.training.randomness import generator_for
from warpmarks.training.step import (
    BatchMaker,
    objective_of_maps,
    objective_unit,
)

OBJECTIVE_LANDMARKS = (10, 50, 100, 200)
OBJECTIVE_SIZES = (32, 64, 128, 256)


@dataclass(frozen=True)
class ObjectiveTiming:
    """The objective and its gradient for a batch, on score maps of a view's size.

    Attributes:
        size: side of the view in pixels; the maps have half as many rows and columns.
        num_landmarks: K.
        milliseconds: from score maps to their gradient.
        megabytes: that are kept for the gradient.
    """

    size: int
    num_landmarks: int
    milliseconds: float
    megabytes: float


def time_objective(
    config: TrainingConfig, device: torch.device, seconds: float
) -> tuple[ObjectiveTiming, ...]:
    """The objective as K goes up at 64 px, and pixels at the least K."""
    few = OBJECTIVE_LANDMARKS[0]
    asked = [(64, count) for count in OBJECTIVE_LANDMARKS]
    asked += [(size, few) for size in OBJECTIVE_SIZES if size != 64]
    return tuple(
        _time_one_objective(config, size, count, device, seconds) for size, count in sorted(asked)
    )


def _time_one_objective(
    config: TrainingConfig, size: int, num_landmarks: int, device: torch.device, seconds: float
) -> ObjectiveTiming:
    geometry = plan_geometry(override(config, [f"image.size={size}"]).image, 1.0)
    generator = generator_for(0, "benchmark", size)
    count, (rows, columns) = config.batch_size, geometry.cells
    shape = (2 * count, num_landmarks, rows, columns)
    scores = torch.randn(shape, generator=generator).to(device).requires_grad_()
    cells = (2 * torch.rand(count, rows * columns, 2, generator=generator) - 1).to(device)
    sampler = BatchMaker(
        np.zeros((count, *geometry.picture, 3), np.uint8), config, geometry, device=device
    ).sampler
    warp = sampler.draw(count, generator).second.to(scores.detach())
    unit = objective_unit(config.loss, geometry).to(device)
    # Blocks of one size throughout: else the work would change with K.
    loss = config.loss.model_copy(update={"pooling": 2})

    def objective() -> Tensor:
        original, warped = spatial_softmax(scores).chunk(2)
        terms = objective_of_maps(original, warped, cells, warp, unit, loss)
        return terms.total(loss.diversity_weight)

    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        total = objective()
    del total
    taken = best_time(lambda: torch.autograd.grad(objective(), scores), device, seconds)
    return ObjectiveTiming(size, num_landmarks, 1e3 * taken, 1e-6 * sum(kept.values()))
