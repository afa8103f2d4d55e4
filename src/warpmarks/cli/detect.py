"""``warpmarks detect``: a run and images to a file of coordinates."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from warpmarks.cli.options import (
    AllowUnreadable,
    Device,
    DeviceChoice,
    Images,
    Overwrite,
    RunOrFile,
    Split,
    Threads,
)
from warpmarks.errors import InputError


def detect(
    run: RunOrFile,
    images: Images,
    output: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="CSV file to write: image,x1,y1,...,xK,yK in pixels of the original image; "
            "the centre of its first pixel is (0, 0).",
        ),
    ] = Path("landmarks.csv"),
    scores: Annotated[
        bool,
        typer.Option(
            "--scores", help="Add score1,...,scoreK: confidence per landmark, 0 to 1 is best."
        ),
    ] = False,
    split: Split = None,
    batch_size: Annotated[
        int, typer.Option(min=1, help="Images that the network sees at a time.")
    ] = 32,
    allow_unreadable: AllowUnreadable = False,
    overwrite: Overwrite = False,
    device: DeviceChoice = Device.AUTO,
    threads: Threads = None,
) -> None:
    """Find the landmarks of a trained run on images, into a CSV file."""
    import numpy as np

    from warpmarks.cli.detectors import load_detector
    from warpmarks.cli.listing import left_out
    from warpmarks.cli.outputs import check_output_file
    from warpmarks.cli.progress import terminal_progress
    from warpmarks.datasets.image_set import find_images
    from warpmarks.datasets.layout import write_landmarks

    check_output_file(output, overwrite=overwrite)
    detector = load_detector(run, device, threads)
    image_set = find_images(images, split=split)
    names, landmarks, confidences, unreadable = [], [], [], []
    with terminal_progress() as progress:
        for found in detector.detect_images(
            image_set, batch_size=batch_size, allow_unreadable=allow_unreadable, progress=progress
        ):
            if found.detection is None:
                unreadable.append((found.name, found.reason or ""))
                continue
            names.append(found.name)
            landmarks.append(found.detection.landmarks)
            confidences.append(found.detection.scores)
    if not names:
        raise InputError(f"{images}: none of its {len(unreadable)} images can be read")
    write_landmarks(
        output, names, np.stack(landmarks), scores=np.stack(confidences) if scores else None
    )
    for line in left_out(unreadable):
        print(line, file=sys.stderr)
    print(f"{output}: {detector.num_landmarks} landmarks on {len(names)} images")
