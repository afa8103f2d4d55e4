"""``warpmarks fleet-detect``: a run and any number of images to Parquet, by many processes."""

from typing import Annotated

import typer

from warpmarks.cli.options import Copies, Device, DeviceChoice, Overwrite, RunOrFile, Split
from warpmarks.wording import counted


def fleet_detect(
    run: RunOrFile,
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            show_default=False,
            help="Images as for detect, a URL of them such as s3://BUCKET/FOLDER, or Parquet files "
            "with images as bytes: one, a folder or URL of them, or a pattern with *.",
        ),
    ],
    output: Annotated[
        str,
        typer.Option(
            metavar="DIR",
            help="The folder or URL to write: Parquet files with image, x1, y1, ..., score1, ..., "
            "width, height and, of an image that failed, error.",
        ),
    ],
    regressor: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            show_default=False,
            help="Write the annotated points of a regressor that `warpmarks fit` saved in the "
            "place of landmarks: its name inside the run, or its path.",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            show_default="one a GPU, or one a processor",
            help="Processes that detect, over all machines.",
        ),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            show_default="$RAY_ADDRESS or this machine alone",
            help="A Ray cluster to work on; auto finds the one that this machine belongs to.",
        ),
    ] = None,
    split: Split = None,
    image_column: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            show_default="the one with bytes",
            help="Column of Parquet files that has the images' bytes.",
        ),
    ] = None,
    name_column: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            show_default="name, file_name, filename, path, __key__, key, id or url, else FILE#ROW",
            help="Column of Parquet files that has the images' names.",
        ),
    ] = None,
    images_per_part: Annotated[
        int,
        typer.Option(
            min=1,
            help="Image files in each file of results, and lost with a process; of Parquet files "
            "it is a row group.",
        ),
    ] = 1000,
    batch_size: Annotated[
        int, typer.Option(min=1, help="Images that the network sees at a time.")
    ] = 32,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where a detection was stopped.")
    ] = False,
    overwrite: Overwrite = False,
    copies: Copies = None,
    device: DeviceChoice = Device.AUTO,
) -> None:
    """Find landmarks on many images with many processes or machines, into Parquet files."""
    from warpmarks.cli.progress import terminal_progress
    from warpmarks.errors import InputError
    from warpmarks.fleet import detect_on_fleet

    if resume and overwrite:
        raise InputError(
            "--resume and --overwrite were both given: one goes on, the other starts anew"
        )
    with terminal_progress() as progress:
        try:
            result = detect_on_fleet(
                run,
                source,
                output,
                regressor=regressor,
                copies=copies,
                split=split,
                image_column=image_column,
                name_column=name_column,
                images_per_part=images_per_part,
                batch_size=batch_size,
                workers=workers,
                device=device.value,
                address=address,
                resume=resume,
                overwrite=overwrite,
                progress=progress,
            )
        except KeyboardInterrupt:
            raise KeyboardInterrupt("go on with the same command and --resume") from None
    what = "landmark" if regressor is None else "point"
    found = counted(result.images - result.failed, "image")
    failed = f"; {result.failed} failed, see their error" if result.failed else ""
    print(f"{output}: {counted(result.points, what)} on {found}{failed}")
