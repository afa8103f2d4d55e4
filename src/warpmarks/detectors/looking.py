"""Looking at pictures once or more often, each time as the look before says that the object lies.

The last look may see several copies of the object, whose landmarks' means are what is found.

The detector and exported graphs look in the same way; what differs is who finds and from where the
views come.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from warpmarks.coordinates import pixel_centres
from warpmarks.heatmaps import concentration, soft_argmax
from warpmarks.losses import view_unit
from warpmarks.network import reference_of
from warpmarks.warps.bend import Bends, BentPose
from warpmarks.warps.copies import copies_around
from warpmarks.warps.pose import Pose, pose_of


@dataclass(frozen=True, eq=False)
class Sight:
    """What was found on pictures, and what the last look at them saw, of several copies the first.

    Attributes:
        landmarks: in normalised coordinates of the pictures' views, the means over copies; after
            more looks than one they may lie outside of these.
        scores: how sure each is, see `warpmarks.heatmaps.concentration`; the means as well.
        views: that the last look saw, values in [0, 1].
        in_views: the landmarks there, in normalised coordinates of these.
        maps: probability maps over their cells.
        pose: takes these to the pictures' views; None where they are the same.
    """

    landmarks: Float[Tensor, "batch k 2"]
    scores: Float[Tensor, "batch k"]
    views: Float[Tensor, "batch 3 height width"]
    in_views: Float[Tensor, "batch k 2"]
    maps: Float[Tensor, "batch k rows columns"]
    pose: Pose | BentPose | None = None


class Looking(nn.Module):
    """Looks at pictures so often, by what the network knows of the usual object.

    By one look where its place is not known.

    Args:
        network: keeps where landmarks usually are, see `warpmarks.warps.pose`; on the device where
            pictures will be.
        looks: at least 1.
        copies: that the last of them sees, if it is a further one, at least 1; see
            `warpmarks.warps.copies`.
        unbend: whether further looks also undo how objects are bent, see `warpmarks.warps.bend`.
        size: of views, height and width in pixels.
    """

    reference: Tensor | None
    unit: Tensor
    points: Tensor
    turns: Tensor
    shifts: Tensor

    def __init__(
        self, network: nn.Module, *, looks: int, copies: int, unbend: bool, size: tuple[int, int]
    ) -> None:
        super().__init__()
        at = next(network.parameters()).device
        reference = reference_of(network)
        self.looks = 1 if reference is None else looks
        unit = view_unit(*size).to(at)
        around = copies_around(copies, cell=4 / min(size), unit=unit)  # two pixels are a cell
        for name, tensor in (
            ("reference", reference),
            ("unit", unit),
            ("points", pixel_centres(*size, device=at)),
            ("turns", around.turn),
            ("shifts", around.shift),
        ):
            self.register_buffer(name, tensor, persistent=False)
        self.bends = (
            Bends(reference, self.unit, self.points) if unbend and reference is not None else None
        )

    def forward(
        self,
        views: Float[Tensor, "batch 3 height width"],
        find: Callable[[Tensor], Tensor],
        seen: Callable[[Tensor], Tensor],
    ) -> Sight:
        """What the looks find on some pictures.

        Args:
            views: of the first look.
            find: views to probability maps.
            seen: the pictures at (batch, height, width, 2) points, in normalised coordinates of the
                first views, as views.
        """
        if self.looks == 1:
            return _look(views, find)
        lies = self._pose(soft_argmax(find(views)))
        for _ in range(self.looks - 2):
            in_views = soft_argmax(find(seen(lies.at_pixels(self.points))))
            lies = self._pose(lies(in_views))
        first, landmarks, scores = None, [], []
        for turn, shift in zip(self.turns.split(1), self.shifts.split(1), strict=True):
            copy = lies.moved(Pose(turn, shift, self.unit))
            sight = _look(seen(copy.at_pixels(self.points)), find, copy)
            first = first or sight  # views and maps of the others are large
            landmarks.append(sight.landmarks)
            scores.append(sight.scores)
        assert first is not None
        return replace(
            first, landmarks=torch.stack(landmarks).mean(0), scores=torch.stack(scores).mean(0)
        )

    def _pose(self, landmarks: Float[Tensor, "batch k 2"]) -> Pose | BentPose:
        assert self.reference is not None
        lies = pose_of(landmarks, self.reference, self.unit)
        return lies if self.bends is None else self.bends(lies, landmarks)


def _look(
    views: Float[Tensor, "batch 3 height width"],
    find: Callable[[Tensor], Tensor],
    pose: Pose | BentPose | None = None,
) -> Sight:
    maps = find(views)
    in_views = soft_argmax(maps)
    landmarks = in_views if pose is None else pose(in_views)
    return Sight(landmarks, concentration(maps, in_views), views, in_views, maps, pose)
