"""A landmark network that sees the whole object: images to score maps through several resolutions.

The paper's six convolutions see some 50 pixels of the view. Where an object is larger than that and
its parts look alike, the eyes of a cat, say, no cell knows which of them it is on. Here the first
map is halved again and again and brought up to its own size, each time joined with what was there
at that resolution (Ronneberger et al. 2015): the way down says where on the object a cell is, the
way across says exactly where in the image. The two are added, not concatenated, which costs a
fraction of the arithmetic.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from warpmarks.network.layers import PaddingMode, block, convolution, initialise, standardised


class UNet(nn.Module):
    """Psi: (B, 3, H, W) images in [0, 1] to (B, K, H/2, W/2) score maps, any real numbers.

    Args:
        num_landmarks: K.
        widths: channels at each resolution: of the image, of the score maps, and below.
        padding: what stands beyond the maps' edges.
        score_scale: factor on the scores.
        generator: draws the initial weights, normal with variance 2 / fan_in.

    Raises:
        ValueError: fewer than two resolutions.
    """

    def __init__(
        self,
        num_landmarks: int,
        *,
        widths: Sequence[int] = (16, 48, 64, 96, 128),
        padding: PaddingMode = "replicate",
        score_scale: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if len(widths) < 2:
            raise ValueError(f"a U-shaped network needs two resolutions, got {len(widths)}")
        self.score_scale = score_scale
        at_image, at_maps, *below = widths
        self.image = block(3, at_image, 5, padding=padding)
        self.maps = block(at_image, at_maps, 5, padding=padding)
        above = [at_maps, *below[:-1]]
        self.down = nn.ModuleList(
            nn.Sequential(
                block(upper, lower, 3, padding=padding), block(lower, lower, 3, padding=padding)
            )
            for upper, lower in zip(above, below, strict=True)
        )
        self.up = nn.ModuleList(
            _Join(upper, lower, padding=padding) for upper, lower in zip(above, below, strict=True)
        )
        self.last = convolution(at_maps, num_landmarks, 1, padding=padding, bias=True)
        initialise(self, generator)

    def forward(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch landmarks rows columns"]:
        """Score maps Psi(x) of images."""
        maps = self.maps(F.max_pool2d(self.image(standardised(images)), 2))
        across = []
        for down in self.down:
            across.append(maps)
            maps = down(F.max_pool2d(maps, 2, ceil_mode=True))
        for join in reversed(self.up):
            maps = join(across.pop(), maps)
        score_maps: Tensor = self.last(maps)
        return score_maps * self.score_scale


class _Join(nn.Module):
    """Maps of one resolution with those of the next lower one: brought to its size and added."""

    def __init__(self, upper: int, lower: int, *, padding: PaddingMode) -> None:
        super().__init__()
        self.across = block(upper, upper, 1, padding=padding)
        self.from_below = block(lower, upper, 1, padding=padding)
        self.joined = block(upper, upper, 3, padding=padding)

    def forward(self, maps: Tensor, below: Tensor) -> Tensor:
        size = maps.shape[-2:]
        # Fewer channels first: the order changes no value but the cost of bringing them up.
        brought_up = F.interpolate(
            self.from_below(below), size=size, mode="bilinear", align_corners=False
        )
        joined: Tensor = self.joined(self.across(maps) + brought_up)
        return joined
