"""How fast this machine trains and detects, and how near that is to what its arithmetic allows.

The yardstick is one large convolution, timed in turn with what is measured, so that what else the
machine does slows both alike: a training step is made of convolutions, and cannot be faster.
"""

import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from warpmarks.configuration import TrainingConfig, load_recipe, override
from warpmarks.coordinates import pixel_centres
from warpmarks.datasets.image_set import find_images
from warpmarks.datasets.reading import read_picture
from warpmarks.datasets.synthetic import render, write_image_set
from warpmarks.detector import Detector
from warpmarks.devices import choose_device
from warpmarks.geometry import Geometry, plan_geometry
from warpmarks.heatmaps import spatial_softmax
from warpmarks.memory import keep_freed_memory
from warpmarks.progress import Progress, SilentProgress
from warpmarks.regression.linear import fit_linear
from warpmarks.run_folder import ImageSource, RunRecord, provenance
from warpmarks.stages import StageClock
from warpmarks.training.optimiser import make_optimiser
from warpmarks.training.precision import choose_precision
from warpmarks.training.randomness import generator_for
from warpmarks.training.step import (
    BatchMaker,
    objective_of_batch,
    objective_of_maps,
    objective_unit,
)
from warpmarks.weights import build_network

Value = TypeVar("Value")

STAGES = ("pictures and warps", "network", "objective", "backward", "optimiser")

MANY_LANDMARKS = 50
OBJECTIVE_LANDMARKS = (10, 50, 100, 200)
OBJECTIVE_SIZES = (32, 64, 128, 256)


@dataclass(frozen=True)
class StepTiming:
    """Training at one size: the middle one of the timed steps.

    Attributes:
        size: side of the view in pixels.
        num_landmarks: K.
        precision: of the network's arithmetic.
        threads: of the CPU.
        pairs_per_second: everything in.
        stage_shares: of the step's time, in the order of ``STAGES``; they sum to 1.
        gflops: billions of operations a second in the convolutions, forward and backward, over the
            step's whole time.
        convolution_gflops: of the yardstick, the middle one of as many runs as there were steps,
            one after each step.
        convolution_share: ``gflops`` over it.
    """

    size: int
    num_landmarks: int
    precision: str
    threads: int
    pairs_per_second: float
    stage_shares: tuple[float, ...]
    gflops: float
    convolution_gflops: float
    convolution_share: float


@dataclass(frozen=True)
class ObjectiveTiming:
    """The objective and its gradient for a batch, on score maps of a view's size.

    Attributes:
        size: side of the view in pixels; the maps have half as many rows and columns.
        num_landmarks: K.
        milliseconds: from score maps to their gradient.
        megabytes: that are kept for the gradient.
    """

    size: int
    num_landmarks: int
    milliseconds: float
    megabytes: float


@dataclass(frozen=True)
class DetectionTiming:
    """Detection at one size, in images a second.

    Attributes:
        size: side of the view in pixels.
        looks: at each image.
        from_files: everything in.
        reading: decoding and resizing alone, on one thread.
        network: from pictures to landmarks alone.
        convolution_share: rate of arithmetic of ``network`` over the yardstick's, each the best of
            as many runs, in turn.
    """

    size: int
    looks: int
    from_files: float
    reading: float
    network: float
    convolution_share: float


@dataclass(frozen=True)
class Ratios:
    """What is asked of the package, each from one run on one machine; nan where there is none.

    Attributes:
        bfloat16_over_float32: pairs a second in training.
        all_threads_over_one: pairs a second in training.
        landmarks_growth: time of the objective for K = 200 over that for K = 10, over 20: 1 is
            linear, and more is a defect.
        pixels_growth: the same for 256 px over 64 px, over 16.
        landmarks_memory_growth: the same of memory.
        pixels_memory_growth: the same of memory.
    """

    bfloat16_over_float32: float
    all_threads_over_one: float
    landmarks_growth: float
    pixels_growth: float
    landmarks_memory_growth: float
    pixels_memory_growth: float


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
    config = override(load_recipe(recipe), [f"num_landmarks={num_landmarks}"])
    variants = _variants(config, sizes, where, threads)
    progress.start("Measuring", len(variants) + 6)

    def told(work: Callable[[], Value]) -> Value:
        result = work()
        progress.advance()
        return result

    product = told(lambda: _product_gflops(where, seconds_each / 2))
    yardstick = told(lambda: _Yardstick(where, seconds_each / 2))
    training = []
    for variant, count in variants:
        torch.set_num_threads(count)
        training.append(told(partial(_time_training, variant, where, seconds_each, yardstick)))
    torch.set_num_threads(threads)
    objective = told(lambda: _time_objective(config, where, seconds_each / 8))
    detection = told(lambda: _time_detection(config, where, seconds_each, yardstick))
    many, few = told(lambda: (_time_fit(20_000), _time_fit(5)))
    importing, helping = told(_time_start)
    progress.finish()
    return BenchmarkResult(
        machine=_machine(where),
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
        peak_megabytes=_peak_megabytes(),
        ratios=_ratios(training, objective, config),
    )


def _variants(
    config: TrainingConfig, sizes: tuple[int, ...], device: torch.device, threads: int
) -> list[tuple[TrainingConfig, int]]:
    """The settings that are trained with, each with its threads."""
    at_middle = override(config, [f"image.size={_middle(config, sizes)}"])
    found = [(override(config, [f"image.size={size}"]), threads) for size in sizes]
    found.append((override(at_middle, [f"num_landmarks={MANY_LANDMARKS}"]), threads))
    if choose_precision(config.precision, device) != torch.float32:
        found.append((override(at_middle, ["precision=float32"]), threads))
    if threads > 1 and device.type == "cpu":
        found.append((at_middle, 1))
    return found


def _middle(config: TrainingConfig, sizes: tuple[int, ...]) -> int:
    """The size at which settings are compared."""
    return config.image.size if config.image.size in sizes else sizes[0]


def _ratios(
    training: list[StepTiming], objective: tuple[ObjectiveTiming, ...], config: TrainingConfig
) -> Ratios:
    def pairs(**wanted: object) -> float:
        for timing in training:
            if all(getattr(timing, name) == value for name, value in wanted.items()):
                return timing.pairs_per_second
        return float("nan")

    def of(size: int, num_landmarks: int) -> ObjectiveTiming:
        return next(
            timing
            for timing in objective
            if (timing.size, timing.num_landmarks) == (size, num_landmarks)
        )

    most = max(timing.threads for timing in training)
    common: dict[str, object] = {
        "size": _middle(config, tuple(timing.size for timing in training)),
        "num_landmarks": config.num_landmarks,
    }
    usual = training[0].precision
    few, many = of(64, OBJECTIVE_LANDMARKS[0]), of(64, OBJECTIVE_LANDMARKS[-1])
    large = of(OBJECTIVE_SIZES[-1], OBJECTIVE_LANDMARKS[0])
    more = many.num_landmarks / few.num_landmarks
    wider = (large.size / few.size) ** 2
    measured = pairs(**common, precision=usual, threads=most)
    on_one = pairs(**common, precision=usual, threads=1) if most > 1 else float("nan")
    in_bfloat16 = pairs(**common, precision="bfloat16", threads=most)
    return Ratios(
        bfloat16_over_float32=in_bfloat16 / pairs(**common, precision="float32", threads=most),
        all_threads_over_one=measured / on_one,
        landmarks_growth=many.milliseconds / few.milliseconds / more,
        pixels_growth=large.milliseconds / few.milliseconds / wider,
        landmarks_memory_growth=many.megabytes / few.megabytes / more,
        pixels_memory_growth=large.megabytes / few.megabytes / wider,
    )


def _product_gflops(device: torch.device, seconds: float) -> float:
    side = 2048 if device.type == "cpu" else 8192
    a, b = torch.randn(2, side, side, device=device)
    return 2e-9 * side**3 / _best_time(lambda: a @ b, device, seconds)


class _Yardstick:
    """256 to 256 channels, 3 x 3, on 16 maps of 40 x 40 cells, in the faster memory layout.

    Attributes:
        run: one run.
        gflops: its rate, the best of several runs, when it was made.
    """

    OPERATIONS = 2 * 16 * 40 * 40 * 256 * 256 * 9

    def __init__(self, device: torch.device, seconds: float) -> None:
        layouts = [
            self._laid_out(layout, device)
            for layout in (torch.contiguous_format, torch.channels_last)
        ]
        taken = _best_times(layouts, device, seconds)
        self.run = layouts[int(np.argmin(taken))]
        self.gflops = 1e-9 * self.OPERATIONS / min(taken)

    @staticmethod
    def _laid_out(layout: torch.memory_format, device: torch.device) -> Callable[[], Tensor]:
        layer = nn.Conv2d(256, 256, 3, padding=1).to(device)
        layer.to(memory_format=layout)  # type: ignore[call-overload]
        maps = torch.randn(16, 256, 40, 40, device=device).contiguous(memory_format=layout)
        return torch.no_grad()(partial(layer, maps))


def _time_training(
    config: TrainingConfig, device: torch.device, seconds: float, yardstick: _Yardstick
) -> StepTiming:
    geometry = plan_geometry(config.image, 1.0)
    network = build_network(config).to(device)
    optimiser = make_optimiser(network, config.optimiser)
    batches = BatchMaker(_pictures(config, geometry), config, geometry, device=device)
    precision = choose_precision(config.precision, device)
    unit = objective_unit(config.loss, geometry).to(device)

    def step(number: int) -> dict[str, float]:
        clock = StageClock(settle=partial(_settle, device))
        with clock("pictures and warps"):
            batch = batches.batch(number)
        terms = objective_of_batch(network, batch, unit, config.loss, precision, clock)
        total = terms.total(config.loss.diversity_weight, config.loss.exchange_weight)
        with clock("backward"):
            optimiser.zero_grad()
            total.backward()
        with clock("optimiser"):
            optimiser.step()
        return clock.seconds

    with FlopCounterMode(display=False) as counter:
        step(0)
    step(1)
    timings: list[dict[str, float]] = []
    beside: list[float] = []
    began = time.perf_counter()
    while len(timings) < 3 or time.perf_counter() - began < seconds:
        timings.append(step(2 + len(timings)))
        beside.append(_time_once(yardstick.run, device))
    middle = sorted(timings, key=lambda stages: sum(stages.values()))[len(timings) // 2]
    taken = sum(middle.values())
    gflops = 1e-9 * _of_convolutions(counter) / taken
    convolution = 1e-9 * _Yardstick.OPERATIONS / sorted(beside)[len(beside) // 2]
    return StepTiming(
        size=config.image.size,
        num_landmarks=config.num_landmarks,
        precision=str(precision).removeprefix("torch."),
        threads=torch.get_num_threads(),
        pairs_per_second=config.batch_size / taken,
        stage_shares=tuple(middle[stage] / taken for stage in STAGES),
        gflops=gflops,
        convolution_gflops=convolution,
        convolution_share=gflops / convolution,
    )


def _pictures(config: TrainingConfig, geometry: Geometry) -> np.ndarray:
    count = 4 * config.batch_size
    return np.stack([render(index, size=geometry.picture[0]).image for index in range(count)])


def _time_objective(
    config: TrainingConfig, device: torch.device, seconds: float
) -> tuple[ObjectiveTiming, ...]:
    """K goes up at 64 px, and pixels at the least K."""
    few = OBJECTIVE_LANDMARKS[0]
    asked = [(64, count) for count in OBJECTIVE_LANDMARKS]
    asked += [(size, few) for size in OBJECTIVE_SIZES if size != 64]
    return tuple(
        _time_one_objective(config, size, count, device, seconds) for size, count in sorted(asked)
    )


def _time_one_objective(
    config: TrainingConfig, size: int, num_landmarks: int, device: torch.device, seconds: float
) -> ObjectiveTiming:
    geometry = plan_geometry(override(config, [f"image.size={size}"]).image, 1.0)
    generator = generator_for(0, "benchmark", size)
    count, (rows, columns) = config.batch_size, geometry.cells
    shape = (2 * count, num_landmarks, rows, columns)
    scores = torch.randn(shape, generator=generator).to(device).requires_grad_()
    cells = (2 * torch.rand(count, rows * columns, 2, generator=generator) - 1).to(device)
    sampler = BatchMaker(
        np.zeros((count, *geometry.picture, 3), np.uint8), config, geometry, device=device
    ).sampler
    warp = sampler.draw(count, generator).second.to(scores.detach())
    unit = objective_unit(config.loss, geometry).to(device)
    # Blocks of one size throughout: else the work would change with K.
    loss = config.loss.model_copy(update={"pooling": 2})

    def objective() -> Tensor:
        original, warped = spatial_softmax(scores).chunk(2)
        terms = objective_of_maps(original, warped, cells, warp, unit, loss)
        return terms.total(loss.diversity_weight)

    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        total = objective()
    del total
    taken = _best_time(lambda: torch.autograd.grad(objective(), scores), device, seconds)
    return ObjectiveTiming(size, num_landmarks, 1e3 * taken, 1e-6 * sum(kept.values()))


def _time_fit(count: int) -> float:
    """Seconds of the linear map from 30 landmarks to five points, its weight chosen."""
    drawn = np.random.default_rng(0).normal(size=(count, 35, 2))
    began = time.perf_counter()
    fit_linear(drawn[:, :30], drawn[:, 30:], bias=False)
    return time.perf_counter() - began


def _time_start() -> tuple[float, float]:
    """Seconds of importing the package beyond torch, and of ``warpmarks --help``; each the best."""

    def taken(*arguments: str) -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        return time.perf_counter() - began

    least = [
        min(taken(*arguments) for _ in range(3))
        for arguments in (
            ("-c", "import torch"),
            ("-c", "import torch, warpmarks; warpmarks.Detector"),
            ("-m", "warpmarks", "--help"),
        )
    ]
    return max(0.0, least[1] - least[0]), least[2]


def _peak_megabytes() -> float:
    """Nan where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return float("nan")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most * (1e-6 if sys.platform == "darwin" else 1024e-6)


def _time_detection(
    config: TrainingConfig, device: torch.device, seconds: float, yardstick: _Yardstick
) -> DetectionTiming:
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
    network = build_network(config)
    if config.looks > 1:
        # Any will do for a second look, as long as one is known.
        network.get_buffer("reference").copy_(_lattice(config.num_landmarks))
    detector = Detector(network, record, device=device)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "set"
        write_image_set(root, 128)
        images = find_images(root)
        from_files = _best_time(lambda: list(detector.detect_images(images)), device, seconds)
        size = (record.picture_height, record.picture_width)
        some = images.paths()[:32]
        reading = _best_time(lambda: [read_picture(path, *size) for path in some], device, 1.0)
    pictures = np.zeros((32, *size, 3), np.uint8)
    with FlopCounterMode(display=False) as counter:
        detector.search(pictures)
    in_turn = (lambda: detector.search(pictures), yardstick.run)
    alone, beside = _best_times(in_turn, device, seconds)
    return DetectionTiming(
        size=config.image.size,
        looks=config.looks,
        from_files=len(images.names) / from_files,
        reading=len(some) / reading,
        network=len(pictures) / alone,
        convolution_share=_of_convolutions(counter) / alone * beside / _Yardstick.OPERATIONS,
    )


def _lattice(count: int) -> Float[Tensor, "count 2"]:
    """So many places about the view's middle, none in it."""
    side = math.ceil(math.sqrt(count))
    return 0.8 * pixel_centres(side, side).reshape(-1, 2)[:count] + 0.1


def _of_convolutions(counter: FlopCounterMode) -> int:
    """Operations of the convolutions, forward and backward, alone: what the rate is compared by."""
    counts = counter.get_flop_counts()["Global"]
    return sum(count for operation, count in counts.items() if "convolution" in str(operation))


def _best_time(work: Callable[[], object], device: torch.device, seconds: float) -> float:
    """Seconds of the fastest of several runs, after one to warm up."""
    return _best_times([work], device, seconds)[0]


def _best_times(
    works: Sequence[Callable[[], object]], device: torch.device, seconds: float
) -> list[float]:
    """Of each work, in turn with the others, for ``seconds`` in all."""
    for work in works:
        work()
    rounds: list[list[float]] = []
    began = time.perf_counter()
    while not rounds or time.perf_counter() - began < seconds:
        rounds.append([_time_once(work, device) for work in works])
    return [min(taken) for taken in zip(*rounds, strict=True)]


def _time_once(work: Callable[[], object], device: torch.device) -> float:
    start = _now(device)
    work()
    return _now(device) - start


def _now(device: torch.device) -> float:
    _settle(device)
    return time.perf_counter()


def _settle(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _machine(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
