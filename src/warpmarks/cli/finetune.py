"""``warpmarks finetune``: a run and other images to a run that is adapted to them."""

import math
from pathlib import Path
from typing import Annotated

import typer

from warpmarks.cli.options import (
    AllowUnreadable,
    BatchSize,
    Cache,
    CheckpointSeconds,
    Device,
    DeviceChoice,
    Devices,
    ImageSize,
    Minutes,
    Nodes,
    Overwrite,
    Resume,
    RunOption,
    Seed,
    Settings,
    Split,
    Steps,
    TensorBoard,
    Threads,
)
from warpmarks.cli.video import FrameChoiceOption, Frames, ImagesOrVideos
from warpmarks.errors import InputError


def finetune(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="RUN",
            show_default=False,
            help="The trained run to begin from; it stays as it is, and --resume does without it.",
        ),
    ],
    images: ImagesOrVideos,
    run: RunOption,
    steps: Steps = None,
    minutes: Minutes = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            show_default="0.3 of the first run's", help="Peak of the learning rate, above 0."
        ),
    ] = None,
    settings: Settings = None,
    split: Split = None,
    frames: Frames = None,
    frame_choice: FrameChoiceOption = None,
    seed: Seed = None,
    image_size: ImageSize = None,
    batch_size: BatchSize = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    allow_unreadable: AllowUnreadable = False,
    device: DeviceChoice = Device.AUTO,
    devices: Devices = None,
    nodes: Nodes = None,
    threads: Threads = None,
    cache: Cache = None,
    checkpoint_seconds: CheckpointSeconds = 60.0,
    tensorboard: TensorBoard = False,
) -> None:
    """Adapt a trained run to other images of the same kind of object, without annotations."""
    from warpmarks.cli.health import HealthTable
    from warpmarks.cli.progress import terminal_progress
    from warpmarks.cli.train_and_report import check_flags, setting_flags, train_and_report
    from warpmarks.cli.video import find_images_or_frames
    from warpmarks.recipe_reading import override
    from warpmarks.training import finetune as run_finetuning
    from warpmarks.training import finetuning_config

    if learning_rate is not None and not 0 < learning_rate < math.inf:
        raise InputError(f"--learning-rate is {learning_rate:g}: expected a finite number above 0")
    folder = check_flags(run, steps=steps, minutes=minutes, resume=resume, overwrite=overwrite)
    config = override(
        folder.record().config if resume else finetuning_config(source),
        setting_flags(
            optimiser__learning_rate=learning_rate,
            image__size=image_size,
            batch_size=batch_size,
            seed=seed,
        )
        + (settings or []),
    )
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
    train_and_report(
        folder,
        image_set,
        lambda conduct: run_finetuning(source, image_set, run, config, **conduct),
        {
            "steps": steps,
            "minutes": minutes,
            "resume": resume,
            "overwrite": overwrite,
            "devices": devices,
            "nodes": nodes,
            "device": device.value,
            "threads": threads,
            "cache_dir": cache,
            "allow_unreadable": allow_unreadable,
            "checkpoint_seconds": checkpoint_seconds,
            "tensorboard": tensorboard,
        },
        HealthTable,
    )
