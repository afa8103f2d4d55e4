"""``warpmarks benchmark``: the speed of this machine."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from warpmarks.cli.options import Device, DeviceChoice, Overwrite, Threads

if TYPE_CHECKING:
    from warpmarks.benchmark import BenchmarkResult


def benchmark(
    landmarks: Annotated[int, typer.Option(min=1, help="Number of landmarks K.")] = 10,
    recipe: Annotated[
        str, typer.Option(metavar="NAME|FILE", help="Settings of the network and the training.")
    ] = "default",
    seconds: Annotated[
        float, typer.Option(min=0.1, help="Seconds to spend on each figure.")
    ] = 6.0,
    json: Annotated[
        Path | None,
        typer.Option(metavar="FILE", show_default=False, help="Write the figures here as well."),
    ] = None,
    overwrite: Overwrite = False,
    device: DeviceChoice = Device.AUTO,
    threads: Threads = None,
) -> None:
    """Measure training and detection on this machine, and how near they come to its limit."""
    from dataclasses import asdict

    from rich.console import Console

    from warpmarks.benchmark import run_benchmark
    from warpmarks.cli.devices import prepare
    from warpmarks.cli.outputs import check_output_file
    from warpmarks.cli.progress import terminal_progress
    from warpmarks.files import write_json

    if json is not None:
        check_output_file(json, overwrite=overwrite)
    with terminal_progress() as progress:
        result = run_benchmark(
            device=prepare(device, threads),
            threads=threads,
            num_landmarks=landmarks,
            recipe=recipe,
            seconds_each=seconds,
            progress=progress,
        )
    if json is not None:
        write_json(json, asdict(result))
    print_tables(result, Console(width=None if Console().is_terminal else 110))


def print_tables(result: "BenchmarkResult", console: "object") -> None:
    """The figures as two tables on stdout."""
    from rich.console import Console
    from rich.table import Table

    from warpmarks.benchmark import STAGES

    assert isinstance(console, Console)
    console.print(
        f"{result.machine}, {result.device}, {result.threads} threads, load before "
        f"{result.load_before:.2f}; K = {result.num_landmarks}, {result.batch_size} pairs a step"
    )
    rates = Table(title="arithmetic and detection", title_justify="left")
    rates.add_column("what")
    rates.add_column("rate", justify="right")
    rates.add_row("large matrix product", f"{result.product_gflops:,.0f} GFLOP/s")
    rates.add_row("large convolution", f"{result.convolution_gflops:,.0f} GFLOP/s")
    size = result.detection_size
    rates.add_row(
        f"detection from files, {size} px", f"{result.detection_images_per_second:,.0f} images/s"
    )
    rates.add_row(
        f"network alone, {size} px", f"{result.network_images_per_second:,.0f} images/s"
    )
    console.print(rates)
    training = Table(title="training step, everything in", title_justify="left")
    for name in ("view", "pairs/s", "GFLOP/s", "of convolution", *STAGES):
        training.add_column(name, justify="right")
    for timing in result.training:
        training.add_row(
            f"{timing.size} px",
            f"{timing.pairs_per_second:.1f}",
            f"{timing.gflops:.0f}",
            f"{timing.convolution_share:.0%}",
            *(f"{share:.1%}" for share in timing.stage_shares),
        )
    console.print(training)
