"""Thin-plate splines of the plane (Bookstein, PAMI 1989; sec. 4.1 of Thewlis et al. 2017).

A spline is pinned at N controls c_i, each of which it takes to a target:

    g(p) = affine^T (1, p) + sum_i weights_i U(|p - c_i|),        U(r) = r^2 log r

    [ K    P ] [ weights ]   [ targets ]        K_ij = U(|c_i - c_j|)
    [ P^T  0 ] [ affine  ] = [    0    ]        P    = rows (1, x, y)

The solution is linear in the targets. For fixed controls the system is therefore inverted once, and
at fixed points (the pixels of a picture, the cells of a map) every spline is one matrix product
with the cardinal basis: ``spline_basis(points, controls) @ targets``.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from warpmarks.arguments import expect_shapes
from warpmarks.errors import InputError


def spline_kernel(squared_distance: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """U(r) = r^2 log r as a function of r^2; zero at r = 0, and so is its gradient in the plane."""
    # xlogy would know of zero by itself, but is computed number by number.
    return squared_distance * _positive(squared_distance).log() * 0.5


def squared_distances(
    points: Float[Tensor, "*batch points 2"], controls: Float[Tensor, "controls 2"]
) -> Float[Tensor, "*batch points controls"]:
    """Squared distance of every point to every control, without cancellation."""
    dx = points[..., 0, None] - controls[:, 0]
    dy = points[..., 1, None] - controls[:, 1]
    return dx * dx + dy * dy


def spline_solver(controls: Float[Tensor, "controls 2"]) -> Float[Tensor, "solution controls"]:
    """The matrix, in float64, that takes N targets to the N weights and the 3 affine rows.

    Raises:
        ValueError: fewer than three controls, all of them on one line, or two at one place: there
            is no unique spline.
    """
    controls = controls.double()
    count = len(controls)
    ones_xy = torch.cat([controls.new_ones(count, 1), controls], dim=1)
    if torch.linalg.matrix_rank(ones_xy) < 3:
        raise ValueError(f"a spline needs 3 controls off one line, got {controls.tolist()}")
    if len(controls.unique(dim=0)) < count:
        raise ValueError(f"a spline needs controls apart, got {controls.tolist()}")
    system = controls.new_zeros(count + 3, count + 3)
    system[:count, :count] = spline_kernel(squared_distances(controls, controls))
    system[:count, count:] = ones_xy
    system[count:, :count] = ones_xy.T
    identity = torch.eye(count + 3, count, dtype=torch.float64, device=controls.device)
    return torch.linalg.solve(system, identity)


def spline_basis(
    points: Float[Tensor, "points 2"], controls: Float[Tensor, "controls 2"]
) -> Float[Tensor, "points controls"]:
    """Cardinal basis in float64: a spline's values at fixed points are ``basis @ targets``."""
    return spline_terms(points.double(), controls) @ spline_solver(controls)


def spline_slopes(
    points: Float[Tensor, "*batch points 2"], controls: Float[Tensor, "controls 2"]
) -> Float[Tensor, "*batch points 2 solution"]:
    """d/dx and d/dy of a spline's terms at points: ``slopes @ [weights; affine]`` is D g^T.

    The gradient of U is (2 log r + 1) (p - c), which is 0 at the control c.
    """
    offsets = points[..., None, :] - controls
    squared = offsets.square().sum(-1, keepdim=True)
    bend = ((_positive(squared).log() + 1) * offsets).transpose(-1, -2)
    linear = torch.eye(3, dtype=points.dtype, device=points.device)[1:]
    return torch.cat([bend, linear.expand(*bend.shape[:-1], 3)], dim=-1)


@dataclass(frozen=True, eq=False)
class ThinPlateSpline:
    """A batch of splines g that share their controls; call it on points.

    Points, controls and targets are in any one frame of the plane. Everything is as precise as the
    tensors are; ``fit`` solves in float64 and hands back the precision of ``targets``.
    """

    controls: Float[Tensor, "controls 2"]
    weights: Float[Tensor, "batch controls 2"]
    affine: Float[Tensor, "batch 3 2"]

    @classmethod
    def fit(
        cls,
        controls: Float[Tensor, "controls 2"],
        targets: Float[Tensor, "batch controls 2"],
        solver: Float[Tensor, "solution controls"] | None = None,
    ) -> "ThinPlateSpline":
        """The splines through ``targets``, one for each of a batch.

        Args:
            controls: of all splines.
            targets: float32 or float64, of one spline too with a leading axis: targets[None].
            solver: what ``spline_solver`` gives for the controls, if at hand.

        Raises:
            InputError: targets of another shape, or that are whole numbers.
            ValueError: see `spline_solver`.
        """
        expect_shapes(controls=(controls, "controls 2"), targets=(targets, "batch controls 2"))
        if not targets.is_floating_point():
            raise InputError(f"the targets are {targets.dtype}: expected floats, targets.double()")
        solver = spline_solver(controls) if solver is None else solver
        solution = (solver @ targets.double()).to(targets.dtype)
        count = len(controls)
        return cls(controls.to(targets.dtype), solution[:, :count], solution[:, count:])

    def to(self, like: Tensor) -> "ThinPlateSpline":
        """The same splines in the precision and on the device of ``like``.

        Moved first: to do both at once the host would make a copy that a GPU cannot fetch by
        itself.
        """
        moved = (part.to(like.device, non_blocking=True) for part in self._parts())
        return ThinPlateSpline(*(part.to(like.dtype) for part in moved))

    def part(self, chosen: slice) -> "ThinPlateSpline":
        """Some splines of the batch."""
        return ThinPlateSpline(self.controls, self.weights[chosen], self.affine[chosen])

    @property
    def solution(self) -> Float[Tensor, "batch solution 2"]:
        """The weights and below them the three affine rows."""
        return torch.cat([self.weights, self.affine], dim=1)

    def __call__(self, points: Float[Tensor, "batch points 2"]) -> Float[Tensor, "batch points 2"]:
        """Each batch's points moved by its own spline.

        Args:
            points: as many batches as there are splines, of the splines' dtype: see ``to``.

        Raises:
            InputError: they are not.
        """
        expect_shapes(points=(points, "batch points 2"), weights=(self.weights, "batch controls 2"))
        if points.dtype != self.weights.dtype:
            raise InputError(
                f"the points are {points.dtype} and the splines {self.weights.dtype}: expected the "
                "same, spline.to(points)(points)"
            )
        if points.requires_grad:
            return spline_terms(points, self.controls) @ self.solution
        if points.device.type == "cpu":
            # One spline's terms stay in the processor's cache, which those of a batch do not.
            moved = [self._moved(*one) for one in zip(points, self.solution, strict=True)]
            return torch.stack(moved)
        return self._moved(points, self.solution)

    def _moved(
        self, points: Float[Tensor, "*batch points 2"], solution: Float[Tensor, "*batch terms 2"]
    ) -> Float[Tensor, "*batch points 2"]:
        """``spline_terms @ solution`` with a row for each control, long enough to be computed fast.

        Squares, logarithms and products are taken in place.
        """
        xy, count = points.transpose(-1, -2).contiguous(), len(self.controls)
        dx = xy[..., :1, :] - self.controls[:, :1]
        dy = xy[..., 1:, :] - self.controls[:, 1:]
        squared = dx.square_().addcmul_(dy, dy)
        logarithm = torch.clamp_min(squared, torch.finfo(squared.dtype).tiny, out=dy).log_()
        kernel = squared.mul_(logarithm)
        columns = solution.transpose(-1, -2)
        bend, shift, linear = columns.split([count, 1, 2], dim=-1)
        moved = (0.5 * bend) @ kernel + (linear @ xy + shift)
        return moved.transpose(-1, -2)

    def jacobian(
        self, points: Float[Tensor, "batch points 2"]
    ) -> Float[Tensor, "batch points 2 2"]:
        """D g_row / d p_column at points."""
        slopes = spline_slopes(points, self.controls)
        return (slopes @ self.solution[:, None]).transpose(-1, -2)

    @torch.no_grad()
    def inverse(
        self, points: Float[Tensor, "batch points 2"], *, iterations: int = 12
    ) -> Float[Tensor, "batch points 2"]:
        """The points that the splines take to ``points``, by Newton steps in float64.

        A step is at most a quarter of the controls' extent. Where the spline does not fold the
        result is exact to rounding. For where points of x lie in x o g; eqs. 5 and 6 never need it.
        It has no gradient: `inverse_step` from there has it.
        """
        wanted = points.double()
        spline = self.to(wanted)
        linear = spline.affine[:, 1:].transpose(-1, -2)
        found = _solved(linear[:, None], wanted - spline.affine[:, :1])
        longest = (spline.controls.amax(0) - spline.controls.amin(0)).max() / 4
        for _ in range(iterations):
            step = spline.inverse_step(found, wanted)
            found = found + step * (longest / step.norm(dim=-1, keepdim=True).clamp_min(longest))
        return found.to(points.dtype)

    def inverse_step(
        self, found: Float[Tensor, "batch points 2"], wanted: Float[Tensor, "batch points 2"]
    ) -> Float[Tensor, "batch points 2"]:
        """Newton's step from ``found`` to where the splines take to ``wanted``.

        None where they do already; its gradient by ``wanted`` is then that of the inverse.
        """
        return _solved(self.jacobian(found), wanted - self(found))

    def _parts(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.controls, self.weights, self.affine


def _solved(
    matrices: Float[Tensor, "*#batch 2 2"], right: Float[Tensor, "*#batch 2"]
) -> Float[Tensor, "*batch 2"]:
    """Solutions by Cramer's rule: a library takes up many small systems one by one."""
    (a, b), (c, d) = (row.unbind(-1) for row in matrices.unbind(-2))
    first, second = right.unbind(-1)
    solutions = torch.stack([d * first - b * second, a * second - c * first], dim=-1)
    return solutions / (a * d - b * c).unsqueeze(-1)


def _positive(squares: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    # The logarithm of zero, and the gradient there, would not be numbers.
    return squares.clamp_min(torch.finfo(squares.dtype).tiny)


def spline_terms(
    points: Float[Tensor, "*batch points 2"], controls: Float[Tensor, "controls 2"]
) -> Float[Tensor, "*batch points solution"]:
    """Rows (U(|p - c_1|), ..., U(|p - c_N|), 1, x, y): a spline is ``terms @ solution``."""
    kernel = spline_kernel(squared_distances(points, controls))
    return torch.cat([kernel, torch.ones_like(points[..., :1]), points], dim=-1)
