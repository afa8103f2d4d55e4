"""In which numbers the network computes while it trains."""

from contextlib import AbstractContextManager
from typing import Literal

import torch

_PROCESSOR_CHECKS = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")


def choose_precision(
    setting: Literal["auto", "float32", "bfloat16"], device: torch.device
) -> torch.dtype:
    """The precision that the setting means on a device."""
    if setting == "auto":
        return torch.bfloat16 if has_bfloat16_arithmetic(device) else torch.float32
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[setting]


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
