from collections.abc import Iterator

import pytest
import torch

from warpmarks.errors import InputError
from warpmarks.system.devices import choose_device


@pytest.fixture(autouse=True)
def _as_torch_has_it() -> Iterator[None]:
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = cudnn.allow_tf32, matmul.allow_tf32
    cudnn.allow_tf32 = matmul.allow_tf32 = True
    yield
    cudnn.allow_tf32, matmul.allow_tf32 = before


@pytest.mark.parametrize(("there", "expected"), [(True, "cuda"), (False, "cpu")])
def test_auto_is_a_gpu_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, there: bool, expected: str
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: there)
    assert choose_device("auto") == torch.device(expected)
    assert choose_device("cpu") == torch.device("cpu")


def test_a_named_gpu_is_that_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert choose_device("cuda:1") == torch.device("cuda", 1)
    assert choose_device(torch.device("cuda", 0)).index == 0


@pytest.mark.parametrize("asked", ["auto", "cuda", torch.device("cuda", 1)])
def test_float32_of_a_gpu_is_float32(
    monkeypatch: pytest.MonkeyPatch, asked: str | torch.device
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    choose_device("cpu")
    assert torch.backends.cudnn.allow_tf32
    choose_device(asked)
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32
    assert torch.get_float32_matmul_precision() == "highest"
    with torch.backends.cudnn.flags(enabled=True):  # reads what was set, as others do
        pass


@pytest.mark.parametrize("asked", ["cuda", "cuda:1", torch.device("cuda")])
def test_a_gpu_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, asked: str | torch.device
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(InputError, match="torch sees no CUDA device: use --device cpu"):
        choose_device(asked)


def test_no_such_device() -> None:
    with pytest.raises(InputError, match="--device is abacus: expected auto, cpu or cuda"):
        choose_device("abacus")
