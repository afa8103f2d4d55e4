"""A folded network for a CPU: the same probability maps, with fewer passes over memory.

Convolutions are two thirds of a detection; the rest goes through maps of megabytes and computes
little. What can be had from a convolution without a pass of its own is: each module here takes the
place of some of the network's and gives what they gave, to rounding. Exported graphs keep the plain
layers, of which other tools know more.
"""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import skip_init


def in_fewer_passes(network: nn.Module) -> nn.Module:
    """The network itself, in evaluation mode and folded, with layers put together."""
    for module in list(network.modules()):
        if not isinstance(module, nn.Sequential):
            continue
        layers = [
            (index, layer)
            for index, layer in enumerate(module)
            if not isinstance(layer, nn.Identity)
        ]
        for (at, first), (after, second) in pairwise(layers):
            if isinstance(first, nn.Conv2d) and _halves(second) and first.dilation == (1, 1):
                module[at], module[after] = PooledConvolution(first), nn.Identity()
        at, last = layers[-1]
        if isinstance(last, nn.Conv2d) and last.kernel_size == (1, 1):
            module[at] = ScoresByMap(last)
    return network.eval().requires_grad_(False)


def _halves(layer: nn.Module) -> bool:
    return isinstance(layer, nn.MaxPool2d) and (layer.kernel_size, layer.stride) == (2, 2)


class PooledConvolution(nn.Module):
    """A convolution and the 2 x 2 max-pool after it.

    The four cells of which the largest is kept are four channels of one convolution that takes
    steps of two, whose kernel is larger by one, with zeros. That is 1.4 times the arithmetic of a
    first layer, which of 20 channels fills vectors badly; of four times 20 it fills them, and takes
    no longer; and the largest of four channels is found faster than the largest of four cells.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        filters, inputs, height, width = convolution.weight.shape
        self.filters = filters
        self.of_four = skip_init(
            nn.Conv2d,
            inputs,
            4 * filters,
            (height + 1, width + 1),
            stride=2,
            padding=convolution.padding,
            padding_mode=convolution.padding_mode,
            bias=convolution.bias is not None,
        )
        weights = convolution.weight.new_zeros(2, 2, filters, inputs, height + 1, width + 1)
        for down, across in ((0, 0), (0, 1), (1, 0), (1, 1)):
            weights[down, across, :, :, down : down + height, across : across + width] = (
                convolution.weight
            )
        self.of_four.weight = nn.Parameter(weights.flatten(0, 2))
        if convolution.bias is not None:
            self.of_four.bias = nn.Parameter(convolution.bias.repeat(4))

    def forward(
        self, maps: Float[Tensor, "batch channels rows columns"]
    ) -> Float[Tensor, "batch filters half_rows half_columns"]:
        """The largest of each four cells of the convolution."""
        upper, lower = self.of_four(maps).split(2 * self.filters, dim=1)
        left, right = torch.maximum(upper, lower, out=upper).split(self.filters, dim=1)
        return torch.maximum(left, right)


class ScoresByMap(nn.Module):
    """The last 1 x 1 convolution, as a matrix product that writes one map after the other.

    So the softmax over each map's cells finds them beside one another, and need not first put them
    there. It sees no difference where a number is added to all of a map: the bias is left out.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.weight = nn.Parameter(convolution.weight.flatten(1))

    def forward(
        self, features: Float[Tensor, "batch channels rows columns"]
    ) -> Float[Tensor, "batch k rows columns"]:
        """The score maps, each to a number that is added to all of it."""
        cells = features.permute(0, 2, 3, 1).flatten(1, 2).transpose(1, 2)
        weight = self.weight.expand(features.shape[0], -1, -1)
        return torch.bmm(weight, cells).unflatten(2, features.shape[2:])
