"""Where the work is done, from the flags."""

from typing import TYPE_CHECKING

from warpmarks.cli.options import Device

if TYPE_CHECKING:
    import torch


def prepare(device: Device, threads: int | None) -> "torch.device":
    """Set the number of threads and choose the device.

    Raises:
        InputError: a GPU was asked for and there is none.
    """
    import torch

    from warpmarks.devices import choose_device

    if threads is not None:
        torch.set_num_threads(threads)
    return choose_device(device.value)
