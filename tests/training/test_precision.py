import pytest
import torch

from warpmarks.system import trials
from warpmarks.training import precision as precisions
from warpmarks.training.precision import (
    arithmetic,
    choose_precision,
    has_bfloat16_arithmetic,
    name_of,
)

CPU = torch.device("cpu")


def let_processor(monkeypatch: pytest.MonkeyPatch, *, multiply: bool) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: multiply, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False, raising=False)


@pytest.mark.parametrize(
    ("can", "faster", "expected"),
    [
        (True, True, torch.bfloat16),
        (True, False, torch.float32),
        (False, True, torch.float32),
    ],
)
def test_auto_takes_what_the_processor_can_and_is_faster_with(
    monkeypatch: pytest.MonkeyPatch, can: bool, faster: bool, expected: torch.dtype
) -> None:
    let_processor(monkeypatch, multiply=can)
    monkeypatch.setattr(precisions, "_is_faster", lambda: faster)
    assert has_bfloat16_arithmetic(CPU) is can
    assert choose_precision("auto", CPU) == expected


def test_a_torch_that_cannot_tell_computes_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "_is_avx512_bf16_supported", raising=False)
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported", raising=False)
    assert choose_precision("auto", CPU) == torch.float32


def test_a_setting_that_names_a_precision_is_taken_without_a_trial(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(precisions, "_is_faster", pytest.fail)
    assert choose_precision("float32", CPU) == torch.float32
    assert choose_precision("bfloat16", CPU) == torch.bfloat16
    assert [name_of(choose_precision(name, CPU)) for name in ("float32", "bfloat16")] == [
        "float32",
        "bfloat16",
    ]


@pytest.mark.parametrize(
    ("in_float32", "in_bfloat16", "faster"),
    [
        ([1.0, 1.0, 1.0, 1.0, 1.0], [0.8, 0.8, 0.8, 0.8, 0.8], True),
        ([1.0, 1.0, 1.0, 1.0, 1.0], [1.6, 1.6, 1.6, 1.6, 1.6], False),
        ([1.0, 1.0, 1.0, 1.0, 1.0], [0.97, 0.97, 0.97, 0.97, 0.97], False),  # for next to nothing
        ([9.0, 1.0, 1.0, 1.0, 8.0], [1.3, 1.3, 1.3, 1.3, 1.3], False),  # other work came and went
        ([1.0, 1.0, 1.0, 1.0, 1.0], [7.0, 0.7, 0.7, 0.7, 9.0], True),
    ],
)
def test_the_middle_of_several_trials_in_turn_decides(
    monkeypatch: pytest.MonkeyPatch,
    in_float32: list[float],
    in_bfloat16: list[float],
    faster: bool,
) -> None:
    left = {"float32": list(in_float32), "bfloat16": list(in_bfloat16)}
    tried = []

    def trial(name: str) -> float:
        tried.append(name)
        return left[name].pop(0)

    monkeypatch.setattr(precisions, "_trial", trial)
    let_processor(monkeypatch, multiply=True)
    assert choose_precision("auto", CPU) == (torch.bfloat16 if faster else torch.float32)
    assert tried == ["float32", "bfloat16"] * trials.ROUNDS


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_a_trial_takes_time_also_where_nothing_is_to_be_learned(name: str) -> None:
    with torch.no_grad():
        assert 0 < precisions._trial(name) < 10


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_convolutions_compute_in_the_precision_and_weights_keep_theirs(
    precision: torch.dtype,
) -> None:
    layer = torch.nn.Conv2d(3, 4, 3)
    with arithmetic(precision, CPU):
        maps = layer(torch.rand(2, 3, 8, 9))
    assert maps.dtype == precision
    assert layer.weight.dtype == torch.float32
