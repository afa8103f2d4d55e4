"""Options and arguments that several verbs share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from warpmarks.limits import LEAST_VIEW, MOST_BATCH, MOST_COPIES, MOST_VIEW


class Device(StrEnum):
    """Where the work is done."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


Images = Annotated[
    Path,
    typer.Argument(
        metavar="IMAGES",
        show_default=False,
        help="A folder of images (searched recursively), a text file with one path a line, or an "
        "image set (a folder with images/ and split.csv).",
    ),
]
Run = Annotated[
    Path, typer.Argument(metavar="RUN", show_default=False, help="The folder of a trained run.")
]
RunOrFile = Annotated[
    Path,
    typer.Argument(
        metavar="RUN",
        show_default=False,
        help="The folder of a trained run, or the .onnx file that `warpmarks export` made of it.",
    ),
]
Split = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        show_default="all images",
        help="Only the images of this split of an image set, e.g. train or val.",
    ),
]
DeviceChoice = Annotated[
    Device, typer.Option(help="Where to compute; auto takes a GPU where there is one.")
]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1,
        show_default="as a short trial finds fastest; of an .onnx file as onnxruntime chooses",
        help="CPU threads to compute with.",
    ),
]
Copies = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=MOST_COPIES,
        show_default="the run's; 3 of the default recipe",
        help="Copies of the object, a little turned, shifted and resized, that the last look sees; "
        "landmarks are means of theirs. 1 takes half the time of 3 and moves off more.",
    ),
]
Cache = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        show_default="$WARPMARKS_CACHE or the user's cache folder",
        help="Folder that keeps decoded images for the next run.",
    ),
]
AllowUnreadable = Annotated[
    bool,
    typer.Option(
        "--allow-unreadable",
        help="Go on where more than 5 % of the images cannot be read; they are left out.",
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there already.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        show_default=False,
        help="Change a setting of the recipe, e.g. warps.first.rotation=20; repeatable.",
    ),
]
RunOption = Annotated[
    Path,
    typer.Option(
        "--run",
        metavar="RUN",
        show_default=False,
        help="The folder of the run to make: weights, log, pictures.",
    ),
]
Steps = Annotated[
    int | None,
    typer.Option(
        min=1,
        show_default=False,
        help="Budget in training steps, one batch each, counted from the run's start.",
    ),
]
Minutes = Annotated[
    float | None,
    typer.Option(
        show_default=False,
        help="Budget in minutes of training, above 0, counted from the run's start.",
    ),
]
Recipe = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE",
        show_default=False,
        help="Settings to start from: default, paper or a YAML file; default if not given. "
        "A run that goes on has its own.",
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(min=0, show_default="the settings', 0", help="Seed of everything random."),
]
ImageSize = Annotated[
    int | None,
    typer.Option(
        min=LEAST_VIEW,
        max=MOST_VIEW,
        show_default="the settings', 96",
        help="Side in pixels of the view the network sees.",
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=MOST_BATCH,
        show_default="the settings', 16",
        help="Pairs of images, or annotated images, a step.",
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Go on where the run was stopped or killed, to the budget it has unless another is "
        "given.",
    ),
]
Devices = Annotated[
    int | None,
    typer.Option(
        min=1,
        show_default="1, or as many as torchrun or srun starts",
        help="Devices, or CPU processes, to use on each machine.",
    ),
]
Nodes = Annotated[
    int | None,
    typer.Option(
        min=1,
        show_default="1, or as many as torchrun or srun starts on",
        help="Machines to use, with a process on each of their --devices.",
    ),
]
CheckpointSeconds = Annotated[
    float,
    typer.Option(min=0.0, help="Seconds of training between checkpoints: what a kill can lose."),
]
TensorBoard = Annotated[
    bool,
    typer.Option(
        "--tensorboard",
        help="Write the log's numbers as curves for TensorBoard too, into RUN/tensorboard.",
    ),
]
