"""Score maps to probability maps to landmarks (sec. 3.2), and how sure each landmark is."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from warpmarks.arguments import expect_shapes
from warpmarks.coordinates import pixel_centres, to_pixels
from warpmarks.errors import InputError

FLOOR = 46.0
"""A learning cell's score counts as no lower than this below its map's largest: as 1e-20 of p."""


def spatial_softmax(
    score_maps: Float[Tensor, "batch landmarks rows columns"],
) -> Float[Tensor, "batch landmarks rows columns"]:
    """p(u | x, r): softmax over the cells of each map, which then sums to 1 (sec. 3.2).

    Where a gradient is wanted, scores are floored first (`FLOOR`). Sharp maps are next to 0 in most
    cells, and their gradients would be subnormal numbers, by which a CPU multiplies so slowly that
    a training step takes two to three times as long. To rounding it changes neither p nor gradient.

    Raises:
        InputError: these are no maps of a batch.
    """
    _expect_batch(score_maps)
    scores = score_maps.flatten(2)
    if scores.requires_grad:
        lowest = scores.detach().amax(dim=-1, keepdim=True) - FLOOR
        scores = torch.maximum(scores, lowest)
    return scores.softmax(dim=-1).view_as(score_maps)


def soft_argmax(
    probability_maps: Float[Tensor, "batch landmarks rows columns"],
) -> Float[Tensor, "batch landmarks 2"]:
    """Eq. 4: the expected place under each map, in normalised coordinates of the view.

    Each map must sum to 1, as ``spatial_softmax`` has it: with half of that a landmark is half as
    far from the middle.

    Raises:
        InputError: these are no maps of a batch.
    """
    _expect_batch(probability_maps)
    rows, columns = probability_maps.shape[-2:]
    centres = pixel_centres(
        rows, columns, dtype=probability_maps.dtype, device=probability_maps.device
    )
    return probability_maps.flatten(2) @ centres.reshape(-1, 2)


def concentration(
    probability_maps: Float[Tensor, "batch landmarks rows columns"],
    landmarks: Float[Tensor, "batch landmarks 2"],
    *,
    radius: float = 2.5,
) -> Float[Tensor, "batch landmarks"]:
    """The share of a map's probability within ``radius`` cells of its landmark, in [0, 1].

    1 is a map with one sharp peak; a flat or a torn map is near 0. It is the score that the package
    gives each detected landmark.

    Raises:
        InputError: the shapes do not go together.
    """
    expect_shapes(
        probability_maps=(probability_maps, "batch landmarks rows columns"),
        landmarks=(landmarks, "batch landmarks 2"),
    )
    rows, columns = probability_maps.shape[-2:]
    # Of each landmark the cells are looked at that may be so near, not all of the map.
    places = to_pixels(landmarks, rows, columns)
    across, column = _cells_near(places[..., 0], columns, radius)
    down, row = _cells_near(places[..., 1], rows, radius)
    near = down.square()[..., :, None] + across.square()[..., None, :] <= radius**2
    cells = (row * columns)[..., :, None] + column[..., None, :]
    shares = probability_maps.flatten(2).gather(2, cells.flatten(2))
    return (shares * near.flatten(2)).sum(dim=-1)


def flatness(
    probability_maps: Float[Tensor, "batch landmarks rows columns"],
) -> Float[Tensor, "batch landmarks"]:
    """exp(entropy) over the number of cells: 1 for a uniform map, 1/cells for a single peak.

    Raises:
        InputError: these are no maps of a batch.
    """
    _expect_batch(probability_maps)
    flat = probability_maps.flatten(2)
    entropy = torch.special.entr(flat).sum(-1)
    return entropy.exp() / flat.shape[-1]


def _cells_near(
    places: Float[Tensor, "batch landmarks"], length: int, radius: float
) -> tuple[Float[Tensor, "batch landmarks some"], Int[Tensor, "batch landmarks some"]]:
    """How far the cells within the radius are from places, along one axis, and which they are.

    In cells. One beyond the ends is infinitely far and stands as one that there is; of a place that
    is not known none is near.
    """
    steps = torch.arange(int(2 * radius) + 1, device=places.device)
    cells = (places - radius).ceil()[..., None].long() + steps
    there = cells.clamp(0, length - 1)
    return torch.where(cells == there, cells - places[..., None], torch.inf), there


def _expect_batch(maps: Float[Tensor, "batch landmarks rows columns"]) -> None:
    if maps.dim() != 4:
        raise InputError(
            f"the maps have the shape {tuple(maps.shape)}: expected (batch, landmarks, rows, "
            "columns), of one image maps[None]"
        )
