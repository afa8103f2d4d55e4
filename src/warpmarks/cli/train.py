"""``warpmarks train``: a folder of images to a run with a detector."""

from typing import TYPE_CHECKING, Annotated

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
from warpmarks.cli.video import FrameChoiceOption, Frames, ImagesOrVideos
from warpmarks.limits import ENOUGH_LANDMARKS, MOST_LANDMARKS

if TYPE_CHECKING:
    from warpmarks.configuration import TrainingConfig

DEFAULT_RECIPE = "default"


def train(
    images: ImagesOrVideos,
    run: RunOption,
    landmarks: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST_LANDMARKS,
            show_default=f"the recipe's: {ENOUGH_LANDMARKS}, of paper 10",
            help="Number of landmarks K: ten are easier to look at, fifty say more of points of "
            f"your own. The default recipe chooses fewer out of {ENOUGH_LANDMARKS}.",
        ),
    ] = None,
    steps: Steps = None,
    minutes: Minutes = None,
    recipe: Recipe = None,
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
    profile: Annotated[
        bool,
        typer.Option(
            "--profile", help="Tell where the time went; on a GPU measuring slows a run down."
        ),
    ] = False,
) -> None:
    """Learn landmarks from images, without annotations; until converged, without a budget.

    That is 23,251 steps at the least with the default recipe, often 45,000 to
    67,500: hours. The published figures took --steps 10400: 22 minutes on two
    idle CPU cores, an hour or more on one that other work shares.
    """
    from warpmarks.cli.health import HealthTable
    from warpmarks.cli.progress import terminal_progress
    from warpmarks.cli.train_and_report import (
        check_flags,
        check_resumed_recipe,
        setting_flags,
        train_and_report,
    )
    from warpmarks.cli.video import find_images_or_frames
    from warpmarks.training import train as run_training

    folder = check_flags(run, steps=steps, minutes=minutes, resume=resume, overwrite=overwrite)
    flags = setting_flags(image__size=image_size, batch_size=batch_size, seed=seed)
    resumed = folder.record().config if resume else None
    config = choose_config(
        resumed,
        recipe=recipe,
        settings=flags + (settings or []),
        landmarks=landmarks,
    )
    if resumed is not None:
        check_resumed_recipe(folder, resumed, recipe, config)
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
        lambda conduct: run_training(
            image_set, run, config, recipe=recipe or DEFAULT_RECIPE, **conduct
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
        HealthTable,
        profile=profile,
    )


def choose_config(
    resumed: "TrainingConfig | None",
    *,
    recipe: str | None,
    settings: list[str],
    landmarks: int | None,
) -> "TrainingConfig":
    """The recipe's settings, or those of the run that goes on, changed by the flags.

    Raises:
        InputError: no such recipe or setting, or values that do not fit together.
    """
    from warpmarks.recipe_reading import build_config, load_recipe, override

    config = load_recipe(recipe or DEFAULT_RECIPE) if recipe or resumed is None else resumed
    if landmarks is None:
        return override(config, settings)
    # Whether K landmarks fit is judged last, on the map that the other settings make.
    config = override(config.model_copy(update={"num_landmarks": 1}), settings)
    wanted = {**config.model_dump(), "num_landmarks": landmarks}
    return build_config(wanted, source=f"--landmarks {landmarks}")
