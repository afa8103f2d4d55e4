import pytest
import torch

from warpmarks.training.precision import arithmetic, choose_precision, has_bfloat16_arithmetic

CPU = torch.device("cpu")


@pytest.mark.parametrize(("can", "expected"), [(True, torch.bfloat16), (False, torch.float32)])
def test_auto_takes_what_the_processor_can(
    monkeypatch: pytest.MonkeyPatch, can: bool, expected: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: can, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False, raising=False)
    assert has_bfloat16_arithmetic(CPU) is can
    assert choose_precision("auto", CPU) == expected


def test_a_torch_that_cannot_tell_computes_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "_is_avx512_bf16_supported", raising=False)
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported", raising=False)
    assert choose_precision("auto", CPU) == torch.float32


def test_a_setting_that_names_a_precision_is_taken() -> None:
    assert choose_precision("float32", CPU) == torch.float32
    assert choose_precision("bfloat16", CPU) == torch.bfloat16


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_convolutions_compute_in_the_precision_and_weights_keep_theirs(
    precision: torch.dtype,
) -> None:
    layer = torch.nn.Conv2d(3, 4, 3)
    with arithmetic(precision, CPU):
        maps = layer(torch.rand(2, 3, 8, 9))
    assert maps.dtype == precision
    assert layer.weight.dtype == torch.float32
