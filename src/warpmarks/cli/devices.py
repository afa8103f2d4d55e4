"""Where the work is done, from the flags."""

from warpmarks.cli.options import Device
from warpmarks.errors import InputError


def prepare(device: Device, threads: int | None) -> str:
    """Set the number of threads and name the device.

    Raises:
        InputError: a GPU was asked for and there is none.
    """
    import torch

    if threads is not None:
        torch.set_num_threads(threads)
    if device is Device.CUDA and not torch.cuda.is_available():
        raise InputError("--device is cuda, but torch sees no CUDA device: use --device cpu")
    return device.value
