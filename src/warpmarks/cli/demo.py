"""``warpmarks demo``: the whole of it on the built-in synthetic category."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from warpmarks.cli.options import Device, DeviceChoice, Overwrite, Settings, Threads
from warpmarks.limits import ENOUGH_LANDMARKS, MOST_LANDMARKS
from warpmarks.wording import counted

if TYPE_CHECKING:
    from warpmarks.demo import DemoResult


def demo(
    output: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for images, run, pictures and coordinates.")
    ] = Path("demo"),
    minutes: Annotated[float, typer.Option(help="Minutes of training, above 0.")] = 6.0,
    steps: Annotated[
        int | None,
        typer.Option(
            min=1, show_default="as --minutes", help="Training steps, in place of minutes."
        ),
    ] = None,
    landmarks: Annotated[
        int,
        typer.Option(
            min=1,
            max=MOST_LANDMARKS,
            help=f"Number of landmarks K; fewer than {ENOUGH_LANDMARKS} are chosen out of them.",
        ),
    ] = 10,
    images: Annotated[
        int, typer.Option(min=20, help="Images to render; a tenth of them is not trained on.")
    ] = 2000,
    settings: Settings = None,
    overwrite: Overwrite = False,
    device: DeviceChoice = Device.AUTO,
    threads: Threads = None,
) -> None:
    """Render images, train, detect, score and draw, in minutes on two CPU cores."""
    from warpmarks.cli.health import HealthTable
    from warpmarks.cli.progress import terminal_progress
    from warpmarks.demo import run_demo

    with terminal_progress() as progress:
        result = run_demo(
            output,
            count=images,
            num_landmarks=landmarks,
            minutes=minutes,
            steps=steps,
            settings=settings,
            device=device.value,
            threads=threads,
            overwrite=overwrite,
            progress=progress,
            on_evaluation=HealthTable(progress),
        )
    print(summary(result))


def summary(result: "DemoResult") -> str:
    """What came out, for stdout."""
    from warpmarks.cli.train_and_report import summary as training_summary

    return "\n".join(
        [
            training_summary(result.training),
            f"known points of {counted(result.scored, 'image')} not trained on, from the "
            "landmarks by a linear map; mean error in % of the eye distance:",
            f"  trained detector    {100 * result.error:6.1f}",
            f"  untrained network   {100 * result.untrained_error:6.1f}",
            f"  mean shape          {100 * result.mean_error:6.1f}",
            f"images: {result.images}",
            f"coordinates: {result.landmarks}",
            f"pictures and report: {result.report}",
        ]
    )
