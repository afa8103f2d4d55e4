"""``warpmarks supervise``: the paper's baseline, the network trained on annotations."""

from pathlib import Path
from typing import Annotated

import typer

from warpmarks.cli.fit import Normaliser
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
    Recipe,
    Resume,
    RunOption,
    Seed,
    Settings,
    Split,
    Steps,
    TensorBoard,
    Threads,
)


def supervise(
    annotated_set: Annotated[
        Path,
        typer.Argument(
            metavar="SET",
            show_default=False,
            help="An image set with annotations: a folder with images/ and landmarks.csv.",
        ),
    ],
    run: RunOption,
    labels: Annotated[
        int | None,
        typer.Option(
            show_default="all",
            help="Train on so many of the annotated images only, drawn with --seed.",
        ),
    ] = None,
    steps: Steps = None,
    minutes: Minutes = None,
    recipe: Recipe = None,
    settings: Settings = None,
    split: Split = None,
    normaliser: Normaliser = None,
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
    """Train on annotated points, from scratch, as the paper's baseline; 3000 steps by default."""
    from warpmarks.cli.health import ErrorTable
    from warpmarks.cli.listing import read_told
    from warpmarks.cli.train import DEFAULT_RECIPE
    from warpmarks.cli.train_and_report import (
        check_flags,
        check_resumed_recipe,
        setting_flags,
        train_and_report,
    )
    from warpmarks.recipe_reading import build_config, load_recipe, override
    from warpmarks.training import supervise as run_supervision

    folder = check_flags(run, steps=steps, minutes=minutes, resume=resume, overwrite=overwrite)
    annotated = read_told(annotated_set, split=split, normaliser=normaliser)
    flags = setting_flags(image__size=image_size, batch_size=batch_size, seed=seed)
    resumed = folder.record().config if resume else None
    if resumed is not None and recipe is None:
        config = resumed
    else:
        config = load_recipe(recipe or DEFAULT_RECIPE)
        points = {**config.model_dump(), "num_landmarks": annotated.scheme.count}
        config = build_config(points, source=str(annotated.source))
    config = override(config, flags + (settings or []))
    if resumed is not None:
        check_resumed_recipe(folder, resumed, recipe, config)
    train_and_report(
        folder,
        annotated.images,
        lambda conduct: run_supervision(
            annotated, run, config, labels=labels, recipe=recipe or DEFAULT_RECIPE, **conduct
        ),
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
        ErrorTable,
    )
