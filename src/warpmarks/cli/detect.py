"""``warpmarks detect``: a run and images to a file of coordinates."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from warpmarks.cli.options import (
    AllowUnreadable,
    Device,
    DeviceChoice,
    Overwrite,
    Run,
    Split,
    Threads,
)
from warpmarks.cli.video import ImagesOrVideo, Overlay, Smooth, Trails, VideoOutput
from warpmarks.errors import InputError


def detect(
    run: Run,
    images: ImagesOrVideo,
    output: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="CSV file to write: image,x1,y1,...,xK,yK in pixels of the original image; "
            "the centre of its first pixel is (0, 0). Of a video frame,time,x1,y1,...",
        ),
    ] = Path("landmarks.csv"),
    scores: Annotated[
        bool,
        typer.Option(
            "--scores", help="Add score1,...,scoreK: confidence per landmark, 0 to 1 is best."
        ),
    ] = False,
    overlay: Overlay = None,
    trails: Trails = 0,
    smooth: Smooth = None,
    split: Split = None,
    batch_size: Annotated[
        int, typer.Option(min=1, help="Images that the network sees at a time.")
    ] = 32,
    allow_unreadable: AllowUnreadable = False,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on where a detection was stopped, from FILE.part."),
    ] = False,
    overwrite: Overwrite = False,
    device: DeviceChoice = Device.AUTO,
    threads: Threads = None,
) -> None:
    """Find the landmarks of a trained run on images or in a video, into a CSV file."""
    from warpmarks.cli.devices import prepare
    from warpmarks.cli.listing import left_out
    from warpmarks.cli.outputs import check_output_file
    from warpmarks.cli.progress import terminal_progress
    from warpmarks.cli.video import detect_in_video
    from warpmarks.datasets.image_set import find_images
    from warpmarks.datasets.landmark_file import part_of
    from warpmarks.detecting import Columns, detect_to_file
    from warpmarks.detector import Detector

    if resume and overwrite:
        raise InputError(
            "--resume and --overwrite were both given: one goes on, the other starts anew"
        )
    check_output_file(output, overwrite=overwrite)
    video = VideoOutput(overlay, trails, smooth)
    in_video = video.check(images, split=split, resume=resume, overwrite=overwrite)
    detector = Detector.load(run, device=prepare(device, threads))
    if in_video:
        detect_in_video(
            detector,
            images,
            output,
            num_landmarks=detector.num_landmarks,
            scores=scores,
            wanted=video,
            batch_size=batch_size,
        )
        return
    image_set = find_images(images, split=split)
    with terminal_progress() as progress:
        try:
            written = detect_to_file(
                detector,
                image_set,
                output,
                Columns(detector.num_landmarks, scores, made_by=detector.digest),
                batch_size=batch_size,
                resume=resume,
                overwrite=overwrite,
                allow_unreadable=allow_unreadable,
                progress=progress,
            )
        except KeyboardInterrupt:
            if part_of(output).exists():
                raise KeyboardInterrupt("go on with the same command and --resume") from None
            raise
    for line in left_out(written.unreadable):
        print(line, file=sys.stderr)
    print(f"{output}: {detector.num_landmarks} landmarks on {written.images} images")
