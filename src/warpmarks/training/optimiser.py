"""Adam, and what decays: weights of convolutions, not biases, not normalisation (sec. 4.1)."""

import torch
from torch import nn

from warpmarks.configuration import OptimiserConfig


def make_optimiser(network: nn.Module, config: OptimiserConfig) -> torch.optim.Optimizer:
    """Adam with eq. 9's regulariser inside its gradient, or beside its step if ``decoupled``."""
    decaying = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    kind = torch.optim.AdamW if config.decoupled else torch.optim.Adam
    return kind(
        [
            {"params": decaying, "weight_decay": config.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ],
        lr=config.learning_rate,
        betas=(config.beta1, config.beta2),
        fused=True,
    )


def set_learning_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """The same rate for everything."""
    for group in optimiser.param_groups:
        group["lr"] = rate
