"""How an object is bent: what its landmarks are off the usual ones beside turn, size and shift.

A second look through a similarity (see ``warps.pose``) sees an object upright, but bent as it is,
and a network that follows a bend most of the way lags behind it in every look. So what the first
look found off the usual places is made a smooth field on the usual object, the smoothing spline
through the landmarks, and the second look goes through it too: it sees the object with about the
usual shape, and there is little left to follow. Landmarks that went wrong count for little, as no
landmark moves the field's controls by more than ``FARTHEST``.
"""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from warpmarks.warps.pose import Pose
from warpmarks.warps.smoothing_spline import smoothing_solver
from warpmarks.warps.thin_plate_spline import spline_terms

STIFFNESS = 0.3
"""Of the field, see ``warps.smoothing_spline``."""

FARTHEST = 0.07
"""What a landmark may be off, in halves of the view's shorter side; what is beyond it is cut."""


class Bends(nn.Module):
    """Makes the fields; what depends on the usual object alone is computed once.

    Args:
        reference: landmarks of the usual object, in normalised coordinates of the view.
        unit: see `warpmarks.warps.pose.Pose`.
        points: centres of a view's pixels, in normalised coordinates.
    """

    reference: Tensor
    unit: Tensor
    solver: Tensor
    at_pixels: Tensor

    def __init__(
        self,
        reference: Float[Tensor, "landmarks 2"],
        unit: Float[Tensor, " 2"],
        points: Float[Tensor, "height width 2"],
    ) -> None:
        super().__init__()
        controls = (reference * unit).double()
        solver = smoothing_solver(controls, controls.new_ones(len(controls)), STIFFNESS)
        at_pixels = spline_terms((points * unit).double(), controls) @ solver
        for name, tensor in (
            ("reference", reference),
            ("unit", unit),
            ("solver", solver.to(reference)),
            ("at_pixels", at_pixels.to(reference)),
        ):
            self.register_buffer(name, tensor, persistent=False)

    def forward(self, pose: Pose, landmarks: Float[Tensor, "batch landmarks 2"]) -> "BentPose":
        """How objects lie and are bent, of which ``pose`` says how they lie.

        Args:
            pose: takes the usual object to these.
            landmarks: in normalised coordinates of the view.
        """
        off = (pose.inverse()(landmarks) - self.reference) * self.unit
        length = off.norm(dim=-1, keepdim=True)
        return BentPose(self, pose, off * (FARTHEST / length.clamp_min(FARTHEST)))


@dataclass(frozen=True)
class BentPose:
    """v to a smooth displacement of v, and that through a similarity; of each image its own.

    Attributes:
        bends: made by.
        pose: the similarity.
        off: of each landmark from the usual one, in lengths of ``pose.unit``.
    """

    bends: Bends
    pose: Pose
    off: Float[Tensor, "batch landmarks 2"]

    def __call__(self, points: Float[Tensor, "batch *shape 2"]) -> Float[Tensor, "batch *shape 2"]:
        """Where points are taken, both in normalised coordinates of the view."""
        unit = self.pose.unit
        terms = spline_terms(points * unit, self.bends.reference * unit)
        solution = self.bends.solver @ self.off
        field = (terms.flatten(1, -2) @ solution).view_as(points)
        return self.pose(points + field / unit)

    def at_pixels(
        self, points: Float[Tensor, "height width 2"]
    ) -> Float[Tensor, "batch height width 2"]:
        """The same of the centres of a view's pixels, which are always these, more quickly."""
        height, width = points.shape[:2]
        field = self.bends.at_pixels.flatten(0, 1) @ self.off
        return self.pose(points + field.unflatten(1, (height, width)) / self.pose.unit)

    def of(self, chosen: slice) -> "BentPose":
        """Those of some images."""
        return BentPose(self.bends, self.pose.of(chosen), self.off[chosen])
