"""The one coordinate convention of the package, for points, grids, maps and files.

A point is (x, y): x to the right, y downwards, in the last dimension of an array.

*Normalised* coordinates of a picture, a view or a score map run from -1 to 1 between its **outer
edges**, whatever its size, so a picture and a map of it at another resolution share one frame. It
is the frame of ``torch.nn.functional.grid_sample(..., align_corners=False)``.

*Pixels* have their centres at integers: the first pixel's centre is 0, and a picture of width W
spans [-0.5, W - 0.5]. Every file that the package reads or writes holds pixels of the original
image.

*Centred* coordinates have their origin at the image's centre and are the same length in x and y:
half of the square root of the image's area is 1. It is the frame of the regression from landmarks
to annotated points, whose map has no bias and therefore needs an origin.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from warpmarks.centred import centred_to_pixels, pixels_to_centred

__all__ = ["centred_to_pixels", "pixel_centres", "pixels_to_centred", "to_normalised", "to_pixels"]


def pixel_centres(
    height: int,
    width: int,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> Float[Tensor, "height width 2"]:
    """Centres of the pixels of a height x width grid, in normalised coordinates."""
    x = (2 * torch.arange(width, dtype=dtype, device=device) + 1) / width - 1
    y = (2 * torch.arange(height, dtype=dtype, device=device) + 1) / height - 1
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)


def to_pixels(
    points: Float[Tensor, "*shape 2"], height: int, width: int
) -> Float[Tensor, "*shape 2"]:
    """Normalised coordinates to pixels of a height x width picture."""
    size = points.new_tensor([width, height])
    return ((points + 1) * size - 1) / 2


def to_normalised(
    points: Float[Tensor, "*shape 2"], height: int, width: int
) -> Float[Tensor, "*shape 2"]:
    """Pixels of a height x width picture to normalised coordinates."""
    size = points.new_tensor([width, height])
    return (2 * points + 1) / size - 1
