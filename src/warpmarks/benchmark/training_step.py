"""Training steps, stage by stage."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from warpmarks.benchmark.timing import Yardstick, of_convolutions, settle, time_once
from warpmarks.configuration import TrainingConfig
from warpmarks.datasets.synthetic import render
from warpmarks.runs.geometry import Geometry, plan_geometry
from warpmarks.runs.weights import build_network
from warpmarks.system.stages import STOPPED, StageClock
from warpmarks.training.averaging import WeightAverage
from warpmarks.training.optimiser import make_optimiser
from warpmarks.training.precision import choose_precision
from warpmarks.training.step import (
    BatchMaker,
    objective_of_batch,
    objective_unit,
)

STAGES = ("pictures and warps", "network", "objective", "backward", "optimiser")


@dataclass(frozen=True)
class StepTiming:
    """Training at one size: the middle one of the timed steps.

    Attributes:
        size: side of the view in pixels.
        num_landmarks: K.
        precision: of the network's arithmetic.
        threads: of the CPU.
        pairs_per_second: everything in, stage after stage: the device has done each of them before
            the next one begins.
        unbroken_pairs_per_second: of steps as training runs them, one after the other, the average
            of the weights with them. A GPU then is given work ahead and does not wait for the host.
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
    unbroken_pairs_per_second: float
    stage_shares: tuple[float, ...]
    gflops: float
    convolution_gflops: float
    convolution_share: float


def time_training(
    config: TrainingConfig, device: torch.device, seconds: float, yardstick: Yardstick
) -> StepTiming:
    """Steps of discovery on the synthetic category, at least three of them, then as many unbroken.

    Args:
        config: of the training; its view's size is the one that is measured.
        device: where to compute.
        seconds: about how long, each way.
        yardstick: timed after each step.
    """
    geometry = plan_geometry(config.image, 1.0)
    network = build_network(config).to(device)
    optimiser = make_optimiser(network, config.optimiser)
    batches = BatchMaker(_pictures(config, geometry), config, geometry, device=device)
    precision = choose_precision(config.precision, device)
    unit = objective_unit(config.loss, geometry).to(device)
    average = WeightAverage(network, config.optimiser.averaging)

    def step(number: int, clock: StageClock) -> None:
        with clock("pictures and warps"):
            batch = batches.batch(number)
        terms = objective_of_batch(network, batch, unit, config.loss, precision, clock)
        total = terms.total(config.loss.diversity_weight, config.loss.exchange_weight)
        with clock("backward"):
            optimiser.zero_grad()
            total.backward()
        with clock("optimiser"):
            optimiser.step()

    def staged(number: int) -> dict[str, float]:
        clock = StageClock(settle=partial(settle, device))
        step(number, clock)
        return clock.seconds

    def unbroken(number: int) -> None:
        step(number, STOPPED)
        average.update(number)

    with FlopCounterMode(display=False) as counter:
        staged(0)
    staged(1)
    timings: list[dict[str, float]] = []
    beside: list[float] = []
    began = time.perf_counter()
    while len(timings) < 3 or time.perf_counter() - began < seconds:
        timings.append(staged(2 + len(timings)))
        beside.append(time_once(yardstick.run, device))
    middle = sorted(timings, key=lambda stages: sum(stages.values()))[len(timings) // 2]
    taken = sum(middle.values())
    gflops = 1e-9 * of_convolutions(counter) / taken
    convolution = 1e-9 * Yardstick.OPERATIONS / sorted(beside)[len(beside) // 2]
    return StepTiming(
        size=config.image.size,
        num_landmarks=config.num_landmarks,
        precision=str(precision).removeprefix("torch."),
        threads=torch.get_num_threads(),
        pairs_per_second=config.batch_size / taken,
        unbroken_pairs_per_second=config.batch_size
        * rate_unbroken(unbroken, 2 + len(timings), device, seconds),
        stage_shares=tuple(middle[stage] / taken for stage in STAGES),
        gflops=gflops,
        convolution_gflops=convolution,
        convolution_share=gflops / convolution,
    )


def rate_unbroken(
    step: Callable[[int], object], first: int, device: torch.device, seconds: float
) -> float:
    """Steps a second, at least three of them: the device is waited for at the end alone.

    Args:
        step: one, of a number.
        first: number of the first; they go on from it.
        device: where they compute.
        seconds: about how long. A device may be given so much ahead that it takes longer.
    """
    settle(device)
    began, done = time.perf_counter(), 0
    while done < 3 or time.perf_counter() - began < seconds:
        step(first + done)
        done += 1
    settle(device)
    return done / (time.perf_counter() - began)


def _pictures(config: TrainingConfig, geometry: Geometry) -> np.ndarray:
    count = 4 * config.batch_size
    return np.stack([render(index, size=geometry.picture[0]).image for index in range(count)])
