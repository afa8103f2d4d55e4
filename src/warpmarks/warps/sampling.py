"""A picture seen through a warp: inverse image warping, (I o g)(v) = I(g(v))."""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F


def sample(
    pictures: Float[Tensor, "batch channels height width"],
    points: Float[Tensor, "batch rows columns 2"],
) -> Float[Tensor, "batch channels rows columns"]:
    """Bilinear values of pictures at points, given in normalised coordinates of the pictures.

    Outside a picture it goes on as its mirror image: no edge comes into view there, which a
    detector would take for a landmark.
    """
    return F.grid_sample(
        pictures, points.to(pictures.dtype), padding_mode="reflection", align_corners=False
    )


def sample_view(
    pictures: Float[Tensor, "batch channels height width"],
    points: Float[Tensor, "batch rows columns 2"],
    margin: float,
) -> Float[Tensor, "batch channels rows columns"]:
    """Values of pictures at points of the view, which lies ``margin`` inside their edges."""
    return sample(pictures, view_to_picture(points, margin))


def picture_to_view(points: Float[Tensor, "*shape 2"], margin: float) -> Float[Tensor, "*shape 2"]:
    """Normalised coordinates of the picture to those of the view."""
    return points / (1 - 2 * margin)


def view_to_picture(points: Float[Tensor, "*shape 2"], margin: float) -> Float[Tensor, "*shape 2"]:
    """Normalised coordinates of the view to those of the picture."""
    return points * (1 - 2 * margin)


def to_float_images(
    pictures: UInt8[Tensor, "batch height width 3"], device: torch.device | str | None = None
) -> Float[Tensor, "batch 3 height width"]:
    """Bytes to [0, 1], laid out channels last in memory."""
    on_device = pictures.to(device, non_blocking=True)
    return on_device.permute(0, 3, 1, 2).to(torch.float32).div_(255)
