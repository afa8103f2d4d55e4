"""How an object is bent: what its landmarks are off the usual ones beside turn, size and shift.

A second look through a similarity (see ``warps.pose``) sees an object upright, but bent as it is,
and a network that follows a bend most of the way lags behind it in every look. So what the first
look found off the usual places is made a smooth field on the usual object, and the second look goes
through it too: it sees the object with about its usual shape, and there is little left to follow.

The field is the mean of a Gaussian process (kernel ridge regression; Rasmussen and Williams 2006,
ch. 2) with the landmarks c_k of the usual object for places and what is off there for values:

    f(v) = sum_k w_k G(v, c_k),    (G + noise I) w = off,    G(u, v) = exp(-|u - v|^2 / (2 reach^2))

Unlike a spline it has no affine part, which would be told by few landmarks, or by such as lie on a
line, and felt in all of the view: far from all landmarks it is 0. Landmarks that went wrong count
for little, as none is taken to be farther off than ``FARTHEST``.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from warpmarks.warps.pose import Pose
from warpmarks.warps.thin_plate_spline import squared_distances

REACH = 0.5
"""Of the field around a landmark, in halves of the view's shorter side."""

NOISE = 0.3
"""Variance of a landmark beside that of the field, 1: more of it follows each landmark less."""

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
    rows: Tensor
    columns: Tensor

    def __init__(
        self,
        reference: Float[Tensor, "landmarks 2"],
        unit: Float[Tensor, " 2"],
        points: Float[Tensor, "height width 2"],
    ) -> None:
        super().__init__()
        controls = (reference * unit).double()
        noise = NOISE * torch.eye(len(controls), dtype=controls.dtype, device=controls.device)
        solver = torch.linalg.inv(_kernel(squared_distances(controls, controls)) + noise)
        # At pixels the kernel is a product of what it is down and across, and so are x, y and 1.
        x, y = (points * unit)[0, :, :1], (points * unit)[:, 0, 1:]
        in_x, in_y = (_kernel((at - controls[:, axis]).square()) for axis, at in enumerate((x, y)))
        for name, tensor in (
            ("reference", reference),
            ("unit", unit),
            ("solver", solver),
            ("rows", torch.cat([in_y, torch.ones_like(y), y, torch.ones_like(y)], dim=1)),
            ("columns", torch.cat([in_x, x, torch.ones_like(x), torch.ones_like(x)], dim=1)),
        ):
            self.register_buffer(name, tensor.to(reference), persistent=False)

    def forward(self, pose: Pose, landmarks: Float[Tensor, "batch landmarks 2"]) -> "BentPose":
        """How objects lie and are bent, of which ``pose`` says how they lie.

        Args:
            pose: takes the usual object to these.
            landmarks: in normalised coordinates of the view.
        """
        off = (pose.inverse()(landmarks) - self.reference) * self.unit
        length = off.norm(dim=-1, keepdim=True)
        off = off * (FARTHEST / length.clamp_min(FARTHEST))
        return BentPose(self, pose, self.solver @ off)


@dataclass(frozen=True, eq=False)
class BentPose:
    """v to a smooth displacement of v, and that through a similarity; of each image its own.

    Attributes:
        bends: made by.
        pose: the similarity.
        weights: w, in lengths of ``pose.unit``.
    """

    bends: Bends
    pose: Pose
    weights: Float[Tensor, "batch landmarks 2"]

    def __call__(self, points: Float[Tensor, "batch *shape 2"]) -> Float[Tensor, "batch *shape 2"]:
        """Where points are taken, both in normalised coordinates of the view."""
        unit = self.pose.unit
        kernel = _kernel(squared_distances(points * unit, self.bends.reference * unit))
        field = (kernel.flatten(1, -2) @ self.weights).view_as(points)
        return self.pose(points + field / unit)

    def at_pixels(
        self, points: Float[Tensor, "height width 2"]
    ) -> Float[Tensor, "batch height width 2"]:
        """The same of the centres of a view's pixels, which are always these, more quickly.

        What the similarity makes of w_k, x and y, and its shift, are the factors of one product.
        """
        turned = self.pose.turned(torch.cat([self.weights, self._axes()], dim=1))
        factors = torch.cat([turned, self.pose.shift[:, None]], dim=1) / self.pose.unit
        rows = self.bends.rows * factors.transpose(1, 2)[:, :, None]
        return (rows @ self.bends.columns.T).permute(0, 2, 3, 1)

    def _axes(self) -> Float[Tensor, "batch 2 2"]:
        """One length along x, and one along y."""
        axes = torch.eye(2, dtype=self.weights.dtype, device=self.weights.device)
        return axes.expand(self.weights.shape[0], -1, -1)

    def moved(self, little: Pose) -> "BentPose":
        """The same of an object that is bent so and then lies moved, see `Pose.moved`."""
        return BentPose(self.bends, self.pose.moved(little), self.weights)

    def of(self, chosen: slice) -> "BentPose":
        """Those of some images."""
        return BentPose(self.bends, self.pose.of(chosen), self.weights[chosen])


def _kernel(squared: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    return (squared * (-0.5 / REACH**2)).exp()
