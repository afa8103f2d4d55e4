"""``warpmarks detect``: a run and images to a file of coordinates."""

from pathlib import Path
from typing import Annotated

import typer

from warpmarks.cli.options import AllowUnreadable, BatchSize, Images, Overwrite, Run, Split

Output = Annotated[
    Path,
    typer.Option(
        metavar="FILE",
        help="CSV file to write: image,x1,y1,...,xK,yK in pixels of the original image, the centre "
        "of the first pixel is 0.",
    ),
]
Scores = Annotated[
    bool,
    typer.Option(
        "--scores", help="Add score1,...,scoreK: confidence of each landmark from 0 to 1."
    ),
]


def detect(
    run: Run,
    images: Images,
    output: Output = Path("landmarks.csv"),
    split: Split = None,
    scores: Scores = False,
    batch_size: BatchSize = 64,
    allow_unreadable: AllowUnreadable = False,
    overwrite: Overwrite = False,
) -> None:
    """Find the landmarks of a trained run on images, into a CSV file."""
    from warpmarks.cli.outputs import check_output_file
    from warpmarks.cli.progress import terminal_progress
    from warpmarks.datasets.image_set import find_images
    from warpmarks.datasets.layout import write_landmarks
    from warpmarks.detector import Detector

    check_output_file(output, overwrite=overwrite)
    detector = Detector.load(run)
    image_set = find_images(images, split=split)
    with terminal_progress() as progress:
        found = detector.detect_images(
            image_set, batch_size=batch_size, allow_unreadable=allow_unreadable, progress=progress
        )
    write_landmarks(output, found.names, found.landmarks, scores=found.scores if scores else None)
    print(f"{len(found.names)} images x {found.landmarks.shape[1]} landmarks: {output}")
