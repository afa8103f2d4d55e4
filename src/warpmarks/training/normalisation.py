"""Batch normalisation over the whole batch of a step, however many processes share it.

Where each process normalises its part with that part's own statistics, the network is another one
for each number of processes, and a worse one the smaller the parts are. Here each process tells the
others the mean and the variance of its part, all normalise with those of the whole batch, and the
gradient goes back the same way: the run is that of one process, to rounding.
"""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional as F


def share_statistics(network: nn.Module) -> nn.Module:
    """The network with every batch normalisation over all processes, which all must call alike.

    Parameters, buffers and their names are as before: weights go with any number of processes.
    """
    for module in network.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = SharedBatchNorm2d
    return network


class SharedBatchNorm2d(nn.BatchNorm2d):
    """While it trains, mean and variance are those of the inputs of all processes, equally many.

    Torch's `SyncBatchNorm` allows for parts of several sizes, for which the CPU waits for the GPU
    in each forward pass, and does nothing on CPUs.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Normalised maps of this process's images."""
        if not self.training:
            return super().forward(input)
        normalised, mean, variance, count = _Normalised.apply(
            input, self.weight, self.bias, self.eps
        )
        self._follow(mean, variance, count)
        return normalised

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Have the statistics that detection normalises with follow, as torch does."""
        assert self.momentum is not None
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (count / max(1, count - 1)), self.momentum)


class _Normalised(torch.autograd.Function):
    """(maps - mean) / deviation * weight + bias over all processes; with mean, variance, count."""

    @staticmethod
    def forward(
        ctx: Any, maps: Tensor, weight: Tensor, bias: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor, int]:
        processes = dist.get_world_size()
        # Torch's own pass for this, as var_mean takes twenty times as long on channels-last maps;
        # its answer has the type of what it would update.
        unused = weight.new_zeros(2, len(weight))
        mine = torch.stack(torch.batch_norm_update_stats(maps, unused[0], unused[1], 0.0))
        everyone = [torch.empty_like(mine) for _ in range(processes)]
        dist.all_gather(everyone, mine)
        means, variances = torch.stack(everyone, dim=1)
        mean = means.mean(0)
        # The variance of the whole: within the parts, and between them.
        variance = (variances + (means - mean).square()).mean(0)
        count = processes * maps.numel() // len(mean)
        ctx.save_for_backward(maps, weight, mean, variance)
        ctx.eps, ctx.count = eps, count
        ctx.mark_non_differentiable(mean, variance)
        normalised = F.batch_norm(maps, mean, variance, weight, bias, False, 0.0, eps)
        return normalised, mean, variance, count

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, Tensor, Tensor, None]:
        maps, weight, mean, variance = ctx.saved_tensors
        # As if mean and variance were constants, which gives the two sums that they add. Of a batch
        # nothing was kept, which CUDA must be told by empty tensors: none at all is an error there.
        kept = weight.new_empty(0)
        of_maps, of_weight, of_bias = torch.ops.aten.native_batch_norm_backward(
            gradients[0], maps, weight, mean, variance, kept, kept, False, ctx.eps, [True] * 3
        )
        sums = torch.stack([of_weight, of_bias])
        dist.all_reduce(sums)
        through_deviation, through_mean = sums / ctx.count
        inverse = (variance + ctx.eps).rsqrt()
        slope = -weight * inverse.square() * through_deviation
        level = -weight * inverse * through_mean - slope * mean
        of_maps += torch.addcmul(level[:, None, None], maps, slope[:, None, None])
        return of_maps, of_weight, of_bias, None
