"""Learning annotated points from annotated images: the paper's supervised baseline (sec. 4.3).

The network is the paper's, from random weights, its output the soft-argmax of one map for each
annotated point, and each step shows every image of its batch through a random thin-plate spline.
The loss is the mean distance of the soft-argmax to the annotation, in halves of the view's shorter
side, see `warpmarks.losses.annotation_distance`.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from warpmarks.configuration import TrainingConfig
from warpmarks.coordinates import pixel_centres
from warpmarks.datasets.placement import place
from warpmarks.heatmaps import soft_argmax, spatial_softmax
from warpmarks.losses import annotation_distance, view_unit
from warpmarks.runs.geometry import Geometry
from warpmarks.spreading import spread_evenly
from warpmarks.training.annotated_batches import (
    AnnotatedBatch,
    AnnotatedBatchMaker,
    AnnotatedPictures,
)
from warpmarks.training.health import (
    LAGGING_SHARE,
    Health,
    locate,
    measure_health,
    numbered,
)
from warpmarks.training.precision import arithmetic, choose_precision
from warpmarks.training.step import HELD_OUT_PAIRS, Share
from warpmarks.training.task import Measures, Task
from warpmarks.warps.sampling import sample_view, view_to_picture
from warpmarks.wording import be, do


@dataclass(frozen=True)
class PointMeasures(Measures):
    """How the points do on the images that they are learned from.

    Attributes:
        loss: the objective on warps never trained on, in halves of the view's shorter side.
        training_error_percent: mean distance to the annotations on the images as they are, in % of
            the normaliser.
        point_errors_percent: the same for each point; None where it is nowhere annotated.
        health: under the warps of pairs; no points are called doubled.
    """

    loss: float
    training_error_percent: float
    point_errors_percent: list[float | None]
    health: Health

    def line(self) -> dict[str, Any]:
        """Flat plain values."""
        values = asdict(self)
        return values | values.pop("health")

    def problems(self) -> list[str]:
        """What is wrong and what to try, a sentence each."""
        count, health = len(self.health.follow), self.health
        sentences = []
        if health.dead:
            sentences.append(
                f"{len(health.dead)} of {count} points {be(len(health.dead))} dead (flat "
                f"probability maps; {numbered(health.dead, 'point')}): train longer"
            )
        if behind := sorted([*health.nailed, *health.lagging]):
            sentences.append(
                f"{len(behind)} of {count} points {do(len(behind), 'follow')} the object only in "
                f"part (less than {100 * LAGGING_SHARE:.0f} % of its motion; "
                f"{numbered(behind, 'point')}), near the mean place: train longer, "
                "annotate more images, or fit a map to the landmarks of a run that was trained "
                "without annotations"
            )
        return sentences

    def collapsing(self) -> bool:
        """Never: few annotations are known to give little more than the mean shape."""
        return False


class Supervision(Task[PointMeasures]):
    """The distance to the annotations under random warps, and measures on the same images."""

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
        self.batches = AnnotatedBatchMaker(annotated, config, geometry, device=device, share=share)
        self.precision = choose_precision(config.precision, torch.device(device))
        self.unit = view_unit(*geometry.cells).to(device)
        self._view = pixel_centres(*geometry.view, device=device)
        self._chunk = max(8, config.batch_size)
        self.measured = spread_over(np.flatnonzero(np.isfinite(annotated.lengths())))
        self.held_out = self.batches.held_out(self.measured, self._chunk)
        self.pairs = self.batches.pairs.held_out(self._chunk)

    def loss(
        self, network: Callable[..., Any], step: int, teacher: nn.Module | None = None
    ) -> Tensor:
        """The distance to the annotations of a step's images; nothing else teaches."""
        assert teacher is None
        with self.clock("pictures and warps"):
            batch = self.batches.batch(step)
        with self.clock("network and objective"):
            return distance_in_batch(network, batch, self.unit, self.precision)

    def measure(self, network: nn.Module, landmarks: Sequence[int] | None = None) -> PointMeasures:
        """On the images as they are, on warps of them, and on pairs of warps."""
        assert landmarks is None  # each point is annotated
        total, weight = 0.0, 0
        for batch in self.held_out:
            there = int(batch.there.sum())
            total += there * float(distance_in_batch(network, batch, self.unit))
            weight += there
        errors = self._errors(network)
        of_points = [
            None if np.isnan(of_point).all() else round(float(np.nanmean(of_point)), 3)
            for of_point in errors.T
        ]
        health = measure_health([part for *_, part in locate(network, self.pairs, self.unit)])
        # Annotated points may be near each other by right, as on an eyelid.
        health = replace(health, doubled=[])
        return PointMeasures(
            loss=total / max(1, weight),
            training_error_percent=float(np.nanmean(errors)),
            point_errors_percent=of_points,
            health=health,
        )

    def _errors(self, network: nn.Module) -> Float[np.ndarray, "measured points"]:
        """Distances on the images as they are, in % of the normaliser; nan where not annotated."""
        margin, fit = self.config.image.margin, self.config.image.fit
        found = []
        for indices in self.measured.split(self._chunk):
            pictures = self.batches.pictures_at(indices)
            views = sample_view(pictures, self._view.expand(len(indices), -1, -1, -1), margin)
            images = views.contiguous(memory_format=torch.channels_last)
            in_view = soft_argmax(spatial_softmax(network(images)))
            found.append(view_to_picture(in_view, margin).double().cpu().numpy())
        size = self.annotated.pictures.shape[1:3]
        chosen, lengths = self.measured.numpy(), self.annotated.lengths()
        predicted = [
            place((int(height), int(width)), size, fit).to_original(points)
            for points, (height, width) in zip(
                np.concatenate(found), self.annotated.sizes[chosen], strict=True
            )
        ]
        distances = np.linalg.norm(np.stack(predicted) - self.annotated.points[chosen], axis=-1)
        return 100 * distances / lengths[chosen, None]


def spread_over(images: Int[np.ndarray, " images"]) -> Int[Tensor, " chosen"]:
    """At most ``HELD_OUT_PAIRS`` of the images, spread evenly."""
    return torch.from_numpy(images[spread_evenly(len(images), HELD_OUT_PAIRS)])


def distance_in_batch(
    network: Callable[[Tensor], Tensor],
    batch: AnnotatedBatch,
    unit: Float[Tensor, " 2"],
    precision: torch.dtype = torch.float32,
) -> Float[Tensor, ""]:
    """The supervised objective of a batch, the network's arithmetic in ``precision``."""
    with arithmetic(precision, batch.images.device):
        score_maps = network(batch.images)
    landmarks = soft_argmax(spatial_softmax(score_maps.float()))
    return batch.weight * annotation_distance(landmarks, batch.annotations, batch.there, unit)
