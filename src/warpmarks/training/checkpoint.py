"""What training goes on from: network, average, optimiser, schedule in one file, never a pickle."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import torch
from torch import Tensor, nn

from warpmarks.errors import InputError
from warpmarks.network import LandmarkNetwork
from warpmarks.runs.folder import RunFolder
from warpmarks.runs.weights import load_weights, read_about, read_tensors, write_tensors
from warpmarks.system.parallel import processors
from warpmarks.training.averaging import WeightAverage
from warpmarks.training.precision import Precision
from warpmarks.training.schedule import ScheduleState


@dataclass
class Progressed:
    """How far a run has come.

    Attributes:
        step: steps done.
        seconds: of training and evaluation.
        chosen: the candidates that the run keeps, ascending; None where they are not chosen yet, or
            all are kept.
    """

    step: int = 0
    seconds: float = 0.0
    chosen: tuple[int, ...] | None = None


def save_checkpoint(
    folder: RunFolder,
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    progressed: Progressed,
    schedule: dict[str, Any],
    average: WeightAverage,
    precision: str,
    landmarks: Sequence[int] | None = None,
) -> None:
    """Write the weights for detection and the state to go on from, each whole or not at all.

    The weights for detection are the averaged ones, of these landmarks if not of all; no time is in
    their file, so that equal weights are equal files.
    """
    about = {
        "step": progressed.step,
        "seconds": progressed.seconds,
        "chosen": progressed.chosen,
        "threads": torch.get_num_threads(),
        "precision": precision,
    }
    weights = average.network.state_dict()
    state = {f"network/{name}": tensor for name, tensor in network.state_dict().items()}
    if average.decay:
        state |= {f"average/{name}": tensor for name, tensor in weights.items()}
    for index, values in optimiser.state_dict()["state"].items():
        for name, value in values.items():
            state[f"optimiser/{index}/{name}"] = torch.as_tensor(value)
    write_tensors(folder.state_path, state, {**about, "schedule": schedule})
    if landmarks is not None:
        assert isinstance(average.network, LandmarkNetwork)
        weights = average.network.state_of(landmarks)
    write_tensors(folder.weights_path, weights, {"step": progressed.step})
    folder.drop_replaced()


def load_checkpoint(
    folder: RunFolder,
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    average: WeightAverage,
) -> tuple[Progressed, dict[str, Any]]:
    """Bring all to the last checkpoint; how far it was, and the schedule's state.

    Raises:
        InputError: no checkpoint, a damaged or foreign one, or one of another network.
    """
    tensors, about = read_tensors(folder.state_path)
    load_weights(network, _part(tensors, "network"), folder.state_path)
    if average.decay:
        load_weights(average.network, _part(tensors, "average"), folder.state_path)
    try:
        return _load_optimiser(optimiser, tensors, about)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise InputError(
            f"{folder.state_path} is a foreign training state ({error!r}): "
            "start anew with --overwrite"
        ) from error


def threads_of(folder: RunFolder) -> int | None:
    """How many threads the last checkpoint was computed with, if this process may use as many.

    With another number sums are rounded otherwise, and the run would not end as an unbroken one.
    """
    if not folder.state_path.exists():
        return None
    threads = read_about(folder.state_path).get("threads")
    return threads if isinstance(threads, int) and 1 <= threads <= processors() else None


def precision_of(folder: RunFolder) -> Precision | None:
    """The precision that the last checkpoint was computed in, None where there is none."""
    if not folder.state_path.exists():
        return None
    told = read_about(folder.state_path).get("precision")
    return next((name for name in get_args(Precision) if name == told), None)


def _part(tensors: dict[str, Tensor], kind: str) -> dict[str, Tensor]:
    start = f"{kind}/"
    return {
        name.removeprefix(start): tensor
        for name, tensor in tensors.items()
        if name.startswith(start)
    }


def _load_optimiser(
    optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor], about: dict[str, Any]
) -> tuple[Progressed, dict[str, Any]]:
    shapes = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    states: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        kind, _, rest = name.partition("/")
        if kind == "optimiser":
            index, _, key = rest.partition("/")
            states.setdefault(int(index), {})[key] = _laid_out_as(shapes[int(index)], tensor)
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": states, "param_groups": groups})
    ScheduleState(**about["schedule"])
    chosen = about.get("chosen")
    progressed = Progressed(about["step"], about["seconds"], chosen and tuple(chosen))
    return progressed, about["schedule"]


def _laid_out_as(parameter: Tensor, tensor: Tensor) -> Tensor:
    if tensor.shape != parameter.shape:
        return tensor
    return torch.empty_like(parameter).copy_(tensor)
