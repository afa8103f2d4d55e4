"""Networks of a run: built from its settings, their weights in safetensors files."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from warpmarks.configuration import TrainingConfig
from warpmarks.errors import InputError
from warpmarks.network import LandmarkNetwork
from warpmarks.system.files import atomic_path


def build_network(
    config: TrainingConfig,
    generator: torch.Generator | None = None,
    *,
    num_landmarks: int | None = None,
) -> LandmarkNetwork:
    """The network of the settings with random first weights, on the CPU, channels last.

    With as many landmarks as a run of these settings keeps, if not told otherwise.
    """
    network = LandmarkNetwork(
        config.num_landmarks if num_landmarks is None else num_landmarks,
        **config.network.model_dump(),
        reference=config.looks > 1,
        generator=generator,
    )
    # torch's own types leave this way of calling it out.
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def write_tensors(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """A safetensors file with plain JSON about it in its header, whole or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    ready = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_path(path) as temporary:
        try:
            save_file(ready, temporary, {"about": json.dumps(about)})
        except SafetensorError as error:
            raise OSError(str(error)) from error


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and the JSON about them.

    Raises:
        InputError: not there, damaged, or not written by ``write_tensors``.
    """
    if not path.is_file():
        raise InputError(f"{path} is missing: the run has not come to its first checkpoint")
    try:
        with safe_open(path, framework="pt") as opened:
            about = (opened.metadata() or {}).get("about")
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        told = None if about is None else json.loads(about)
    except (SafetensorError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path} is damaged ({reason}): restore it from a copy or train again"
        ) from error
    if not isinstance(told, dict):
        raise InputError(f"{path} is a foreign weights file: expected one written by warpmarks")
    return tensors, told


def read_about(path: Path) -> dict[str, Any]:
    """The JSON in the header of a file by ``write_tensors``; empty if it cannot be read."""
    try:
        with safe_open(path, framework="pt") as opened:
            told = json.loads((opened.metadata() or {}).get("about", "{}"))
    except (SafetensorError, OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def load_weights(network: nn.Module, weights: dict[str, Tensor], path: object) -> None:
    """Load weights into a network of the same shape.

    Raises:
        InputError: they belong to another network; the first difference is named.
    """
    wanted = network.state_dict()
    for name in sorted(wanted.keys() | weights.keys()):
        found = tuple(weights[name].shape) if name in weights else "nothing"
        expected = tuple(wanted[name].shape) if name in wanted else "nothing"
        if found != expected:
            raise InputError(
                f"{path} belongs to another network: {name} is {found}, the run's settings make it "
                f"{expected}; use the weights that were written with this run.json"
            )
        if weights[name].is_floating_point() and not weights[name].isfinite().all():
            raise InputError(
                f"{path} is damaged: {name} holds values that are not numbers; restore it from a "
                "copy or train again"
            )
    network.load_state_dict(weights)


def weights_digest(network: nn.Module) -> str:
    """The digest of a network's weights."""
    return tensors_digest(network.state_dict())


def tensors_digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of weights by name: the same wherever and however often they are saved."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        values = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {values.dtype} {tuple(values.shape)}\n".encode())
        digest.update(values.numpy().tobytes())
    return digest.hexdigest()
