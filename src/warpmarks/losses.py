"""The objective, one function per equation (sec. 3.3).

**Direction of the warp.** x' = x o g, so x'(v) = x(g(v)): g takes a point v of x' to the point of x
that shows the same thing. The paper's eq. 6 compares u in x with g(v), v in x', and so do all
functions here. (Eq. 5 as printed writes g on the other side; with images sampled as x o g it is the
same constraint.)

**Unit.** Points come in normalised coordinates and distances are measured after multiplying by
``unit``, a (2,) tensor of lengths of half the view's width and height. The paper sums over
u in {1..H} x {1..W}, the cells of the score map: ``unit`` = (columns / 2, rows / 2), see
``cells_unit``. Its weight gamma = 500 belongs to that unit. ``view_unit`` measures in halves of
the view's shorter side instead, which does not change with the map's size; a weight of gamma per
squared cell is gamma / (cells / 2)^2 there, cells along the shorter side: 500 on a 40 x 40 map is
1.25.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from warpmarks.arguments import expect_shapes, expect_whole
from warpmarks.coordinates import pixel_centres
from warpmarks.errors import InputError


def cells_unit(rows: int, columns: int) -> Float[Tensor, " 2"]:
    """Distances in cells of a rows x columns score map, as the paper's sums read."""
    _expect_cells(rows, columns)
    return torch.tensor([columns / 2, rows / 2])


def view_unit(rows: int, columns: int) -> Float[Tensor, " 2"]:
    """Distances in halves of the view's shorter side, whatever the map's resolution."""
    _expect_cells(rows, columns)
    shorter = min(rows, columns)
    return torch.tensor([columns / shorter, rows / shorter])


def landmark_equivariance(
    landmarks: Float[Tensor, "batch landmarks 2"],
    moved_landmarks: Float[Tensor, "batch landmarks 2"],
    unit: Float[Tensor, " 2"],
) -> Float[Tensor, " batch"]:
    """Eq. 5: mean over landmarks of |Phi(x)_r - g(Phi(x')_r)|^2, in squared ``unit``.

    Args:
        landmarks: Phi(x).
        moved_landmarks: g(Phi(x')), the landmarks of x' taken to x.
        unit: see the module.

    Raises:
        InputError: the shapes do not go together.
    """
    expect_shapes(
        landmarks=(landmarks, "batch landmarks 2"),
        moved_landmarks=(moved_landmarks, "batch landmarks 2"),
        unit=(unit, "2"),
    )
    return ((landmarks - moved_landmarks) * unit).square().sum(-1).mean(-1)


def annotation_distance(
    landmarks: Float[Tensor, "batch landmarks 2"],
    annotations: Float[Tensor, "batch landmarks 2"],
    there: Bool[Tensor, "batch landmarks"],
    unit: Float[Tensor, " 2"],
) -> Float[Tensor, ""]:
    """The supervised objective: mean |Phi(x)_r - a_r| over the annotations that are there.

    The distance itself and not its square, as errors are measured. The paper does not say what its
    supervised network was trained with (sec. 4.3).

    Args:
        landmarks: Phi(x), soft-argmax coordinates.
        annotations: a, where the annotated points are in x; any number where they are not there.
        there: whether a landmark has an annotation in x; 0 is the mean over none.
        unit: see the module.

    Raises:
        InputError: the shapes do not go together.
    """
    expect_shapes(
        landmarks=(landmarks, "batch landmarks 2"),
        annotations=(annotations, "batch landmarks 2"),
        there=(there, "batch landmarks"),
        unit=(unit, "2"),
    )
    distances = ((landmarks - annotations) * unit).norm(dim=-1)
    return (distances * there).sum() / there.sum().clamp_min(1)


def probability_equivariance(
    original: Float[Tensor, "batch landmarks rows columns"],
    warped: Float[Tensor, "batch landmarks rows columns"],
    warped_cells: Float[Tensor, "batch cells 2"],
    unit: Float[Tensor, " 2"],
) -> Float[Tensor, " batch"]:
    """Eq. 6 in its linear-time form, in squared ``unit``.

    1/K sum_r [ E|u|^2 + E|g(v)|^2 - 2 E u . E g(v) ], u under p(.|x, r), v under p(.|x', r).

    Zero if and only if both maps of each landmark are single peaks that agree up to g.

    Args:
        original: p(u | x, r).
        warped: p(v | x', r).
        warped_cells: g(v) for each cell centre v, row by row; it may lie outside x.
        unit: see the module.

    Raises:
        InputError: the shapes do not go together.
    """
    expect_shapes(
        original=(original, "batch landmarks rows columns"),
        warped=(warped, "batch landmarks rows columns"),
        warped_cells=(warped_cells, "batch rows*columns 2"),
        unit=(unit, "2"),
    )
    rows, columns = original.shape[-2:]
    centres = pixel_centres(rows, columns, dtype=original.dtype, device=original.device)
    u = centres.reshape(-1, 2) * unit
    g_v = warped_cells * unit
    u_moments = original.flatten(2) @ _with_square(u)
    v_moments = warped.flatten(2) @ _with_square(g_v)
    crossed = (u_moments[..., :2] * v_moments[..., :2]).sum(-1)
    return (u_moments[..., 2] + v_moments[..., 2] - 2 * crossed).mean(-1)


def overlap_diversity(
    probability_maps: Float[Tensor, "batch landmarks rows columns"],
) -> Float[Tensor, " batch"]:
    """Eq. 7: mean over all pairs r, r' (r = r' too) of sum_u p(u | x, r) p(u | x, r').

    The printed sum has the pairs of r with itself in it, so it is never quite zero: disjoint maps
    leave 1/K^2 sum_r sum_u p^2. Quadratic in K as printed, it is computed in linear time, because
    the sum over all pairs is the square of the sum over landmarks.

    Raises:
        InputError: these are no maps of a batch.
    """
    expect_shapes(probability_maps=(probability_maps, "batch landmarks rows columns"))
    total = probability_maps.sum(dim=1)
    return total.square().flatten(1).sum(-1) / probability_maps.shape[1] ** 2


def diversity(
    probability_maps: Float[Tensor, "batch landmarks rows columns"], *, pooling: int = 1
) -> Float[Tensor, " batch"]:
    """Eq. 8 after m x m sum pooling (L''_div): K - sum_u max_r pooled p(u | x, r).

    From 0, no two landmarks share a pooled cell, to K - 1, all share one. With ``pooling`` = 1 it
    is eq. 8. A map whose sides m does not divide is continued with zeros, which changes no sum; one
    that is smaller than m is one cell, so that it is K - 1 whatever the maps are.

    Raises:
        InputError: m is below 1, or these are no maps of a batch.
    """
    expect_shapes(probability_maps=(probability_maps, "batch landmarks rows columns"))
    expect_whole(pooling, "pooling")
    pooled = sum_pool(probability_maps, pooling)
    return probability_maps.shape[1] - pooled.amax(dim=1).flatten(1).sum(-1)


def roomy_pooling(num_landmarks: int, rows: int, columns: int) -> int:
    """The m that ``auto`` means: 2, or 1 where blocks of 2 x 2 would fill over a fifth of the map.

    The paper does not say its m. Larger blocks keep landmarks so far apart that they are first
    packed as a stiff grid, whatever the object looks like.
    """
    fitting = math.isqrt(rows * columns // (5 * num_landmarks))
    return max(1, min(2, fitting))


def landmark_diversity(
    landmarks: Float[Tensor, "batch landmarks 2"], unit: Float[Tensor, " 2"], distance: float
) -> Float[Tensor, " batch"]:
    """Mean over landmarks r of sum over r' != r of max(0, distance - |Phi(x)_r - Phi(x)_r'|).

    Not in the paper: what eqs. 7 and 8 ask of maps, asked of the landmarks themselves. From 0, all
    are as far apart as ``distance``, to (K - 1) distance, all sit on each other. Two landmarks
    nearer than ``distance`` are pushed apart twice as strongly as ``taught_distance`` of
    ``training.self_training`` pulls either to where it is taught to be: taught to one place they do
    not close in on each other where this weighs 1/2, and part where it weighs more. Two in exactly
    one place feel nothing, as they have no direction.

    Args:
        landmarks: Phi(x), soft-argmax coordinates.
        unit: see the module.
        distance: in ``unit``.

    Raises:
        InputError: the shapes do not go together.
    """
    expect_shapes(
        landmarks=(landmarks, "batch landmarks 2"),
        unit=(unit, "2"),
    )
    scaled = landmarks * unit
    apart = torch.cdist(scaled, scaled, compute_mode="donot_use_mm_for_euclid_dist")
    lacking = (distance - apart).clamp_min(0).triu(diagonal=1)
    return 2 / landmarks.shape[1] * lacking.sum((-2, -1))


def roomy_distance(num_landmarks: int, distance: float) -> float:
    """The distance, or less where squares of its side would fill over a fifth of a square view.

    Args:
        num_landmarks: K.
        distance: in halves of the view's shorter side.
    """
    return min(distance, math.sqrt(4 / (5 * num_landmarks)))


def sum_pool(
    maps: Float[Tensor, "batch landmarks rows columns"], size: int
) -> Float[Tensor, "batch landmarks pooled_rows pooled_columns"]:
    """Sums over size x size blocks, the last ones of each axis completed with zeros."""
    if size == 1:
        return maps
    rows, columns = maps.shape[-2:]
    padded = F.pad(maps, (0, -columns % size, 0, -rows % size))
    return F.avg_pool2d(padded, size) * size**2


@dataclass(frozen=True)
class ObjectiveTerms:
    """The terms of eq. 9 before weighting, each a mean over the batch."""

    equivariance: Float[Tensor, ""]  # L'_align, or eq. 5, in squared units
    diversity: Float[Tensor, ""]  # L''_div(x) + L''_div(x'), from 0 to 2 (K - 1), or over K
    exchange: Float[Tensor, ""] | float = 0.0  # see warpmarks.exchange; no part of eq. 9

    def total(self, diversity_weight: float, exchange_weight: float = 0.0) -> Float[Tensor, ""]:
        """Eq. 9 without its regulariser, which the optimiser applies as weight decay.

        Exchange is added where it has a weight.
        """
        eq_9 = self.equivariance + diversity_weight * self.diversity
        return eq_9 + exchange_weight * self.exchange


def objective(
    equivariance: Float[Tensor, " batch"],
    original: Float[Tensor, "batch landmarks rows columns"],
    warped: Float[Tensor, "batch landmarks rows columns"],
    *,
    pooling: int,
    per_landmark: bool = False,
) -> ObjectiveTerms:
    """The terms of eq. 9 for a batch of pairs.

    Args:
        equivariance: of each pair, by eq. 5 or eq. 6.
        original: p(u | x, r).
        warped: p(v | x', r).
        pooling: m of L''_div.
        per_landmark: divide the diversity by K. As printed, equivariance is a mean over landmarks
            and diversity a sum, so that a given gamma weighs more the more landmarks there are.

    Raises:
        InputError: the shapes do not go together.
    """
    expect_shapes(
        original=(original, "batch landmarks rows columns"),
        warped=(warped, "batch landmarks rows columns"),
        equivariance=(equivariance, "batch"),
    )
    spread = diversity(original, pooling=pooling) + diversity(warped, pooling=pooling)
    return ObjectiveTerms(
        equivariance=equivariance.mean(),
        diversity=spread.mean() / (original.shape[1] if per_landmark else 1),
    )


def _expect_cells(rows: int, columns: int) -> None:
    if min(rows, columns) < 1:
        raise InputError(f"a map of {rows} x {columns} cells: expected at least one row and column")


def _with_square(points: Float[Tensor, "*batch cells 2"]) -> Float[Tensor, "*batch cells 3"]:
    """Columns (x, y, x^2 + y^2)."""
    return torch.cat([points, points.square().sum(-1, keepdim=True)], dim=-1)
