"""Where the arithmetic is done."""

import torch

from warpmarks.errors import InputError


def choose_device(asked: str | torch.device) -> torch.device:
    """The device that ``asked`` means; auto is a GPU where there is one, and else the CPU.

    A GPU's float32 is made float32: see ``without_tf32``.

    Raises:
        InputError: no such device, or a GPU where torch sees none.
    """
    if asked == "auto":
        asked = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(asked)
    except (RuntimeError, TypeError) as error:
        raise InputError(f"--device is {asked}: expected auto, cpu or cuda") from error
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise InputError(
                f"--device is {asked}, but torch sees no CUDA device: use --device cpu"
            )
        without_tf32()
    elif device.type != "cpu" and not _is_there(device):
        raise InputError(f"--device is {asked}, which torch cannot use here: use --device cpu")
    return device


def _is_there(device: torch.device) -> bool:
    """Whether a device of an uncommon kind holds numbers."""
    try:
        return bool(torch.zeros(1, device=device).cpu() == 0)
    except (RuntimeError, NotImplementedError, AssertionError):
        return False


def without_tf32() -> None:
    """Have NVIDIA's libraries compute float32 in float32, for all of this process.

    By default cuDNN rounds what its convolutions multiply to 10 bits (TF32). These two switches
    hold for every release of torch that we take; of the newer ``fp32_precision`` one cannot set a
    part without that reading ``allow_tf32``, as other libraries do, raises.
    """
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
