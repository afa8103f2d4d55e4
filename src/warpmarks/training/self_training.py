"""Self-training: the landmarks of pictures as they are must be found again in warped views of them.

The network with averaged weights, the teacher, finds the landmarks of a picture; the one that
trains sees the picture through a warp and in other colours, and learns where the warp takes them
(Tarvainen and Valpola, "Mean teachers are better role models", NIPS 2017). Eq. 6 lets a landmark
lag behind the object where it pays to stay near one place of the image in x and x' alike. Here what
is to be learned moves with the warp all of the way, whatever the teacher's landmark does; only
features that move with the object tell it, and the teacher follows the network that finds them.
Wrong places of single pictures do not last either: others contradict them.

A teacher's landmark stays where it is, on a bare cheek too, where nothing tells how far the skin
was stretched. With ``own_share`` a part of what is taught is what the network itself finds on the
picture as it is, and it learns from both images, as eq. 5 asks for: landmarks drift to where they
can be followed.

Nothing in it keeps two landmarks from being taught to the same place, so that pairs drift together
over a long run; diversity of the landmarks themselves, where it has a weight, holds them apart. It
counts landmarks that the warp took out of view too: taught nothing, they are who gives way.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from warpmarks.configuration import SelfTrainingConfig, TrainingConfig
from warpmarks.coordinates import pixel_centres
from warpmarks.heatmaps import soft_argmax, spatial_softmax
from warpmarks.losses import annotation_distance, landmark_diversity, roomy_distance
from warpmarks.runs.geometry import Geometry, warps_of
from warpmarks.system.stages import STOPPED, StageClock
from warpmarks.training.photometric import change_colours, draw_colours
from warpmarks.training.precision import arithmetic
from warpmarks.training.randomness import generator_for
from warpmarks.training.step import BatchMaker
from warpmarks.warps import ThinPlateSpline
from warpmarks.warps.sampling import sample_view
from warpmarks.warps.views import ViewSampler, seen_points


@dataclass(frozen=True)
class Views:
    """Pictures as they are and through a warp, g1 of each.

    Attributes:
        plain: the view of each picture as it is.
        warped: x = I o g1.
        warp: g, on the pictures' device; in float64, but for a GPU drawn to float32.
    """

    plain: Float[Tensor, "batch 3 height width"]
    warped: Float[Tensor, "batch 3 height width"]
    warp: ThinPlateSpline


@dataclass(frozen=True)
class DrawnViews:
    """What the host decides for a step's views, as ``training.step.Drawn`` for pairs."""

    pictures: Tensor
    mirrored: Bool[Tensor, " batch"]
    warp: ThinPlateSpline
    colours: Float[Tensor, "2 batch 3 1 1"] | None


class ViewMaker:
    """Makes the views of any step, always the same for a given seed and step."""

    def __init__(self, batches: BatchMaker, config: TrainingConfig, geometry: Geometry) -> None:
        self.batches, self.config = batches, config
        self.warps = warps_of(config.self_training.warps, config, geometry)
        self.sampler = ViewSampler(
            self.warps, size=geometry.view, margin=config.image.margin, device=batches.device
        )
        self._plain = pixel_centres(*geometry.view, device=batches.device)
        self._drawn = batches.ahead(self._draw)

    def batch(self, step: int) -> Views:
        """The views of training step ``step``: this process's share of them."""
        drawn = self._drawn(step)
        pictures = self.batches.pictures_of(drawn.pictures, drawn.mirrored)
        warped = change_colours(self.sampler.sample(pictures, drawn.warp), drawn.colours)
        return Views(
            self.as_they_are(pictures),
            warped.contiguous(memory_format=torch.channels_last),
            drawn.warp.to(torch.empty(0, dtype=torch.float64, device=pictures.device)),
        )

    def as_they_are(
        self, pictures: Float[Tensor, "batch 3 picture_height picture_width"]
    ) -> Float[Tensor, "batch 3 height width"]:
        """The views of pictures without a warp."""
        points = self._plain.expand(len(pictures), -1, -1, -1)
        views = sample_view(pictures, points, self.config.image.margin)
        return views.contiguous(memory_format=torch.channels_last)

    def _draw(self, step: int) -> DrawnViews:
        indices = self.batches.order.batch(step)
        generator = generator_for(self.config.seed, "self-training", step)
        warp = self.warps.draw(len(indices), generator)
        colours = draw_colours(self.config.photometric, len(indices), generator)
        mirrored = torch.rand(len(indices), generator=generator) < self.batches.mirrored_share
        part = self.batches.share.of(len(indices))
        return DrawnViews(
            self.batches.chosen(indices[part]),
            mirrored[part],
            warp.part(part),
            None if colours is None else colours[:, part],
        )


def loss_in_views(
    network: Callable[..., Any],
    teacher: nn.Module,
    views: Views,
    config: SelfTrainingConfig,
    unit: Float[Tensor, " 2"],
    precision: torch.dtype = torch.float32,
    clock: StageClock = STOPPED,
    *,
    idle: nn.Module | None = None,
) -> Float[Tensor, ""]:
    """How far the network's landmarks of the warped views are from where the teacher has them.

    And, where that has a weight, how close they are to each other.

    Args:
        network: images to score maps.
        teacher: the same with averaged weights; it gets no gradient.
        views: this process's share.
        config: the network's own share in what is taught, and diversity's weight and distance.
        unit: of distances, halves of the view's shorter side.
        precision: of both networks' arithmetic.
        clock: told of the stages.
        idle: the part of the network that makes descriptors, where there is one. It learns nothing
            here and is not computed, but gets a gradient of 0: of several processes each waits for
            every weight's.
    """
    own_share = config.own_share
    with clock("network"):
        with torch.no_grad():
            taught = soft_argmax(found_maps(teacher.eval(), views.plain, precision))
        seen = torch.cat([views.warped, views.plain]) if own_share else views.warped
        with arithmetic(precision, seen.device):
            score_maps = network(seen)
    with clock("objective"):
        landmarks = soft_argmax(spatial_softmax(score_maps.float()))
        if own_share:
            landmarks, own = landmarks.chunk(2)
            taught = torch.lerp(taught, own, own_share)
        targets, there = seen_points(taught.double(), views.warp)
        distance = taught_distance(landmarks, targets.to(landmarks), there, unit)
        if idle is not None:
            distance = distance + 0 * sum(weight.sum() for weight in idle.parameters())
        if not config.diversity_weight:
            return distance
        apart = roomy_distance(landmarks.shape[1], config.diversity_distance)
        crowding = landmark_diversity(landmarks, unit, apart).mean()
        return distance + config.diversity_weight * crowding


def found_maps(
    network: nn.Module, views: Float[Tensor, "batch 3 height width"], precision: torch.dtype
) -> Float[Tensor, "batch landmarks rows columns"]:
    """The network's probability maps of views, in float32 whatever its own arithmetic."""
    with arithmetic(precision, views.device):
        score_maps = network(views)
    return spatial_softmax(score_maps.float())


def taught_distance(
    landmarks: Float[Tensor, "batch landmarks 2"],
    targets: Float[Tensor, "batch landmarks 2"],
    there: Bool[Tensor, "batch landmarks"],
    unit: Float[Tensor, " 2"],
) -> Float[Tensor, ""]:
    """Mean |Phi(x)_r - t_r| over all landmarks, where those that are out of view count 0.

    The distance itself, not its square: a wrong target pulls no more than a good one. The mean is
    over all, so that the mean of several processes' parts is that of the whole batch.

    Args:
        landmarks: Phi(x).
        targets: t, any number where a landmark is out of view.
        there: whether it is in view.
        unit: see ``warpmarks.losses``.
    """
    return annotation_distance(landmarks, targets, there, unit) * there.float().mean()
