"""The average of a network's weights over its last steps: what a run measures and detects with.

Each step's weights still tremble by the learning rate; their exponential moving average does not,
and it is good long before the rate has come down.
"""

import copy

import torch
from torch import nn

SOONER = 10
"""In the first steps the average is over a tenth of those there were, so that it forgets them."""


class WeightAverage:
    """Follows a network as it trains.

    Args:
        network: what to follow.
        decay: share of the average that stays at each step: 0.995 averages over about the last 200
            steps. 0 keeps no copy: ``network`` then is the one that trains.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self._followed = network
        self.network = copy.deepcopy(network) if decay else network

    @torch.no_grad()
    def update(self, steps: int) -> None:
        """Take in the weights after a step; ``steps`` is how many there were."""
        if not self.decay:
            return
        share = 1 - min(self.decay, steps / (steps + SOONER))
        new, kept = self._followed.state_dict(), self.network.state_dict()
        means = [name for name, tensor in kept.items() if tensor.is_floating_point()]
        torch._foreach_lerp_([kept[name] for name in means], [new[name] for name in means], share)
        for name in kept.keys() - means:
            kept[name].copy_(new[name])
