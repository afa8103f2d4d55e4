"""All figures of a machine, one after the other."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import torch

from warpmarks.benchmark.costs import peak_megabytes, time_fit, time_start
from warpmarks.benchmark.detection import DetectionTiming, time_detection
from warpmarks.benchmark.objective import ObjectiveTiming, time_objective
from warpmarks.benchmark.ratios import Ratios, middle_size, ratios_of
from warpmarks.benchmark.timing import Yardstick, product_gflops
from warpmarks.benchmark.training_step import StepTiming, time_training
from warpmarks.configuration import TrainingConfig
from warpmarks.recipe_reading import load_recipe, override
from warpmarks.system.devices import choose_device
from warpmarks.system.machine import processor_name
from warpmarks.system.memory import keep_freed_memory
from warpmarks.system.progress import Progress, SilentProgress
from warpmarks.training.precision import choose_precision, has_bfloat16_arithmetic, name_of

Value = TypeVar("Value")

MANY_LANDMARKS = 50


@dataclass(frozen=True)
class BenchmarkResult:
    """This machine's figures; rates of arithmetic in billions of operations a second.

    Attributes:
        convolution_gflops: of the yardstick by itself, at its best.
        fit_many_seconds: of a linear map from 30 landmarks to five points on 20,000 images.
        fit_few_seconds: on five images.
        import_seconds: of the package, beyond what torch's own import takes.
        help_seconds: until ``warpmarks --help`` has answered.
        peak_megabytes: of memory that this process took at most.
    """

    machine: str
    device: str
    threads: int
    load_before: float
    batch_size: int
    product_gflops: float
    convolution_gflops: float
    training: tuple[StepTiming, ...]
    objective: tuple[ObjectiveTiming, ...]
    detection: DetectionTiming
    fit_many_seconds: float
    fit_few_seconds: float
    import_seconds: float
    help_seconds: float
    peak_megabytes: float
    ratios: Ratios


def run_benchmark(
    *,
    device: str | torch.device = "auto",
    threads: int | None = None,
    sizes: tuple[int, ...] = (64, 80, 128),
    num_landmarks: int = 10,
    recipe: str = "default",
    seconds_each: float = 6.0,
    progress: Progress | None = None,
) -> BenchmarkResult:
    """Measure; about ``seconds_each`` for each figure."""
    progress = progress or SilentProgress()
    if threads is not None:
        torch.set_num_threads(threads)
    where, threads = choose_device(device), torch.get_num_threads()
    keep_freed_memory()
    load_before = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    config = override(load_recipe(recipe), [f"num_landmarks={num_landmarks}", "candidates=0"])
    precision = name_of(choose_precision(config.precision, where))
    config = override(config, [f"precision={precision}"])
    variants = _variants(config, sizes, where, threads)
    progress.start("Measuring", len(variants) + 6)

    def told(work: Callable[[], Value]) -> Value:
        result = work()
        progress.advance()
        return result

    product = told(lambda: product_gflops(where, seconds_each / 2))
    yardstick = told(lambda: Yardstick(where, seconds_each / 2))
    training = []
    for variant, count in variants:
        torch.set_num_threads(count)
        training.append(told(partial(time_training, variant, where, seconds_each, yardstick)))
    torch.set_num_threads(threads)
    objective = told(lambda: time_objective(config, where, seconds_each / 8))
    detection = told(lambda: time_detection(config, where, seconds_each, yardstick))
    many, few = told(lambda: (time_fit(20_000), time_fit(5)))
    importing, helping = told(time_start)
    progress.finish()
    return BenchmarkResult(
        machine=torch.cuda.get_device_name(where) if where.type == "cuda" else processor_name(),
        device=str(where),
        threads=threads,
        load_before=load_before,
        batch_size=config.batch_size,
        product_gflops=product,
        convolution_gflops=yardstick.gflops,
        training=tuple(training),
        objective=objective,
        detection=detection,
        fit_many_seconds=many,
        fit_few_seconds=few,
        import_seconds=importing,
        help_seconds=helping,
        peak_megabytes=peak_megabytes(),
        ratios=ratios_of(training, objective, config),
    )


def _variants(
    config: TrainingConfig, sizes: tuple[int, ...], device: torch.device, threads: int
) -> list[tuple[TrainingConfig, int]]:
    """The settings that are trained with, each with its threads."""
    at_middle = override(config, [f"image.size={middle_size(config, sizes)}"])
    found = [(override(config, [f"image.size={size}"]), threads) for size in sizes]
    found.append((override(at_middle, [f"num_landmarks={MANY_LANDMARKS}"]), threads))
    if has_bfloat16_arithmetic(device):
        other = "bfloat16" if config.precision == "float32" else "float32"
        found.append((override(at_middle, [f"precision={other}"]), threads))
    if threads > 1 and device.type == "cpu":
        found.append((at_middle, 1))
    return found
