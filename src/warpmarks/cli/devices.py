"""Where the work is done, from the flags."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from warpmarks.cli.options import Device

if TYPE_CHECKING:
    import torch


def prepare(device: Device, threads: int | None) -> "torch.device":
    """Choose the device, set the number of threads, and have freed memory kept.

    Raises:
        InputError: a GPU was asked for and there is none.
    """
    from warpmarks.system.devices import choose_device
    from warpmarks.system.memory import keep_freed_memory
    from warpmarks.system.threads import choose_threads

    where = choose_device(device.value)
    choose_threads(threads)
    keep_freed_memory()
    return where


def settling() -> Callable[[], None]:
    """What waits until a GPU has done what it was given; where there is none it does nothing."""
    import torch

    return torch.cuda.synchronize if torch.cuda.is_available() else lambda: None
