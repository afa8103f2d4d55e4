"""What every landmark network is made of."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

MEAN, DEVIATION = 0.45, 0.25
"""Images in [0, 1] are brought to about zero mean and unit variance with these."""

PaddingMode = Literal["replicate", "reflect", "zeros"]


def standardised(
    images: Float[Tensor, "batch 3 height width"],
) -> Float[Tensor, "batch 3 height width"]:
    """Images in [0, 1] as networks take them."""
    return (images - MEAN) / DEVIATION


def convolution(
    inputs: int,
    outputs: int,
    kernel: int,
    *,
    padding: PaddingMode,
    dilation: int = 1,
    bias: bool = False,
) -> nn.Conv2d:
    """A convolution whose maps keep their size.

    Zeros beyond the edge tell each cell how far it is from there, and landmarks then settle at
    fixed places of the image instead of on the object: edges are best replicated.

    Raises:
        ValueError: an even kernel.
    """
    if kernel % 2 == 0:
        raise ValueError(f"kernels must be odd, got {kernel}")
    return nn.Conv2d(
        inputs,
        outputs,
        kernel,
        padding=dilation * (kernel // 2),
        dilation=dilation,
        # PyTorch copies the maps even to pad them by nothing.
        padding_mode=padding if kernel > 1 else "zeros",
        bias=bias,
    )


def block(inputs: int, outputs: int, kernel: int, *, padding: PaddingMode) -> nn.Sequential:
    """Convolution, batch normalisation and ReLU (sec. 4.1)."""
    return nn.Sequential(
        convolution(inputs, outputs, kernel, padding=padding),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


@torch.no_grad()
def initialise(network: nn.Module, generator: torch.Generator | None) -> None:
    """Gaussian weights (sec. 4.1), of a size that keeps the variance through ReLUs."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            if module.bias is not None:
                module.bias.zero_()
