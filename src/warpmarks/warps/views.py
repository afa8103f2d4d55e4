"""One warped view of each picture, and where its points go: x = I o g1 (sec. 4.1).

x(v) = I(g1(v)): a point p of the picture is seen in x at v = g1^{-1}(p).
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from warpmarks.coordinates import pixel_centres
from warpmarks.warps.random_warps import RandomWarps
from warpmarks.warps.sampling import sample_view
from warpmarks.warps.thin_plate_spline import ThinPlateSpline, spline_basis

TOLERANCE = 1e-6
"""How far from its point, in normalised coordinates, the warp may take what its inverse gave."""


class ViewSampler:
    """Makes views of ``size`` pixels through warps of ``warps``'s controls."""

    def __init__(
        self,
        warps: RandomWarps,
        *,
        size: tuple[int, int],
        margin: float,
        device: torch.device | str = "cpu",
    ) -> None:
        self.size, self.margin = size, margin
        pixels = pixel_centres(*size, dtype=torch.float64).reshape(-1, 2)
        self._at_pixels = spline_basis(pixels, warps.controls).to(device, torch.float32)

    def sample(
        self, pictures: Float[Tensor, "batch 3 picture_height picture_width"], warp: ThinPlateSpline
    ) -> Float[Tensor, "batch 3 height width"]:
        """The pictures seen through the warps, on the pictures' device."""
        warp = warp.to(pictures)
        in_view = self._at_pixels @ warp(warp.controls.expand(len(pictures), -1, -1))
        shape = (len(pictures), *self.size, 2)
        return sample_view(pictures, in_view.reshape(shape), self.margin)


def seen_points(
    points: Float[Tensor, "batch points 2"], warp: ThinPlateSpline
) -> tuple[Float[Tensor, "batch points 2"], Bool[Tensor, "batch points"]]:
    """Where the points of pictures are in x, and whether they are there.

    Args:
        points: normalised coordinates of the unwarped views; nan where not known.
        warp: g1 of each picture.

    Returns:
        g1^{-1}(p) in normalised coordinates of x, 0 where it is not there, with a gradient by p;
        and True where the point is known and within x's edges.
    """
    wanted = points.double()
    found = warp.inverse(wanted)
    exact = (warp.to(found)(found) - wanted).norm(dim=-1) < TOLERANCE
    there = exact & (found.abs() <= 1).all(-1)  # False of nan
    inside = torch.where(there[..., None], found, 0)
    if wanted.requires_grad:
        step = warp.to(inside).inverse_step(inside, wanted)
        inside = inside + torch.where(there[..., None], step, 0)
    return inside.to(points.dtype), there
