"""Batch normalisation over the whole batch of a step, however many processes share it.

Where each process normalises its part with that part's own statistics, the network is another one
for each number of processes, and a worse one the smaller the parts are. Here each process tells the
others the mean and the variance of its part, all normalise with those of the whole batch, and the
gradient goes back the same way: the run is that of one process, to rounding.
"""

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor, nn

from warpmarks.normalisation import Alone, BatchNorm2d, moments_of_parts


def share_statistics(network: nn.Module) -> nn.Module:
    """The network with every batch normalisation over all processes, which all must call alike.

    Parameters, buffers and their names are as before: weights go with any number of processes.
    """
    for module in network.modules():
        if type(module) in {nn.BatchNorm2d, BatchNorm2d}:
            module.__class__ = SharedBatchNorm2d
    return network


class SharedBatchNorm2d(BatchNorm2d):
    """While it trains, mean and variance are those of the inputs of all processes, equally many.

    Torch's `SyncBatchNorm` allows for parts of several sizes, for which the CPU waits for the GPU
    in each forward pass, and does nothing on CPUs.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Normalised maps of this process's images."""
        if not self.training:
            return super().forward(input)
        return self.normalise(input, AllProcesses())


class AllProcesses(Alone):
    """Each process has an equal part of the batch."""

    def moments(
        self, mean: Float[Tensor, " channels"], variance: Float[Tensor, " channels"]
    ) -> tuple[Float[Tensor, " channels"], Float[Tensor, " channels"], int]:
        """Mean and variance of the whole batch from those of this process, and how many share."""
        mine = torch.stack([mean, variance])
        everyone = [torch.empty_like(mine) for _ in range(dist.get_world_size())]
        dist.all_gather(everyone, mine)
        means, variances = torch.stack(everyone, dim=1)
        return *moments_of_parts(means, variances), len(everyone)

    def add(self, sums: Float[Tensor, "some channels"]) -> Float[Tensor, "some channels"]:
        """Each sum over the whole batch, from those of this process."""
        dist.all_reduce(sums)
        return sums
