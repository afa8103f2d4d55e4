"""Random change of colour, so that a landmark cannot hang on one."""

import torch
from jaxtyping import Float
from torch import Tensor

from warpmarks.configuration import PhotometricConfig


def draw_colours(
    config: PhotometricConfig, count: int, generator: torch.Generator
) -> Float[Tensor, "2 batch 3 1 1"] | None:
    """Factor and offset for each image's channels, drawn on the CPU; None where nothing changes."""
    if config.contrast == config.brightness == config.colour == 0:
        return None

    def uniform(channels: int) -> Tensor:
        return 2 * torch.rand(count, channels, 1, 1, generator=generator) - 1

    factor = torch.exp(config.contrast * uniform(1) + config.colour * uniform(3))
    offset = 0.5 - 0.5 * factor + config.brightness * uniform(1)
    return torch.stack([factor, offset])


def change_colours(
    images: Float[Tensor, "batch 3 height width"],
    colours: Float[Tensor, "2 batch 3 1 1"] | None,
) -> Float[Tensor, "batch 3 height width"]:
    """Images around mid-grey stretched and shifted, cut to [0, 1] as a camera would."""
    if colours is None:
        return images
    factor, offset = colours.to(images, non_blocking=True)
    return (images * factor + offset).clamp_(0, 1)
