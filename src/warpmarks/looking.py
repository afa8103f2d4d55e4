"""Looking at pictures once or more often, each time as the look before says that the object lies.

The detector and exported graphs look in the same way; what differs is who finds and from where the
views come.
"""

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from warpmarks.heatmaps import concentration, soft_argmax
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


def look(
    views: Float[Tensor, "batch 3 height width"],
    find: Callable[[Tensor], Tensor],
    seen: Callable[[Tensor], Tensor],
    *,
    looks: int,
    reference: Float[Tensor, "k 2"] | None,
    unit: Float[Tensor, " 2"],
    points: Float[Tensor, "height width 2"],
    bends: Bends | None,
) -> Sight:
    """Landmarks by so many looks; by one where the reference is not known.

    Args:
        views: of the first look.
        find: views to probability maps.
        seen: the pictures at (batch, height, width, 2) points, in normalised coordinates of the
            first views, as views.
        looks: at least 1.
        reference: landmarks of the usual object, see `warpmarks.warps.pose`.
        unit: of distances, see `warpmarks.losses.view_unit`.
        points: centres of a view's pixels, in normalised coordinates.
        bends: makes the shapes that further looks undo too, see `warpmarks.warps.bend`; None where
            they undo turn, size and shift alone.
    """
    maps = find(views)
    in_views = soft_argmax(maps)
    landmarks = in_views
    pose: Pose | BentPose | None = None
    for _ in range(looks - 1):
        if reference is None:
            break
        lies = pose_of(landmarks, reference, unit)
        pose = lies if bends is None else bends(lies, landmarks)
        views = seen(pose.at_pixels(points))
        maps = find(views)
        in_views = soft_argmax(maps)
        landmarks = pose(in_views)
    return Sight(landmarks, views, in_views, maps, pose)
