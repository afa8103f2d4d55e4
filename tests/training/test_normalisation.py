"""Processes are played by threads: each has its rank, and they wait for each other."""

import copy
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.testing import assert_close
from torch.utils._python_dispatch import TorchDispatchMode

from warpmarks.training import normalisation
from warpmarks.training.normalisation import SharedBatchNorm2d, share_statistics

PROCESSES = 3


class Threads:
    """The part of torch.distributed that is used, among threads."""

    def __init__(self) -> None:
        self.local = threading.local()
        self.barrier = threading.Barrier(PROCESSES, timeout=20)
        self.sent: list[Tensor] = [torch.empty(0)] * PROCESSES

    def get_world_size(self) -> int:
        return PROCESSES

    def all_gather(self, everyone: list[Tensor], mine: Tensor) -> None:
        self.sent[self.local.rank] = mine.clone()
        self.barrier.wait()
        for kept, sent in zip(everyone, self.sent, strict=True):
            kept.copy_(sent)
        self.barrier.wait()

    def all_reduce(self, mine: Tensor) -> None:
        everyone = [torch.empty_like(mine) for _ in range(PROCESSES)]
        self.all_gather(everyone, mine)
        mine.copy_(torch.stack(everyone).sum(0))

    def run(self, work: Callable[[int], object]) -> list[object]:
        def in_rank(rank: int) -> object:
            self.local.rank = rank
            return work(rank)

        with ThreadPoolExecutor(PROCESSES) as pool:
            return list(pool.map(in_rank, range(PROCESSES)))


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Threads:
    made = Threads()
    monkeypatch.setattr(normalisation, "dist", made)
    return made


def network() -> nn.Module:
    """Normalisations in a nested module, of maps far from zero mean and unit variance."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        inner = nn.Sequential(nn.Conv2d(5, 4, 3, bias=False), nn.BatchNorm2d(4, momentum=0.3))
        made = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.ReLU(), inner)
        for parameter in made.parameters():
            nn.init.normal_(parameter, mean=0.5)
    return made.double()


def images(dtype: torch.dtype = torch.float64) -> Tensor:
    """Parts whose means are far apart: their own statistics would be quite others."""
    drawn = torch.randn(6, 3, 8, 11, dtype=dtype, generator=torch.Generator().manual_seed(1))
    return drawn + torch.arange(6, dtype=dtype)[:, None, None, None]


def loss_of(maps: Tensor) -> Tensor:
    return maps.pow(3).mean() + (maps[:, 0] * maps[:, 1]).mean()


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_parts_of_a_batch_are_normalised_as_the_whole(
    threads: Threads, memory_format: torch.memory_format
) -> None:
    whole = network()
    expected = whole(images())
    loss_of(expected).backward()
    copies = [share_statistics(copy.deepcopy(network())) for _ in range(PROCESSES)]

    def work(rank: int) -> Tensor:
        part = images().chunk(PROCESSES)[rank].contiguous(memory_format=memory_format)
        maps = copies[rank](part)
        loss_of(maps).backward()
        return maps.detach()

    assert_close(torch.cat(threads.run(work)), expected, rtol=0, atol=1e-10)
    for parameters in zip(*(each.parameters() for each in [whole, *copies]), strict=True):
        wanted, *found = (parameter.grad for parameter in parameters)
        assert_close(torch.stack(found).mean(0), wanted, rtol=0, atol=1e-10)
    for buffers in zip(*(each.buffers() for each in [whole, *copies]), strict=True):
        for found in buffers[1:]:
            assert_close(found, buffers[0], rtol=0, atol=1e-12)


def test_half_precision_maps_have_statistics_in_full(threads: Threads) -> None:
    half = images(torch.float32).to(torch.bfloat16)
    layers = [share_statistics(nn.Sequential(nn.BatchNorm2d(3))) for _ in range(PROCESSES)]

    def work(rank: int) -> Tensor:
        part = half.chunk(PROCESSES)[rank].requires_grad_()
        maps = layers[rank](part)
        maps.float().pow(3).mean().backward()
        assert part.grad.dtype == maps.dtype == torch.bfloat16
        return maps.detach()

    maps = torch.cat(threads.run(work))
    expected = nn.BatchNorm2d(3)(half.float())
    assert_close(maps.float(), expected, rtol=0, atol=0.02)
    wanted = 0.1 * half.double().mean(dim=(0, 2, 3))
    assert_close(layers[0][0].running_mean.double(), wanted, rtol=1e-5, atol=1e-6)


def test_names_and_detection_are_as_before() -> None:
    """Without processes: detection needs none."""
    made = network().eval()
    shared = share_statistics(copy.deepcopy(made))
    assert shared.state_dict().keys() == made.state_dict().keys()
    assert_close(shared(images()), made(images()), rtol=0, atol=0)
    assert not any(type(module) is nn.BatchNorm2d for module in shared.modules())


class OnGPU(TorchDispatchMode):
    """Has torch's backward function refuse what it refuses on a GPU, and maps never leave it."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        assert func is not torch.ops.aten._local_scalar_dense.default, "the CPU waits for the GPU"
        assert func is not torch.ops.aten.nonzero.default, "the CPU waits for the GPU"
        if func is torch.ops.aten.native_batch_norm_backward.default:
            assert None not in args[5:7], "save_mean should always be defined"
        return func(*args, **kwargs or {})


def test_a_gpu_is_given_what_it_takes_and_never_waited_for(threads: Threads) -> None:
    copies = [share_statistics(network()) for _ in range(PROCESSES)]

    def work(rank: int) -> None:
        with OnGPU():
            loss_of(copies[rank](images().chunk(PROCESSES)[rank])).backward()

    threads.run(work)


def test_a_network_on_a_gpu_is_normalised_by_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nn.Parameter, "is_cuda", True, raising=False)
    made = share_statistics(network())
    assert {type(module) for module in made.modules() if isinstance(module, _BatchNorm)} == {
        SharedBatchNorm2d
    }
