"""Randomness without a state: each step's draws follow from the seed and the step alone.

A run that was stopped needs no random state to go on as an unbroken one would, and every process of
a run on several devices can draw the whole batch and take its own part.
"""

import torch

from warpmarks.system.seeding import generator_of


def generator_for(seed: int, purpose: str, index: int) -> torch.Generator:
    """A CPU generator for one use of a run, e.g. the warps of step 17."""
    return generator_of(f"{seed}/{purpose}/{index}")


class ShuffledOrder:
    """Which pictures each step shows: every picture once in each epoch, in a new order."""

    def __init__(self, count: int, batch_size: int, seed: int) -> None:
        self.count, self.batch_size, self.seed = count, batch_size, seed
        self._latest = (-1, torch.empty(0, dtype=torch.long))

    def batch(self, step: int) -> torch.Tensor:
        """Indices of the pictures of step ``step``, counted from 0."""
        first = step * self.batch_size
        places = range(first, first + self.batch_size)
        return torch.stack([self._epoch_order(p // self.count)[p % self.count] for p in places])

    def _epoch_order(self, epoch: int) -> torch.Tensor:
        known, order = self._latest  # taken and put as one: threads that draw ahead share it
        if epoch != known:
            order = torch.randperm(self.count, generator=generator_for(self.seed, "order", epoch))
            self._latest = (epoch, order)
        return order
