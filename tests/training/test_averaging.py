import torch
from torch import nn
from torch.testing import assert_close

from warpmarks.training.averaging import SOONER, WeightAverage


def network(value: float) -> nn.Module:
    made = nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1))
    for tensor in made.state_dict().values():
        tensor.fill_(int(value) if not tensor.is_floating_point() else value)
    return made


def fill(made: nn.Module, value: float) -> None:
    for tensor in made.state_dict().values():
        tensor.fill_(value)


def test_the_average_is_the_sum_that_it_stands_for():
    trained = network(5.0)
    average = WeightAverage(trained, 0.75)
    expected = torch.tensor(5.0)
    for step, value in enumerate([1.0, 4.0, -2.0, 8.0, 3.0] * 10, start=1):
        fill(trained, value)
        average.update(step)
        decay = min(0.75, step / (step + SOONER))
        expected = decay * expected + (1 - decay) * value
        for name, tensor in average.network.state_dict().items():
            if tensor.is_floating_point():
                assert_close(tensor, expected.expand_as(tensor), msg=name)
            else:
                assert tensor == int(value)


def test_after_ten_steps_the_average_is_half_of_what_it_was():
    trained = network(1.0)
    average = WeightAverage(trained, 0.999)
    fill(trained, 3.0)
    average.update(10)
    assert_close(average.network.state_dict()["0.weight"], torch.full((1, 2), 2.0))


def test_the_first_steps_are_soon_forgotten():
    trained = network(100.0)
    average = WeightAverage(trained, 0.999)
    fill(trained, 1.0)
    for step in range(1, 101):
        average.update(step)
    assert average.network.state_dict()["0.weight"].max() < 1.01


def test_without_decay_it_is_the_network_itself():
    trained = network(2.0)
    average = WeightAverage(trained, 0.0)
    fill(trained, 7.0)
    average.update(1)
    assert average.network is trained


def test_training_does_not_change_the_average_by_itself():
    trained = network(2.0)
    average = WeightAverage(trained, 0.5)
    fill(trained, 7.0)
    assert average.network.state_dict()["0.weight"].max() == 2.0
