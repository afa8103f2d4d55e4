"""Torch's own batch normalisation is the oracle: another way through memory, the same numbers."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close
from torch.utils._python_dispatch import TorchDispatchMode

from warpmarks.normalisation import BatchNorm2d

FEW = 5
"""Channels that fill no whole cache line."""


def layers(channels: int = FEW, dtype: torch.dtype = torch.float64) -> tuple[nn.Module, nn.Module]:
    """Torch's and ours with the same parameters, one of them negative, and the same buffers."""
    generator = torch.Generator().manual_seed(0)
    made = nn.BatchNorm2d(channels, momentum=0.3), BatchNorm2d(channels, momentum=0.3)
    with torch.no_grad():
        for values in made[0].state_dict().values():
            if values.is_floating_point():
                values.uniform_(0.5, 2, generator=generator)
        made[0].weight[-1] *= -1
    made[1].load_state_dict(made[0].state_dict())
    return made[0].to(dtype), made[1].to(dtype)


def maps(channels: int = FEW, dtype: torch.dtype = torch.float64) -> Tensor:
    """Channels of other means and variances, rows and columns that differ in number and content."""
    generator = torch.Generator().manual_seed(1)
    drawn = torch.randn(3, channels, 4, 7, dtype=torch.float64, generator=generator)
    drawn *= torch.arange(1, channels + 1)[:, None, None]
    drawn += 3 * torch.arange(7) - torch.arange(channels)[:, None, None] ** 2
    return drawn.to(dtype).contiguous(memory_format=torch.channels_last)


def trained(layer: nn.Module, images: Tensor) -> list[Tensor]:
    """Maps, all gradients, and the statistics after two steps of training."""
    found = []
    for factor in (1.0, 0.5):
        given = (factor * images).requires_grad_()
        normalised = layer(given)
        normalised.double().pow(3).mul(torch.arange(1, 8)).mean().backward()
        found += [normalised.detach(), given.grad]
    return [*found, *(each.grad for each in layer.parameters()), *layer.buffers()]


class PassesOf(TorchDispatchMode):
    """Counts how often torch's own normalisation in one go is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Callable, types: object, args=(), kwargs=None) -> object:
        if func is torch.ops.aten.native_batch_norm.default and args[5]:
            self.count += 1
        return func(*args, **kwargs or {})


@pytest.mark.parametrize("channels", [1, FEW, 20])
def test_it_trains_as_torchs_own_does(channels: int) -> None:
    torchs, ours = layers(channels)
    with PassesOf() as passes:
        found = trained(ours, maps(channels))
    assert passes.count == 0
    for value, expected in zip(found, trained(torchs, maps(channels)), strict=True):
        assert_close(value, expected, rtol=1e-10, atol=1e-10)


def test_maps_and_gradients_lie_in_memory_as_they_came() -> None:
    images = maps().requires_grad_()
    normalised = layers()[1](images)
    gradient = torch.autograd.grad(normalised.square().sum(), images)[0]
    for each in (normalised, gradient):
        assert each.is_contiguous(memory_format=torch.channels_last)


def test_what_it_gives_can_be_changed_in_place() -> None:
    found = []
    for layer in layers():
        images = maps().requires_grad_()
        rectified = layer(images).relu_()
        found.append((rectified, *torch.autograd.grad(rectified.pow(3).sum(), images)))
    assert_close(found[1], found[0], rtol=1e-10, atol=1e-10)


def test_a_gradient_that_lies_otherwise_is_taken() -> None:
    (torchs, ours), gradient = layers(), torch.randn(3, FEW, 4, 7, dtype=torch.float64)
    assert not gradient.is_contiguous(memory_format=torch.channels_last)
    found = []
    for layer in (ours, torchs):
        images = maps().requires_grad_()
        found.append(torch.autograd.grad(layer(images), images, gradient)[0])
    assert_close(*found, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("channels", "memory_format"),
    [(16, torch.channels_last), (FEW, torch.contiguous_format)],
    ids=["whole lines", "another layout"],
)
def test_torchs_own_is_taken_where_it_is_as_fast(
    channels: int, memory_format: torch.memory_format
) -> None:
    torchs, ours = layers(channels)
    images = maps(channels).contiguous(memory_format=memory_format)
    with PassesOf() as passes:
        found = ours(images)
    assert passes.count == 1
    assert_close(found, torchs(images), rtol=0, atol=0)


def test_detection_is_torchs_own() -> None:
    torchs, ours = (layer.eval() for layer in layers())
    assert_close(ours(maps()), torchs(maps()), rtol=0, atol=0)
    assert ours.state_dict().keys() == torchs.state_dict().keys()
    assert_close(ours.running_mean, torchs.running_mean, rtol=0, atol=0)


def test_bfloat16_maps_are_normalised_in_float32() -> None:
    """Their statistics and the parameters' gradients are full ones, maps rounded once."""
    _, ours = layers(dtype=torch.float32)
    exact = layers()[1]
    found = trained(ours, maps(dtype=torch.bfloat16))
    expected = trained(exact, maps(dtype=torch.bfloat16).double())
    assert found[0].dtype == found[1].dtype == torch.bfloat16
    assert_close(found[0].double(), expected[0], rtol=2**-8, atol=1e-3)
    for value, wanted in zip(found[-3:-1], expected[-3:-1], strict=True):
        assert value.dtype == torch.float32
        assert_close(value.double(), wanted, rtol=1e-5, atol=1e-5)
