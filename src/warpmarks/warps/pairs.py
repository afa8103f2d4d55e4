"""Training pairs: x = I o g1 and x' = x o g2 = I o (g1 o g2) (sec. 4.1).

x' is sampled from the picture I in one step, never from x, so it is as sharp as x and shows picture
where x ends. The warp that relates the two images is g = g2: it takes a point v of x' to the point
g(v) of x that shows the same place of the picture. (The paper prints g2 o g1: by x' = x o g2, from
which eqs. 5 and 6 follow, a point v of x' goes through g2 first and then through g1.)
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from warpmarks.arguments import expect_shapes
from warpmarks.coordinates import pixel_centres
from warpmarks.errors import InputError
from warpmarks.warps.random_warps import RandomWarps
from warpmarks.warps.sampling import sample_view
from warpmarks.warps.thin_plate_spline import ThinPlateSpline, spline_basis


@dataclass(frozen=True, eq=False)
class WarpPair:
    """The two warps of each pair of a batch, in normalised coordinates of the view."""

    first: ThinPlateSpline  # g1: points of x to points of the view of I
    second: ThinPlateSpline  # g = g2: points of x' to points of x

    def part(self, chosen: slice) -> "WarpPair":
        """The warps of some of the pairs."""
        return WarpPair(self.first.part(chosen), self.second.part(chosen))


@dataclass(frozen=True, eq=False)
class ImagePair:
    """A batch of training pairs and g, also at the centre of each cell of x''s score map."""

    original: Float[Tensor, "batch 3 height width"]  # x
    warped: Float[Tensor, "batch 3 height width"]  # x'
    warped_cells: Float[Tensor, "batch cells 2"]  # g(v), normalised coordinates of x
    warp: ThinPlateSpline  # g = g2, in the precision and on the device of the images


class PairSampler:
    """Draws warps and makes pairs of ``size`` pixels whose score maps have ``cells`` cells."""

    def __init__(
        self,
        first: RandomWarps,
        second: RandomWarps,
        *,
        size: tuple[int, int],
        cells: tuple[int, int],
        margin: float,
        device: torch.device | str = "cpu",
    ) -> None:
        self.first, self.second = first, second
        self.size, self.margin = size, margin
        pixels = pixel_centres(*size, dtype=torch.float64).reshape(-1, 2)
        centres = pixel_centres(*cells, dtype=torch.float64).reshape(-1, 2)

        def on_device(basis: Tensor) -> Tensor:
            return basis.to(device, torch.float32)

        self._first_at_pixels = on_device(spline_basis(pixels, first.controls))
        self._second_at_pixels = on_device(spline_basis(pixels, second.controls))
        self._second_at_cells = on_device(spline_basis(centres, second.controls))

    def draw(self, count: int, generator: torch.Generator) -> WarpPair:
        """Warps for ``count`` pairs, drawn on the CPU."""
        return WarpPair(self.first.draw(count, generator), self.second.draw(count, generator))

    def sample(
        self, pictures: Float[Tensor, "batch 3 picture_height picture_width"], warps: WarpPair
    ) -> ImagePair:
        """The pairs that the warps make of the pictures, on the pictures' device.

        Args:
            pictures: float32 from 0 to 1, one for each pair of warps.
            warps: as `draw` gives them.

        Raises:
            InputError: the pictures are of another shape, number or type.
        """
        expect_shapes(
            pictures=(pictures, "batch 3 picture_height picture_width"),
            warps=(warps.second.weights, "batch controls 2"),
        )
        if pictures.dtype != torch.float32:
            raise InputError(
                f"the pictures are {pictures.dtype}: expected torch.float32 from 0 to 1, of bytes "
                "pictures.float() / 255"
            )
        first, second = warps.first.to(pictures), warps.second.to(pictures)
        second_targets = second(second.controls.expand(len(pictures), -1, -1))
        in_original = self._first_at_pixels @ first(first.controls.expand(len(pictures), -1, -1))
        in_picture = first(self._second_at_pixels @ second_targets)
        shape = (len(pictures), *self.size, 2)
        return ImagePair(
            original=sample_view(pictures, in_original.reshape(shape), self.margin),
            warped=sample_view(pictures, in_picture.reshape(shape), self.margin),
            warped_cells=self._second_at_cells @ second_targets,
            warp=second,
        )
