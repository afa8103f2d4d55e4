"""How fast this machine trains and detects, and how near that is to what its arithmetic allows.

The yardstick is one large convolution, timed in the same minute: a training step is made of
convolutions, and cannot be faster.
"""

import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from warpmarks.configuration import TrainingConfig, load_recipe, override
from warpmarks.datasets.image_set import find_images
from warpmarks.datasets.synthetic import render, write_image_set
from warpmarks.detector import Detector
from warpmarks.geometry import plan_geometry
from warpmarks.heatmaps import spatial_softmax
from warpmarks.memory import keep_freed_memory
from warpmarks.progress import Progress, SilentProgress
from warpmarks.run_folder import ImageSource, RunRecord, provenance
from warpmarks.training.optimiser import make_optimiser
from warpmarks.training.precision import arithmetic, choose_precision
from warpmarks.training.step import BatchMaker, objective_of_maps, objective_unit
from warpmarks.weights import build_network

STAGES = ("pictures and warps", "network", "objective", "backward", "optimiser")


@dataclass(frozen=True)
class StepTiming:
    """Training at one size: the middle one of the timed steps.

    Attributes:
        size: side of the view in pixels.
        pairs_per_second: everything in.
        stage_shares: of the step's time, in the order of ``STAGES``; they sum to 1.
        gflops: billions of operations a second in the network, forward and backward, over the whole
            step's time.
        convolution_share: ``gflops`` over the yardstick's.
    """

    size: int
    pairs_per_second: float
    stage_shares: tuple[float, ...]
    gflops: float
    convolution_share: float


@dataclass(frozen=True)
class BenchmarkResult:
    """This machine's figures; rates of arithmetic in billions of operations a second."""

    machine: str
    device: str
    threads: int
    load_before: float
    num_landmarks: int
    batch_size: int
    product_gflops: float
    convolution_gflops: float
    training: tuple[StepTiming, ...]
    detection_images_per_second: float
    detection_size: int
    network_images_per_second: float


@dataclass
class _Stopwatch:
    """Seconds by stage; waits for the device, which works on its own."""

    device: torch.device
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        began = _now(self.device)
        yield
        self.seconds[stage] += _now(self.device) - began


def run_benchmark(
    *,
    device: str = "auto",
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
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    keep_freed_memory()
    where = torch.device(device)
    load_before = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    progress.start("Measuring", len(sizes) + 3)
    product = _product_gflops(where, seconds_each / 2)
    progress.advance()
    convolution = _convolution_gflops(where, seconds_each / 2)
    progress.advance()
    config = override(load_recipe(recipe), [f"num_landmarks={num_landmarks}"])
    training = []
    for size in sizes:
        sized = override(config, [f"image.size={size}"])
        training.append(_time_training(sized, where, seconds_each, convolution))
        progress.advance()
    detection, network = _time_detection(config, where, seconds_each)
    progress.advance()
    progress.finish()
    return BenchmarkResult(
        machine=_machine(where),
        device=device,
        threads=torch.get_num_threads(),
        load_before=load_before,
        num_landmarks=num_landmarks,
        batch_size=config.batch_size,
        product_gflops=product,
        convolution_gflops=convolution,
        training=tuple(training),
        detection_images_per_second=detection,
        detection_size=config.image.size,
        network_images_per_second=network,
    )


def _product_gflops(device: torch.device, seconds: float) -> float:
    side = 2048 if device.type == "cpu" else 8192
    a, b = torch.randn(2, side, side, device=device)
    return 2e-9 * side**3 / _best_time(lambda: a @ b, device, seconds)


def _convolution_gflops(device: torch.device, seconds: float) -> float:
    """256 to 256 channels, 3 x 3, on 16 maps of 40 x 40 cells, in the faster memory layout."""
    layer = nn.Conv2d(256, 256, 3, padding=1).to(device)
    maps = torch.randn(16, 256, 40, 40, device=device)
    work = 2e-9 * 16 * 40 * 40 * 256 * 256 * 9
    rates = []
    for layout in (torch.contiguous_format, torch.channels_last):
        laid_out = maps.contiguous(memory_format=layout)
        layer.to(memory_format=layout)  # type: ignore[call-overload]
        with torch.no_grad():
            seconds_taken = _best_time(partial(layer, laid_out), device, seconds / 2)
        rates.append(work / seconds_taken)
    return max(rates)


def _time_training(
    config: TrainingConfig, device: torch.device, seconds: float, convolution: float
) -> StepTiming:
    geometry = plan_geometry(config.image, 1.0)
    pictures = np.stack(
        [render(i, size=geometry.picture[0]).image for i in range(4 * config.batch_size)]
    )
    network = build_network(config).to(device)
    optimiser = make_optimiser(network, config.optimiser)
    batches = BatchMaker(pictures, config, geometry, device=device)
    precision = choose_precision(config.precision, device)
    unit = objective_unit(config.loss, geometry).to(device)

    def step(number: int) -> dict[str, float]:
        watch = _Stopwatch(device)
        with watch("pictures and warps"):
            batch = batches.batch(number)
        with watch("network"), arithmetic(precision, device):
            score_maps = network(batch.images)
        with watch("objective"):
            original, warped = spatial_softmax(score_maps.float()).chunk(2)
            terms = objective_of_maps(
                original, warped, batch.warped_cells, batch.warp, unit, config.loss
            )
            total = terms.total(config.loss.diversity_weight)
        with watch("backward"):
            optimiser.zero_grad()
            total.backward()
        with watch("optimiser"):
            optimiser.step()
        return watch.seconds

    with FlopCounterMode(display=False) as counter:
        step(0)
    step(1)
    timings: list[dict[str, float]] = []
    began = time.perf_counter()
    while len(timings) < 3 or time.perf_counter() - began < seconds:
        timings.append(step(2 + len(timings)))
    middle = sorted(timings, key=lambda stages: sum(stages.values()))[len(timings) // 2]
    taken = sum(middle.values())
    gflops = 1e-9 * counter.get_total_flops() / taken
    return StepTiming(
        size=config.image.size,
        pairs_per_second=config.batch_size / taken,
        stage_shares=tuple(middle[stage] / taken for stage in STAGES),
        gflops=gflops,
        convolution_share=gflops / convolution,
    )


def _time_detection(
    config: TrainingConfig, device: torch.device, seconds: float
) -> tuple[float, float]:
    """Images a second from files, and of the network alone."""
    geometry = plan_geometry(config.image, 1.0)
    created, versions, commit = provenance()
    record = RunRecord(
        config=config,
        recipe="benchmark",
        view_height=geometry.view[0],
        view_width=geometry.view[1],
        picture_height=geometry.picture[0],
        picture_width=geometry.picture[1],
        images=ImageSource(name="synthetic", digest="", count=0, unreadable=0),
        created=created,
        versions=versions,
        git_commit=commit,
    )
    detector = Detector(build_network(config), record, device=device)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "set"
        write_image_set(root, 128)
        images = find_images(root)
        from_files = _best_time(lambda: list(detector.detect_images(images)), device, seconds)
    views = torch.rand(32, 3, *geometry.view, device=device)
    alone = _best_time(lambda: detector.locate(views), device, seconds / 2)
    return len(images.names) / from_files, len(views) / alone


def _best_time(work: Callable[[], object], device: torch.device, seconds: float) -> float:
    """Seconds of the fastest of several runs, after one to warm up."""
    work()
    best, began = float("inf"), time.perf_counter()
    while best == float("inf") or time.perf_counter() - began < seconds:
        start = _now(device)
        work()
        best = min(best, _now(device) - start)
    return best


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _machine(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
