"""A trained network made simpler for detection: the same maps from fewer and plainer layers."""

import copy
from itertools import pairwise

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from warpmarks.network import BesideCoarse


def folded(network: nn.Module) -> nn.Module:
    """A copy in which each convolution does the work of the normalisation that follows it.

    At detection normalisation is a factor and an offset for each channel, which the convolution's
    weights can hold. The network must be in evaluation mode; one without such pairs is copied.

    The convolution that sees coarse maps becomes one of the maps and one of the coarse ones, each
    with weights of its own, as other tools expect of a convolution.
    """
    quick = copy.deepcopy(network)
    for module in list(quick.modules()):
        if not isinstance(module, nn.Sequential):
            continue
        for index, (first, second) in enumerate(pairwise(list(module))):
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                module[index] = fuse_conv_bn_eval(first, second)
                module[index + 1] = nn.Identity()
        for index, layer in enumerate(module):
            if isinstance(layer, BesideCoarse):
                module[index] = layer.apart()
    return quick.eval().requires_grad_(False)
