"""Random thin-plate splines: an affine part and a deformation part (sec. 4.1).

Warps are drawn on the CPU from a passed generator, whatever device they are used on: they are a few
hundred numbers each, and so the same seed gives the same warps everywhere.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from warpmarks.arguments import expect_number, expect_whole
from warpmarks.coordinates import pixel_centres
from warpmarks.errors import InputError
from warpmarks.warps.thin_plate_spline import ThinPlateSpline, spline_slopes, spline_solver

REDRAWS = 20
"""How often folded warps are drawn again before their deformation is halved."""

REACH = 1.3
"""Warps are checked for folds on [-REACH, REACH]^2: a second warp looks beyond the first's view."""

CHECKS = 6
"""Points checked for folds between one control of a grid and the next."""

LEAST_AREA = 0.05
"""A warp counts as folded below this share of its mean change of area: it may fold near by."""


@dataclass(frozen=True)
class WarpRange:
    """From what random warps are drawn.

    Lengths are in units of half the view's shorter side, which is 1 in normalised coordinates of a
    square view.

    Attributes:
        rotation: uniform in +-rotation, degrees.
        scale: the factor is exp(uniform in +-scale).
        translation: each axis uniform in +-translation.
        deformation: each control is moved by a normal draw of this standard deviation on each axis,
            where the warp does not fold for it. One that folds is drawn again, `REDRAWS` times, and
            then with half of the move, a quarter, and so on: of 5 x 5 controls that are to move by
            0.06, 0.1, 0.15, 0.2 and 0.3 those of 300 warps do by 0.061, 0.099, 0.135, 0.102 and
            0.085, and the more controls there are, the sooner less.

    Raises:
        InputError: a range is below 0 or no number.
    """

    rotation: float
    scale: float
    translation: float
    deformation: float

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 <= expect_number(value, name) < math.inf:
                raise InputError(f"{name} is {value:g}: expected a number from 0 on")


def control_grid(rows: int, columns: int) -> Float[Tensor, "controls 2"]:
    """A regular grid of controls over [-1, 1]^2, edges included, in float64."""
    y = torch.linspace(-1, 1, rows, dtype=torch.float64)
    x = torch.linspace(-1, 1, columns, dtype=torch.float64)
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1).reshape(-1, 2)


class RandomWarps:
    """Draws batches of warps that do not fold.

    Args:
        warp_range: from what to draw.
        aspect: width over height of the view. Rotation, scale, translation and deformation are
            isotropic in the view's pixels, also where its normalised coordinates are not.
        controls: where the splines are pinned, in normalised coordinates of the view.
    """

    def __init__(
        self, warp_range: WarpRange, *, aspect: float, controls: Float[Tensor, "controls 2"]
    ) -> None:
        self.range = warp_range
        self.controls = controls
        self.solver = spline_solver(self.controls)
        shorter = min(aspect, 1.0)
        self._half_size = torch.tensor([aspect / shorter, 1 / shorter], dtype=torch.float64)
        side = CHECKS * math.ceil(math.sqrt(len(self.controls)))
        checked = REACH * pixel_centres(side, side, dtype=torch.float64).reshape(-1, 2)
        self._slopes = spline_slopes(checked, self.controls)

    def draw(self, count: int, generator: torch.Generator) -> ThinPlateSpline:
        """``count`` warps g in float64, none of which folds.

        Raises:
            InputError: none are asked for.
        """
        expect_whole(count, "count")
        targets = torch.empty(count, len(self.controls), 2, dtype=torch.float64)
        folded = torch.arange(count)
        for attempt in range(2 * REDRAWS):
            damping = 0.5 ** max(0, attempt - REDRAWS)
            drawn = self._draw_targets(len(folded), generator, damping)
            targets[folded] = drawn
            folded = folded[self.folds(ThinPlateSpline.fit(self.controls, drawn, self.solver))]
            if len(folded) == 0:
                break
        return ThinPlateSpline.fit(self.controls, targets, self.solver)

    def folds(self, spline: ThinPlateSpline) -> Bool[Tensor, " batch"]:
        """Whether splines over these controls turn the plane over, or nearly: see LEAST_AREA."""
        by_term = spline.solution.permute(1, 0, 2).flatten(1)
        by_x, by_y = (self._slopes @ by_term).reshape(-1, 2, len(spline.weights), 2).unbind(1)
        areas = by_x[..., 0] * by_y[..., 1] - by_x[..., 1] * by_y[..., 0]
        return areas.amin(dim=0) <= LEAST_AREA * areas.mean(dim=0)

    def _draw_targets(
        self, count: int, generator: torch.Generator, damping: float
    ) -> Float[Tensor, "batch controls 2"]:
        def uniform(*shape: int) -> Tensor:
            return 2 * torch.rand(*shape, generator=generator, dtype=torch.float64) - 1

        angle = math.radians(self.range.rotation) * uniform(count)
        factor = torch.exp(self.range.scale * uniform(count))
        shift = self.range.translation * uniform(count, 1, 2)
        noise = torch.randn(count, len(self.controls), 2, generator=generator, dtype=torch.float64)
        cos, sin = factor * angle.cos(), factor * angle.sin()
        # Row vectors: (x, y) @ [[cos, sin], [-sin, cos]] turns by the angle.
        linear = torch.stack([cos, sin, -sin, cos], dim=-1).reshape(count, 2, 2)
        moved = (self.controls * self._half_size) @ linear + shift
        return (moved + damping * self.range.deformation * noise) / self._half_size
