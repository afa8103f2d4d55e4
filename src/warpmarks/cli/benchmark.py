"""``warpmarks benchmark``: the speed of this machine."""

from typing import TYPE_CHECKING, Annotated

import typer

from warpmarks.cli.options import Device, DeviceChoice, Threads

if TYPE_CHECKING:
    from warpmarks.benchmark import BenchmarkResult


def benchmark(
    seconds: Annotated[
        float, typer.Option(min=0.01, help="Seconds of measuring for each figure, about.")
    ] = 6.0,
    landmarks: Annotated[int, typer.Option(min=1, help="Number of landmarks K.")] = 10,
    sizes: Annotated[
        list[int] | None,
        typer.Option(
            "--size", show_default="64, 80, 128", help="Side of the view in pixels; repeatable."
        ),
    ] = None,
    recipe: Annotated[str, typer.Option(metavar="NAME|FILE", help="Settings to time.")] = "default",
    device: DeviceChoice = Device.AUTO,
    threads: Threads = None,
) -> None:
    """Measure training and detection on this machine, and how near they come to its limit."""
    from warpmarks.benchmark import run_benchmark
    from warpmarks.cli.devices import prepare
    from warpmarks.cli.progress import terminal_progress
    from warpmarks.configuration import load_recipe

    load_recipe(recipe)  # one that is not there is told before anything is measured
    where = prepare(device, threads)
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
    print(table(result))


def table(result: "BenchmarkResult") -> str:
    """The figures, for stdout."""
    from warpmarks.benchmark import STAGES

    stages = " ".join(f"{stage:>{_width(stage)}}" for stage in STAGES)
    lines = [
        f"{result.machine}, {result.device}, {result.threads} threads, "
        f"load before {result.load_before:.1f}",
        f"matrix product        {result.product_gflops:8.0f} GFLOP/s",
        f"convolution           {result.convolution_gflops:8.0f} GFLOP/s",
        "",
        f"training step, K = {result.num_landmarks}, batches of {result.batch_size} pairs; "
        "shares of its time in %",
        f"  size  pairs/s  {stages}   GFLOP/s  of convolution",
    ]
    for timing in result.training:
        shares = " ".join(
            f"{100 * share:>{_width(stage)}.1f}"
            for stage, share in zip(STAGES, timing.stage_shares, strict=True)
        )
        lines.append(
            f"{timing.size:>6} {timing.pairs_per_second:>8.1f}  {shares} {timing.gflops:>9.0f}"
            f" {100 * timing.convolution_share:>13.0f} %"
        )
    lines += [
        "",
        f"detection at {result.detection_size} px: "
        f"{result.detection_images_per_second:.0f} images/s from files, "
        f"{result.network_images_per_second:.0f} images/s in the network",
    ]
    return "\n".join(lines)


def _width(stage: str) -> int:
    return max(6, len(stage))
