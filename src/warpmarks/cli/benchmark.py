"""``warpmarks benchmark``: the speed of this machine."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from warpmarks.cli.options import Device, DeviceChoice, Overwrite
from warpmarks.limits import LEAST_VIEW, MOST_VIEW
from warpmarks.wording import counted

if TYPE_CHECKING:
    from warpmarks.benchmark.run import BenchmarkResult


def benchmark(
    seconds: Annotated[
        float, typer.Option(min=0.01, help="Seconds of measuring for each figure, about.")
    ] = 6.0,
    landmarks: Annotated[int, typer.Option(min=1, help="Landmarks that the network learns.")] = 10,
    sizes: Annotated[
        list[int] | None,
        typer.Option(
            "--size",
            min=LEAST_VIEW,
            max=MOST_VIEW,
            show_default="64, 80, 128",
            help="Side of the view in pixels; repeatable.",
        ),
    ] = None,
    recipe: Annotated[str, typer.Option(metavar="NAME|FILE", help="Settings to time.")] = "default",
    device: DeviceChoice = Device.AUTO,
    threads: Annotated[
        int | None,
        typer.Option(min=1, show_default="the machine's", help="CPU threads to compute with."),
    ] = None,
    json: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            show_default=False,
            help="Write all figures as JSON; -, or nothing, prints them in the place of the table.",
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Measure training and detection on this machine, and how near they come to its limit."""
    from warpmarks.benchmark.run import run_benchmark
    from warpmarks.cli.outputs import check_json, print_record
    from warpmarks.cli.progress import terminal_progress
    from warpmarks.recipe_reading import load_recipe
    from warpmarks.system.devices import choose_device
    from warpmarks.system.files import write_json

    to_stdout = check_json(json, overwrite=overwrite)
    load_recipe(recipe)  # one that is not there is told before anything is measured
    where = choose_device(device.value)
    with terminal_progress() as progress:
        result = run_benchmark(
            device=where,
            threads=threads,
            sizes=tuple(sizes or (64, 80, 128)),
            num_landmarks=landmarks,
            recipe=recipe,
            seconds_each=seconds,
            progress=progress,
        )
    record = _plain(asdict(result))
    if to_stdout:
        print_record(record)
        return
    if json is not None:
        write_json(json, record)
    print(table(result))


def table(result: "BenchmarkResult") -> str:
    """The figures, for stdout."""
    from warpmarks.benchmark.training_step import STAGES

    stages = " ".join(f"{stage:>{_width(stage)}}" for stage in STAGES)
    lines = [
        f"{result.machine}, {result.device}, {counted(result.threads, 'thread')}, "
        f"load before {result.load_before:.1f}",
        f"matrix product        {result.product_gflops:8.0f} GFLOP/s",
        f"convolution           {result.convolution_gflops:8.0f} GFLOP/s",
        "",
        f"training step, batches of {counted(result.batch_size, 'pair')}; shares of its time in %; "
        "a convolution in turn with it; unbroken: pairs/s of whole steps one after the other",
        f"  size    K  precision  threads  pairs/s  unbroken  {stages}  GFLOP/s"
        "  convolution  share of it",
    ]
    for timing in result.training:
        shares = " ".join(
            f"{100 * share:>{_width(stage)}.1f}"
            for stage, share in zip(STAGES, timing.stage_shares, strict=True)
        )
        lines.append(
            f"{timing.size:>6} {timing.num_landmarks:>4} {timing.precision:>10} {timing.threads:>8}"
            f" {timing.pairs_per_second:>8.1f} {timing.unbroken_pairs_per_second:>9.1f}  {shares}"
            f" {timing.gflops:>8.0f} {timing.convolution_gflops:>12.0f}"
            f" {100 * timing.convolution_share:>10.0f} %"
        )
    ratios, detection = result.ratios, result.detection
    lines += [
        f"bfloat16 over float32 {_times(ratios.bfloat16_over_float32)}, "
        f"{counted(result.threads, 'thread')} over one {_times(ratios.all_threads_over_one)}",
        "",
        "objective with its gradient, for a batch",
        "  size    K       ms     MB kept",
    ]
    lines += [
        f"{timing.size:>6} {timing.num_landmarks:>4} {timing.milliseconds:>8.2f}"
        f" {timing.megabytes:>11.1f}"
        for timing in result.objective
    ]
    lines += [
        "growth over linear, 1 is linear: "
        f"in K {ratios.landmarks_growth:.2f} of time, {ratios.landmarks_memory_growth:.2f} of "
        f"memory; in pixels {ratios.pixels_growth:.2f}, {ratios.pixels_memory_growth:.2f}",
        "",
        f"detection at {detection.size} px, {counted(detection.looks, 'look')} at an image "
        f"(copies in the last: {detection.copies}): "
        f"{detection.from_files:.0f} images/s from files, "
        f"{detection.reading:.0f} images/s read on one thread, {detection.network:.0f} images/s in "
        f"the network ({100 * detection.convolution_share:.0f} % of convolution)",
        f"linear map from 30 landmarks to 5 points: {result.fit_many_seconds:.2f} s on 20,000 "
        f"images, {1e3 * result.fit_few_seconds:.0f} ms on 5",
        f"import beyond torch {result.import_seconds:.2f} s, --help {result.help_seconds:.2f} s, "
        f"peak memory of this benchmark {result.peak_megabytes:.0f} MB",
    ]
    return "\n".join(lines)


def _width(stage: str) -> int:
    return max(6, len(stage))


def _times(ratio: float) -> str:
    return "not measured" if math.isnan(ratio) else f"{ratio:.2f} x"


def _plain(value: object) -> object:
    """JSON knows no nan: null."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and math.isnan(value) else value
