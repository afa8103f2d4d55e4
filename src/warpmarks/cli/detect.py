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
    Run,
    Split,
    Threads,
)
from warpmarks.errors import InputError


def detect(
    run: Run,
    images: Images,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            show_default="landmarks.csv, or points.csv with --regressor",
            help="CSV file to write: image,x1,y1,...,xK,yK in pixels of the original image; "
            "the centre of its first pixel is (0, 0).",
        ),
    ] = None,
    regressor: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            show_default=False,
            help="Write annotated points in the place of landmarks, by a regressor that "
            "`warpmarks fit` saved: its name inside the run, or its path. Their names go into a "
            ".json file beside the CSV.",
        ),
    ] = None,
    scores: Annotated[
        bool,
        typer.Option(
            "--scores",
            help="Add score1,...,scoreK: confidence per landmark, 0 to 1 is best; that of a point "
            "is the mean of its landmarks', each by its share in the point.",
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
    """Find the landmarks of a trained run, or annotated points, on images, into a CSV file."""
    import numpy as np

    from warpmarks.cli.devices import prepare
    from warpmarks.cli.listing import left_out
    from warpmarks.cli.outputs import check_output_file
    from warpmarks.cli.progress import terminal_progress
    from warpmarks.datasets.annotated import scheme_path, write_scheme
    from warpmarks.datasets.image_set import find_images
    from warpmarks.datasets.layout import write_landmarks
    from warpmarks.detector import Detector
    from warpmarks.point_detector import PointDetector

    if output is None:
        output = Path("landmarks.csv" if regressor is None else "points.csv")
    check_output_file(output, overwrite=overwrite)
    if regressor is not None:
        check_output_file(scheme_path(output), overwrite=overwrite, flag="names beside --output:")
    where = prepare(device, threads)
    detector: Detector | PointDetector
    if regressor is None:
        detector, scheme = Detector.load(run, device=where), None
        what = f"{detector.num_landmarks} landmarks"
    else:
        detector = PointDetector.load(run, regressor, device=where)
        scheme = detector.regressor.scheme
        what = f"{scheme.count} points"
    image_set = find_images(images, split=split)
    names, points, confidences, unreadable = [], [], [], []
    with terminal_progress() as progress:
        for found in detector.detect_images(
            image_set, batch_size=batch_size, allow_unreadable=allow_unreadable, progress=progress
        ):
            if found.detection is None:
                unreadable.append((found.name, found.reason or ""))
                continue
            names.append(found.name)
            points.append(found.detection.landmarks)
            confidences.append(found.detection.scores)
    if not names:
        raise InputError(f"{images}: none of its {len(unreadable)} images can be read")
    if scheme is not None:
        write_scheme(scheme_path(output), scheme)
    write_landmarks(
        output, names, np.stack(points), scores=np.stack(confidences) if scores else None
    )
    for line in left_out(unreadable):
        print(line, file=sys.stderr)
    print(f"{output}: {what} on {len(names)} images")
    if scheme is not None:
        print(f"{scheme_path(output)}: their names")
