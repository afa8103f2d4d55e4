"""A run in one process, carried out without Lightning Fabric, whose import takes seconds."""

from typing import Any

import torch
from torch import Tensor, nn


class Alone:
    """What the run asks of Lightning Fabric, for one process on one device."""

    global_rank, local_rank, world_size, is_global_zero = 0, 0, 1, True

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def setup(self, network: nn.Module, optimiser: torch.optim.Optimizer) -> tuple[Any, Any]:
        """Both as they are."""
        return network.to(self.device), optimiser

    def backward(self, loss: Tensor) -> None:
        """Gradients of the loss."""
        loss.backward()
