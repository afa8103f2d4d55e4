"""Looking at pictures once or more often, each time as the look before says that the object lies.

The detector and exported graphs look in the same way; what differs is who finds and from where the
views come.
"""

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from warpmarks.coordinates import pixel_centres
from warpmarks.heatmaps import concentration, soft_argmax
from warpmarks.losses import view_unit
from warpmarks.network import reference_of
from warpmarks.warps.bend import Bends, BentPose
from warpmarks.warps.pose import Pose, pose_of


@dataclass(frozen=True)
class Sight:
    """What was found on pictures, and what the last look at them saw.

    Attributes:
        landmarks: in normalised coordinates of the pictures' views; after more looks than one they
            may lie outside of these.
        views: that the last look saw, values in [0, 1].
        in_views: the landmarks, in normalised coordinates of these.
        maps: probability maps over their cells.
        pose: takes these to the pictures' views; None where there was one look.
    """

    landmarks: Float[Tensor, "batch k 2"]
    views: Float[Tensor, "batch 3 height width"]
    in_views: Float[Tensor, "batch k 2"]
    maps: Float[Tensor, "batch k rows columns"]
    pose: Pose | BentPose | None = None

    @property
    def scores(self) -> Float[Tensor, "batch k"]:
        """How sure each landmark is, see `warpmarks.heatmaps.concentration`."""
        return concentration(self.maps, self.in_views)


class Looking(nn.Module):
    """Looks at pictures so often, by what the network knows of the usual object.

    By one look where its place is not known.

    Args:
        network: keeps where landmarks usually are, see `warpmarks.warps.pose`; on the device where
            pictures will be.
        looks: at least 1.
        unbend: whether further looks also undo how objects are bent, see `warpmarks.warps.bend`.
        size: of views, height and width in pixels.
    """

    reference: Tensor | None
    unit: Tensor
    points: Tensor

    def __init__(
        self, network: nn.Module, *, looks: int, unbend: bool, size: tuple[int, int]
    ) -> None:
        super().__init__()
        at = next(network.parameters()).device
        reference = reference_of(network)
        self.looks = 1 if reference is None else looks
        for name, tensor in (
            ("reference", reference),
            ("unit", view_unit(*size).to(at)),
            ("points", pixel_centres(*size, device=at)),
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
        maps = find(views)
        in_views = soft_argmax(maps)
        if self.looks == 1 or self.reference is None:
            return Sight(in_views, views, in_views, maps)
        landmarks = in_views
        for _ in range(self.looks - 1):
            pose = self._pose(landmarks, self.reference)
            views = seen(pose.at_pixels(self.points))
            maps = find(views)
            in_views = soft_argmax(maps)
            landmarks = pose(in_views)
        return Sight(landmarks, views, in_views, maps, pose)

    def _pose(
        self, landmarks: Float[Tensor, "batch k 2"], reference: Float[Tensor, "k 2"]
    ) -> Pose | BentPose:
        lies = pose_of(landmarks, reference, self.unit)
        return lies if self.bends is None else self.bends(lies, landmarks)
