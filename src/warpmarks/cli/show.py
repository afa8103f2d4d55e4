"""``warpmarks show``: the paper's figures of a run on images."""

from pathlib import Path
from typing import Annotated

import typer

from warpmarks.cli.options import (
    AllowUnreadable,
    Cache,
    Device,
    DeviceChoice,
    Overwrite,
    Run,
    Split,
    Threads,
)
from warpmarks.cli.video import FrameChoiceOption, Frames, ImagesOrVideos


def show(
    run: Run,
    images: ImagesOrVideos,
    output: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for report.html and pictures/.")
    ] = Path("pictures"),
    split: Split = None,
    frames: Frames = None,
    frame_choice: FrameChoiceOption = None,
    overwrite: Overwrite = False,
    allow_unreadable: AllowUnreadable = False,
    device: DeviceChoice = Device.AUTO,
    threads: Threads = None,
    cache: Cache = None,
) -> None:
    """Draw what a trained run finds on images: deformations, instances, maps and patches."""
    from warpmarks.cli.devices import prepare
    from warpmarks.cli.outputs import check_output_folder
    from warpmarks.cli.progress import terminal_progress
    from warpmarks.cli.video import find_images_or_frames
    from warpmarks.detectors.detector import Detector
    from warpmarks.report.run_report import report_run

    detector = Detector.load(run, device=prepare(device, threads))
    check_output_folder(output, overwrite=overwrite)
    with terminal_progress() as progress:
        image_set = find_images_or_frames(
            images,
            split=split,
            frames=frames,
            choice=frame_choice,
            cache=cache,
            allow_unreadable=allow_unreadable,
            progress=progress,
        )
        report = report_run(
            run,
            image_set,
            output=output,
            detector=detector,
            allow_unreadable=allow_unreadable,
            progress=progress,
        )
    print(f"{report}: open it in a browser; the pictures are in {output / 'pictures'}")
