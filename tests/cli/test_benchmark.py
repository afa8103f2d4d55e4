import json
import math
import time

import pytest
import torch

from warpmarks.benchmark import run, training_step
from warpmarks.benchmark.detection import DetectionTiming
from warpmarks.benchmark.objective import OBJECTIVE_LANDMARKS, OBJECTIVE_SIZES, ObjectiveTiming
from warpmarks.benchmark.ratios import Ratios
from warpmarks.benchmark.run import BenchmarkResult
from warpmarks.benchmark.training_step import STAGES, StepTiming, rate_unbroken
from warpmarks.cli.benchmark import table
from warpmarks.recipe_reading import load_recipe, override


def test_the_table_names_every_figure_with_its_unit():
    shares = (0.0612, 0.30, 0.05, 0.55, 0.0388)
    result = BenchmarkResult(
        machine="Some CPU",
        device="cpu",
        threads=2,
        load_before=0.25,
        batch_size=16,
        product_gflops=212.4,
        convolution_gflops=487.2,
        training=(StepTiming(80, 7, "bfloat16", 2, 26.34, 31.49, shares, 187.1, 471.6, 0.397),),
        objective=(ObjectiveTiming(64, 50, 12.34, 56.7),),
        detection=DetectionTiming(80, 2, 3, 143.2, 911.1, 191.7, 0.63),
        fit_many_seconds=1.5,
        fit_few_seconds=0.004,
        import_seconds=0.16,
        help_seconds=0.24,
        peak_megabytes=789.4,
        ratios=Ratios(2.51, math.nan, 0.93, 1.04, 1.0, 0.99),
    )
    shown = table(result)
    for part in (
        "Some CPU, cpu, 2 threads",
        "212 GFLOP/s",
        "487 GFLOP/s",
        *STAGES,
        "26.3",
        "31.5",
        "6.1",
        "187",
        "472",
        "40 %",
        "bfloat16 over float32 2.51 x, 2 threads over one not measured",
        "    64   50    12.34        56.7",
        "in K 0.93 of time, 1.00 of memory; in pixels 1.04, 0.99",
        "143 images/s from files, 911 images/s read on one thread, 192 images/s in the network",
        "(63 % of convolution)",
        "1.50 s on 20,000 images, 4 ms on 5",
        "import beyond torch 0.16 s, --help 0.24 s, peak memory of this benchmark 789 MB",
    ):
        assert part in shown
    header, row = shown.splitlines()[5:7]
    for figure, column in (
        ("26.3", "pairs/s"),
        ("31.5", "unbroken"),
        ("472", "convolution"),
        ("40 %", "share of it"),
    ):
        assert row.index(figure) + len(figure) == header.index(column) + len(column)


@pytest.mark.slow
def test_every_figure_is_measured(warpmarks, tmp_path):
    file = tmp_path / "speed.json"
    arguments = ["--seconds", 0.01, "--size", 32, "--threads", 1, "--json", file]
    code, out, err = warpmarks("benchmark", *arguments)
    assert code == 0, err
    assert "Infinity" not in file.read_text()
    told = json.loads(file.read_text())
    assert [timing["num_landmarks"] for timing in told["training"]][:2] == [10, 50]
    for timing in told["training"]:
        assert sum(timing["stage_shares"]) == pytest.approx(1)
        assert timing["pairs_per_second"] > 0
        assert timing["unbroken_pairs_per_second"] > 0
    sizes = {(timing["size"], timing["num_landmarks"]) for timing in told["objective"]}
    assert sizes == {(64, count) for count in OBJECTIVE_LANDMARKS} | {
        (size, OBJECTIVE_LANDMARKS[0]) for size in OBJECTIVE_SIZES
    }
    # Memory is counted, not timed: it can be judged on any machine.
    assert told["ratios"]["landmarks_memory_growth"] < 1.05
    assert told["ratios"]["pixels_memory_growth"] < 1.05
    assert told["ratios"]["all_threads_over_one"] is None
    assert "detection at 96 px, 2 looks at an image (copies in the last: 3): " in out
    code, _, err = warpmarks("benchmark", *arguments)
    assert (code, "exists: choose another name" in err) == (2, True)


@pytest.mark.parametrize("chosen", ["float32", "bfloat16"])
@pytest.mark.parametrize("can", [True, False])
def test_the_other_precision_is_timed_beside_where_there_is_one(monkeypatch, chosen, can):
    monkeypatch.setattr(run, "has_bfloat16_arithmetic", lambda _: can)
    config = override(load_recipe("default"), [f"precision={chosen}"])
    variants = run._variants(config, (64, 32), torch.device("cpu"), 1)
    both = {"float32", "bfloat16"} if can else {chosen}
    assert {variant.precision for variant, _ in variants} == both
    assert [variant.precision for variant, _ in variants].count(chosen) == 3
    assert {variant.image.size for variant, _ in variants if variant.precision != chosen} <= {64}


def test_unbroken_steps_are_waited_for_at_their_end_alone(monkeypatch):
    """On a device that takes 0.02 s for each step, after it was given it."""
    given, waits = [], []

    def settle(_):
        waits.append(len(given))
        time.sleep(0.02 * len(given))

    monkeypatch.setattr(training_step, "settle", settle)
    rate = rate_unbroken(given.append, 7, torch.device("cpu"), seconds=0)
    assert given == [7, 8, 9]
    assert waits == [0, 3]
    assert 0 < rate <= 3 / 0.06


def test_unusable_flags(warpmarks):
    code, _, err = warpmarks("benchmark", "--recipe", "defalt", "--seconds", 0.01)
    assert (code, "recipe defalt" in err) == (2, True)
