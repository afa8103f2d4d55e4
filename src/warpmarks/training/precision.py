"""In which numbers the network computes while it trains."""

import time
from contextlib import AbstractContextManager
from typing import Literal

import torch
from torch.nn import functional as F

from warpmarks.system.trials import middle_seconds

Precision = Literal["float32", "bfloat16"]

GAIN = 0.95
"""bfloat16 is taken only if it needs less than this share of the time of float32."""

_PROCESSOR_CHECKS = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
_TYPES: dict[Precision, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def choose_precision(setting: Literal["auto"] | Precision, device: torch.device) -> torch.dtype:
    """The precision that the setting means on a device.

    auto is bfloat16 where the device multiplies it in hardware; on a CPU a short trial must find it
    faster as well. Some processors have instructions that multiply bfloat16 at half the rate of
    float32.
    """
    if setting != "auto":
        return _TYPES[setting]
    if not has_bfloat16_arithmetic(device):
        return torch.float32
    return torch.bfloat16 if device.type == "cuda" or _is_faster() else torch.float32


def name_of(precision: torch.dtype) -> Precision:
    """What the setting calls it."""
    return next(name for name, dtype in _TYPES.items() if dtype == precision)


def has_bfloat16_arithmetic(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 in hardware; others only imitate it, slowly."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    # Not every release of torch asks the processor for each of these.
    asked = (getattr(torch.cpu, name, None) for name in _PROCESSOR_CHECKS)
    return any(check() for check in asked if check is not None)


def arithmetic(precision: torch.dtype, device: torch.device) -> AbstractContextManager[object]:
    """Within it convolutions compute in ``precision``; with float32 nothing changes."""
    return torch.autocast(device.type, dtype=precision, enabled=precision != torch.float32)


def _is_faster() -> bool:
    """Whether the processor is faster with bfloat16, on as many threads as it is given."""
    seconds = middle_seconds(_TYPES, _trial)
    return seconds["bfloat16"] < GAIN * seconds["float32"]


@torch.enable_grad()
def _trial(name: Precision) -> float:
    """Seconds of work like a training step's: a convolution, and maps gone through, and back."""
    maps = torch.ones(8, 64, 40, 40).contiguous(memory_format=torch.channels_last).requires_grad_()
    weights = torch.ones(64, 64, 3, 3, requires_grad=True)
    began = time.perf_counter()
    with arithmetic(_TYPES[name], torch.device("cpu")):
        found = F.relu(F.batch_norm(F.conv2d(maps, weights, padding=1), None, None, training=True))
    torch.autograd.grad(found.sum(), (maps, weights))
    return time.perf_counter() - began
