import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tiny_runs import tiny_config, tiny_record
from warpmarks.configuration import TrainingConfig
from warpmarks.errors import InputError
from warpmarks.runs.folder import RunFolder
from warpmarks.runs.weights import build_network, read_tensors, write_tensors
from warpmarks.training.averaging import WeightAverage
from warpmarks.training.checkpoint import (
    Progressed,
    load_checkpoint,
    precision_of,
    save_checkpoint,
)
from warpmarks.training.optimiser import make_optimiser

SCHEDULE = {"best": None, "reductions": 1, "converged": False}


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    run = RunFolder(tmp_path / "run")
    run.create(tiny_record())
    return run


def new_pair(config: TrainingConfig, seed: int) -> tuple[nn.Module, torch.optim.Optimizer]:
    network = build_network(config, torch.Generator().manual_seed(seed))
    return network, make_optimiser(network, config.optimiser)


def save(
    folder: RunFolder,
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    progressed: Progressed,
    average: WeightAverage | None = None,
) -> None:
    average = average or WeightAverage(network, 0)
    save_checkpoint(folder, network, optimiser, progressed, SCHEDULE, average, "bfloat16")


def load(
    folder: RunFolder,
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    average: WeightAverage | None = None,
) -> tuple[Progressed, dict[str, Any]]:
    return load_checkpoint(folder, network, optimiser, average or WeightAverage(network, 0))


def train_steps(network: nn.Module, optimiser: torch.optim.Optimizer, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    network.train()
    for _ in range(3):
        optimiser.zero_grad()
        network(torch.rand(4, 3, 12, 20, generator=generator)).square().mean().backward()
        optimiser.step()


@pytest.mark.parametrize("decoupled", [True, False])
def test_training_goes_on_bit_for_bit(folder: RunFolder, *, decoupled: bool) -> None:
    config = tiny_config(optimiser={"decoupled": decoupled, "weight_decay": 0.1})
    network, optimiser = new_pair(config, 1)
    train_steps(network, optimiser, 1)
    save(folder, network, optimiser, Progressed(3, 1.5))
    train_steps(network, optimiser, 2)

    other, other_optimiser = new_pair(config, 2)
    progressed, schedule = load(folder, other, other_optimiser)
    assert progressed == Progressed(3, 1.5)
    assert schedule == SCHEDULE
    train_steps(other, other_optimiser, 2)
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(other.state_dict()[name], tensor, rtol=0, atol=0)


def test_layouts_in_memory_are_kept(folder: RunFolder) -> None:
    """Sums in another order would end in other bits."""
    network, optimiser = new_pair(tiny_config(), 1)
    train_steps(network, optimiser, 1)
    save(folder, network, optimiser, Progressed(3, 1.5))
    other, other_optimiser = new_pair(tiny_config(), 2)
    load(folder, other, other_optimiser)
    for before, after in zip(network.parameters(), other.parameters(), strict=True):
        assert before.stride() == after.stride()
        moments, loaded = optimiser.state[before], other_optimiser.state[after]
        assert moments["exp_avg"].stride() == loaded["exp_avg"].stride()


def test_a_checkpoint_before_the_first_step(folder: RunFolder) -> None:
    network, optimiser = new_pair(tiny_config(), 1)
    save(folder, network, optimiser, Progressed())
    other, other_optimiser = new_pair(tiny_config(), 2)
    assert load(folder, other, other_optimiser)[0] == Progressed()
    assert not other_optimiser.state


def test_what_it_was_computed_in_is_told(folder: RunFolder) -> None:
    assert precision_of(folder) is None
    network, optimiser = new_pair(tiny_config(), 1)
    save(folder, network, optimiser, Progressed(3, 1.5))
    assert precision_of(folder) == "bfloat16"
    tensors, about = read_tensors(folder.state_path)
    for told in ({}, {"precision": "float8"}, {"precision": 32}):
        others = {name: value for name, value in about.items() if name != "precision"}
        write_tensors(folder.state_path, tensors, others | told)
        assert precision_of(folder) is None


def test_weights_of_detection_are_those_of_the_state(folder: RunFolder) -> None:
    network, optimiser = new_pair(tiny_config(), 1)
    save(folder, network, optimiser, Progressed(3, 1.5))
    assert folder.weights_path.stat().st_size < folder.state_path.stat().st_size
    folder.weights_path.unlink()
    load(folder, *new_pair(tiny_config(), 2))


def test_the_average_is_what_detects_and_goes_on_too(folder: RunFolder) -> None:
    network, optimiser = new_pair(tiny_config(), 1)
    average = WeightAverage(network, 0.9)
    train_steps(network, optimiser, 1)
    average.update(3)
    save(folder, network, optimiser, Progressed(3, 1.5), average)
    saved, _ = read_tensors(folder.weights_path)
    other, other_optimiser = new_pair(tiny_config(), 2)
    other_average = WeightAverage(other, 0.9)
    load(folder, other, other_optimiser, other_average)
    weight = "layers.0.weight"
    assert not torch.equal(saved[weight], network.state_dict()[weight])
    assert torch.equal(other.state_dict()[weight], network.state_dict()[weight])
    for name, tensor in average.network.state_dict().items():
        torch.testing.assert_close(saved[name], tensor, rtol=0, atol=0)
        torch.testing.assert_close(other_average.network.state_dict()[name], tensor, rtol=0, atol=0)


def test_a_state_without_the_average_that_is_asked_for(folder: RunFolder) -> None:
    network, optimiser = new_pair(tiny_config(), 1)
    save(folder, network, optimiser, Progressed(3, 1.5))
    with pytest.raises(InputError, match="is nothing"):
        load(folder, network, optimiser, WeightAverage(network, 0.9))


@pytest.mark.parametrize("damage", ["missing", "cut off", "weights only", "another K"])
def test_a_state_that_cannot_be_gone_on_from(folder: RunFolder, damage: str) -> None:
    network, optimiser = new_pair(tiny_config(), 1)
    train_steps(network, optimiser, 1)
    save(folder, network, optimiser, Progressed(3, 1.5))
    content = folder.state_path.read_bytes()
    if damage == "missing":
        folder.state_path.unlink()
    elif damage == "cut off":
        folder.state_path.write_bytes(content[:-10])
    elif damage == "weights only":
        shutil.copy(folder.weights_path, folder.state_path)
    message = {
        "missing": "is missing",
        "cut off": "is damaged",
        "weights only": "belongs to another network",
        "another K": "belongs to another network",
    }[damage]
    config = tiny_config(num_landmarks=4 if damage == "another K" else 3)
    with pytest.raises(InputError, match=rf"training_state\.safetensors {message}"):
        load(folder, *new_pair(config, 2))


@pytest.mark.parametrize("about", [{}, {"step": 3, "seconds": 1.5, "schedule": {"lowest": 0.1}}])
def test_a_state_that_something_else_wrote_is_refused(folder: RunFolder, about: dict) -> None:
    network, optimiser = new_pair(tiny_config(), 1)
    train_steps(network, optimiser, 1)
    save(folder, network, optimiser, Progressed(3, 1.5))
    tensors, _ = read_tensors(folder.state_path)
    write_tensors(folder.state_path, tensors, about)
    with pytest.raises(InputError, match="is a foreign training state"):
        load(folder, network, optimiser)
