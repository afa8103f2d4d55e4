"""Descriptors that mean the same on other objects: exchange through another image.

Thewlis, Albanie, Bilen and Vedaldi, "Unsupervised learning of landmarks by descriptor vector
exchange", ICCV 2019, section 3: a descriptor of x' is rebuilt from the descriptors of another
object's image, x_a, and must then still find its own place in x. So descriptors may only tell what
that other object has too. Here they are read off the features that the score maps are made from,
and serve training alone.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from warpmarks.arguments import expect_shapes
from warpmarks.coordinates import pixel_centres

SHARPNESS = 20.0
"""Factor on the cosines of descriptors before each softmax over a map's thousand cells."""

PLACES = 36
"""About how many cells of x' are followed, spread evenly: all of them cost as much as a network."""


def exchange_distance(
    original: Float[Tensor, "batch channels rows columns"],
    warped: Float[Tensor, "batch channels rows columns"],
    warped_cells: Float[Tensor, "batch cells 2"],
    unit: Float[Tensor, " 2"],
) -> Float[Tensor, " batch"]:
    """Mean over followed cells v of x' of sum_u |u - g(v)| p(u | v; x, x', x_a), in ``unit``.

    p is a softmax over the cells u of x of the cosine of their descriptors with the one at v,
    rebuilt from those of x_a. Cells whose g(v) lies outside x do not count. x_a is the x of the
    pair's neighbour in the batch, with which it changes places; the last one of an odd batch has
    itself for a neighbour.

    Args:
        original: descriptors of x.
        warped: descriptors of x'.
        warped_cells: g(v) for each cell centre v, row by row; it may lie outside x.
        unit: see ``warpmarks.losses``.

    Raises:
        InputError: the shapes do not go together.
    """
    expect_shapes(
        original=(original, "batch channels rows columns"),
        warped=(warped, "batch channels rows columns"),
        warped_cells=(warped_cells, "batch rows*columns 2"),
        unit=(unit, "2"),
    )
    batch, _, rows, columns = original.shape
    described = _of_cells(original)
    partner = torch.arange(batch, device=original.device)
    partner = torch.minimum(partner ^ 1, torch.full_like(partner, batch - 1))
    step = max(1, round(math.sqrt(rows * columns / PLACES)))
    chosen = slice(step // 2, None, step)
    rebuilt = rebuild(_of_cells(warped[..., chosen, chosen]), described[partner])
    targets = warped_cells.unflatten(1, (rows, columns))[:, chosen, chosen].flatten(1, 2)
    probabilities = match(rebuilt, described)
    centres = pixel_centres(rows, columns, dtype=unit.dtype, device=unit.device).reshape(-1, 2)
    distances = torch.cdist(targets * unit, (centres * unit).expand(batch, -1, -1))
    inside = (targets.abs() < 1).all(dim=-1)
    expected = (probabilities * distances).sum(dim=-1)
    return (expected * inside).sum(dim=1) / inside.sum(dim=1).clamp_min(1)


def rebuild(
    descriptors: Float[Tensor, "batch places channels"],
    others: Float[Tensor, "batch cells channels"],
) -> Float[Tensor, "batch places channels"]:
    """Each descriptor as the mean of another image's, weighted by how well they match it."""
    return F.normalize(match(descriptors, others) @ others, dim=-1)


def match(
    descriptors: Float[Tensor, "batch places channels"],
    others: Float[Tensor, "batch cells channels"],
) -> Float[Tensor, "batch places cells"]:
    """Softmax over an image's cells of the cosines with descriptors, all of unit length."""
    return ((SHARPNESS * descriptors) @ others.transpose(1, 2)).softmax(dim=-1)


def _of_cells(
    maps: Float[Tensor, "batch channels rows columns"],
) -> Float[Tensor, "batch cells channels"]:
    """Descriptors of unit length, cell by cell, row by row."""
    return F.normalize(maps.permute(0, 2, 3, 1).flatten(1, 2), dim=-1)
