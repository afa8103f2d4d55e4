"""Where the arithmetic is done."""

import torch

from warpmarks.errors import InputError


def choose_device(asked: str | torch.device) -> torch.device:
    """The device that ``asked`` means; auto is a GPU where there is one, and else the CPU.

    Raises:
        InputError: no such device, or a GPU where torch sees none.
    """
    if asked == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(asked)
    except RuntimeError as error:
        raise InputError(f"--device is {asked}: expected auto, cpu or cuda") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise InputError(f"--device is {asked}, but torch sees no CUDA device: use --device cpu")
    return device
