"""How long work takes, and the yardstick beside which it is timed.

The yardstick is one large convolution, timed in turn with what is measured, so that what else the
machine does slows both alike: a training step is made of convolutions, and cannot be faster.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode


class Yardstick:
    """256 to 256 channels, 3 x 3, on 16 maps of 40 x 40 cells, in the faster memory layout.

    Attributes:
        run: one run.
        gflops: its rate, the best of several runs, when it was made.
    """

    OPERATIONS = 2 * 16 * 40 * 40 * 256 * 256 * 9

    def __init__(self, device: torch.device, seconds: float) -> None:
        layouts = [
            self._laid_out(layout, device)
            for layout in (torch.contiguous_format, torch.channels_last)
        ]
        taken = best_times(layouts, device, seconds)
        self.run = layouts[int(np.argmin(taken))]
        self.gflops = 1e-9 * self.OPERATIONS / min(taken)

    @staticmethod
    def _laid_out(layout: torch.memory_format, device: torch.device) -> Callable[[], Tensor]:
        layer = nn.Conv2d(256, 256, 3, padding=1).to(device)
        layer.to(memory_format=layout)  # type: ignore[call-overload]
        maps = torch.randn(16, 256, 40, 40, device=device).contiguous(memory_format=layout)
        return torch.no_grad()(partial(layer, maps))


def product_gflops(device: torch.device, seconds: float) -> float:
    """Rate of a large product of float32 matrices, in billions of operations a second."""
    side = 2048 if device.type == "cpu" else 8192
    a, b = torch.randn(2, side, side, device=device)
    return 2e-9 * side**3 / best_time(lambda: a @ b, device, seconds)


def of_convolutions(counter: FlopCounterMode) -> int:
    """Operations of the convolutions, forward and backward, alone: what the rate is compared by."""
    counts = counter.get_flop_counts()["Global"]
    return sum(count for operation, count in counts.items() if "convolution" in str(operation))


def best_time(work: Callable[[], object], device: torch.device, seconds: float) -> float:
    """Seconds of the fastest of several runs, after one to warm up."""
    return best_times([work], device, seconds)[0]


def best_times(
    works: Sequence[Callable[[], object]], device: torch.device, seconds: float
) -> list[float]:
    """Of each work, in turn with the others, for ``seconds`` in all."""
    for work in works:
        work()
    rounds: list[list[float]] = []
    began = time.perf_counter()
    while not rounds or time.perf_counter() - began < seconds:
        rounds.append([time_once(work, device) for work in works])
    return [min(taken) for taken in zip(*rounds, strict=True)]


def time_once(work: Callable[[], object], device: torch.device) -> float:
    """Seconds of one run, to the end of what it leaves to the device."""
    start = _now(device)
    work()
    return _now(device) - start


def _now(device: torch.device) -> float:
    settle(device)
    return time.perf_counter()


def settle(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
