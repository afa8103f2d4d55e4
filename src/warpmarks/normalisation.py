"""Batch normalisation whose passes over the maps share the work well among a CPU's threads.

Torch's own adds up each thread's part of a channels-last batch in a row of one buffer, a number for
each channel. Where that is no whole number of cache lines, two threads write to the same line and
wait for each other: of 20 channels two threads take longer than one. Here a row of cells is gone
through as if it were one cell with the channels of all; at the end each channel's are put together.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

IN_A_LINE = 16
"""float32 numbers in a cache line of most processors."""


class Alone:
    """The maps of one process are the whole batch."""

    def moments(
        self, mean: Float[Tensor, " channels"], variance: Float[Tensor, " channels"]
    ) -> tuple[Float[Tensor, " channels"], Float[Tensor, " channels"], int]:
        """Mean and variance of the whole batch from those of this process, and how many share."""
        return mean, variance, 1

    def add(self, sums: Float[Tensor, "some channels"]) -> Float[Tensor, "some channels"]:
        """Each sum over the whole batch, from those of this process."""
        return sums


class BatchNorm2d(nn.BatchNorm2d):
    """As torch's, to rounding, with parameters and buffers of the same names."""

    def forward(self, input: Float[Tensor, "batch channels rows columns"]) -> Tensor:
        """Normalised maps."""
        lines = self.num_features % IN_A_LINE == 0
        if lines or not self.training or not _in_rows(input):
            return super().forward(input)
        return self.normalise(input, Alone())

    def normalise(
        self, maps: Float[Tensor, "batch channels rows columns"], sharing: Alone
    ) -> Float[Tensor, "batch channels rows columns"]:
        """Maps normalised by the whole batch's statistics, which those of detection follow."""
        normalised, mean, variance, count = _Normalised.apply(
            maps, self.weight, self.bias, self.eps, sharing
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
    """(maps - mean) / deviation * weight + bias of a batch; with mean, variance, count."""

    @staticmethod
    def forward(
        ctx: Any, maps: Tensor, weight: Tensor, bias: Tensor, eps: float, sharing: Alone
    ) -> tuple[Tensor, Tensor, Tensor, int]:
        wide, times = _widened(maps)
        # Torch's own pass for this, as var_mean takes twenty times as long on channels-last maps;
        # its answer has the type of what it would update.
        unused = weight.new_zeros(2, times * len(weight))
        parts = torch.batch_norm_update_stats(wide, unused[0], unused[1], 0.0)
        mine = moments_of_parts(*(part.view(times, -1) for part in parts))
        mean, variance, processes = sharing.moments(*mine)
        count = processes * maps.numel() // len(mean)
        ctx.save_for_backward(maps, weight, mean, variance)
        ctx.eps, ctx.count, ctx.sharing = eps, count, sharing
        ctx.mark_non_differentiable(mean, variance)
        of_all = torch.stack([mean, variance, weight, bias]).repeat(1, times)
        normalised = F.batch_norm(wide, of_all[0], of_all[1], of_all[2], of_all[3], eps=eps)
        return _narrowed(normalised, maps), mean, variance, count

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, Tensor, Tensor, None, None]:
        maps, weight, mean, variance = ctx.saved_tensors
        wide, times = _widened(maps)
        gradient = gradients[0]
        if times > 1:
            gradient, _ = _widened(gradient.contiguous(memory_format=torch.channels_last))
        # As if mean and variance were constants, which gives the two sums that they add. Of a batch
        # nothing was kept, which CUDA must be told by empty tensors: none at all is an error there.
        kept = weight.new_empty(0)
        factors = (each.repeat(times) for each in (weight, mean, variance))
        of_maps, *parts = torch.ops.aten.native_batch_norm_backward(
            gradient, wide, *factors, kept, kept, False, ctx.eps, [True] * 3
        )
        of_weight, of_bias = (part.view(times, -1).sum(0) for part in parts)
        sums = ctx.sharing.add(torch.stack([of_weight, of_bias]))
        through_deviation, through_mean = sums / ctx.count
        inverse = (variance + ctx.eps).rsqrt()
        slope = -weight * inverse.square() * through_deviation
        level = -weight * inverse * through_mean - slope * mean
        of_maps += _line(wide, slope.repeat(times), level.repeat(times))
        return _narrowed(of_maps, maps), of_weight, of_bias, None, None


def _in_rows(maps: Tensor) -> bool:
    """Whether the channels of a row's cells lie one after the other in a CPU's memory."""
    return maps.device.type == "cpu" and maps.is_contiguous(memory_format=torch.channels_last)


def _widened(
    maps: Float[Tensor, "batch channels rows columns"],
) -> tuple[Float[Tensor, "batch wide rows some"], int]:
    """The same memory with a row's cells as one, and how many times each channel is there."""
    if not _in_rows(maps):
        return maps, 1
    batch, channels, rows, columns = maps.shape
    wide = maps.permute(0, 2, 3, 1).reshape(batch, rows, 1, columns * channels)
    return wide.permute(0, 3, 1, 2), columns


def _narrowed(wide: Tensor, like: Tensor) -> Tensor:
    """Widened maps in the shape that they had.

    No view of them, which nothing could change in place, as a rectifier does.
    """
    if wide.shape == like.shape:
        return wide
    same_memory = wide.untyped_storage(), wide.storage_offset()
    return like.new_empty(0).set_(*same_memory, like.shape, like.stride())


def moments_of_parts(
    means: Float[Tensor, "parts channels"], variances: Float[Tensor, "parts channels"]
) -> tuple[Float[Tensor, " channels"], Float[Tensor, " channels"]]:
    """Mean and variance of equal parts together: within the parts, and between them."""
    mean = means.mean(0)
    return mean, (variances + (means - mean).square()).mean(0)


def _line(maps: Tensor, slope: Tensor, level: Tensor) -> Tensor:
    """Each channel times its slope, plus its level; in float32 whatever type the maps have."""
    return F.batch_norm(maps, torch.zeros_like(slope), torch.ones_like(slope), slope, level, eps=0)
