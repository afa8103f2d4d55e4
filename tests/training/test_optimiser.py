import pytest
import torch
from torch import nn

from tiny_runs import tiny_config
from warpmarks.configuration import OptimiserConfig
from warpmarks.runs.weights import build_network
from warpmarks.training.optimiser import make_optimiser, set_learning_rate


def network_of_ones() -> nn.Module:
    network = build_network(tiny_config())
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(1.0)
    return network


def step_without_gradient(network: nn.Module, config: OptimiserConfig) -> None:
    optimiser = make_optimiser(network, config)
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step()


def test_weights_of_convolutions_decay_and_nothing_else() -> None:
    network = network_of_ones()
    step_without_gradient(network, OptimiserConfig(learning_rate=0.5, weight_decay=0.1))
    kinds = {name: module for name, module in network.named_modules()}
    for name, parameter in network.named_parameters():
        module, _, kind = name.rpartition(".")
        decays = isinstance(kinds[module], nn.Conv2d) and kind == "weight"
        expected = 1 - 0.5 * 0.1 if decays else 1.0
        torch.testing.assert_close(parameter, torch.full_like(parameter, expected))


def test_decay_inside_the_gradient_is_adam_of_2017() -> None:
    """Adam divides what is in the gradient by its size: the first step is the learning rate."""
    network = network_of_ones()
    config = OptimiserConfig(learning_rate=0.5, weight_decay=0.1, decoupled=False)
    step_without_gradient(network, config)
    weight = next(p for p in network.parameters() if p.ndim > 1)
    torch.testing.assert_close(weight, torch.full_like(weight, 0.5))


def test_every_parameter_is_trained_once() -> None:
    network = build_network(tiny_config())
    optimiser = make_optimiser(network, OptimiserConfig(beta1=0.7, beta2=0.8))
    trained = [id(p) for group in optimiser.param_groups for p in group["params"]]
    assert sorted(trained) == sorted(id(p) for p in network.parameters())
    assert [group["betas"] for group in optimiser.param_groups] == [(0.7, 0.8)] * 2


def test_the_learning_rate_is_set_for_all() -> None:
    optimiser = make_optimiser(build_network(tiny_config()), OptimiserConfig())
    set_learning_rate(optimiser, 0.125)
    assert [group["lr"] for group in optimiser.param_groups] == [pytest.approx(0.125)] * 2
