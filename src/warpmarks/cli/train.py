"""``warpmarks train``: a folder of images to a run with a detector."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from warpmarks.cli.options import (
    AllowUnreadable,
    Cache,
    Device,
    DeviceChoice,
    Images,
    Overwrite,
    Settings,
    Split,
    Threads,
)
from warpmarks.errors import InputError

if TYPE_CHECKING:
    from warpmarks.configuration import TrainingConfig
    from warpmarks.training import TrainingResult

DEFAULT_RECIPE = "default"
RECIPES = "the recipe's"


def train(
    images: Images,
    run: Annotated[
        Path,
        typer.Option(
            metavar="RUN", show_default=False, help="Folder of the run: weights, log, pictures."
        ),
    ],
    landmarks: Annotated[
        int | None,
        typer.Option(min=1, show_default=f"{RECIPES}, 10", help="Number of landmarks K."),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            min=1,
            show_default="until converged",
            help="Budget in training steps, one batch of pairs each; counted from the run's start.",
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            show_default="until converged",
            help="Budget in minutes of training; counted from the run's start.",
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            show_default="default; with --resume the run's own settings",
            help="Settings to start from: default, paper or a YAML file.",
        ),
    ] = None,
    settings: Settings = None,
    split: Split = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, show_default=f"{RECIPES}, 0", help="Seed of everything random."),
    ] = None,
    image_size: Annotated[
        int | None,
        typer.Option(
            min=16,
            max=1024,
            show_default=f"{RECIPES}, 80",
            help="Side in pixels of the view the network sees.",
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            min=1, max=4096, show_default=f"{RECIPES}, 16", help="Pairs of images a step."
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on where the run in RUN was stopped or killed."),
    ] = False,
    overwrite: Overwrite = False,
    allow_unreadable: AllowUnreadable = False,
    device: DeviceChoice = Device.AUTO,
    devices: Annotated[int, typer.Option(min=1, help="Devices, or CPU processes, to use.")] = 1,
    threads: Threads = None,
    cache: Cache = None,
    checkpoint_seconds: Annotated[
        float,
        typer.Option(
            min=0.0, help="Seconds of training between checkpoints: what a kill can lose."
        ),
    ] = 60.0,
) -> None:
    """Learn landmarks from images, without annotations."""
    if steps is not None and minutes is not None:
        raise InputError("--steps and --minutes were both given: give one of them")
    if resume and overwrite:
        raise InputError(
            "--resume and --overwrite were both given: one goes on, the other starts anew"
        )
    from warpmarks.cli.health import HealthTable
    from warpmarks.cli.progress import is_first_process, terminal_progress
    from warpmarks.datasets.image_set import find_images
    from warpmarks.report.run_report import report_run
    from warpmarks.run_folder import RunFolder
    from warpmarks.training import train as run_training

    folder = RunFolder(run)
    if resume and not folder.exists():
        raise InputError(
            f"--run {run} is no run: there is nothing to go on with, leave --resume out"
        )
    config = choose_config(
        folder.record().config if resume else None,
        recipe=recipe,
        settings=_assignments(image_size, batch_size, seed) + (settings or []),
        landmarks=landmarks,
    )
    image_set = find_images(images, split=split)
    with terminal_progress() as progress:
        try:
            result = run_training(
                image_set,
                run,
                config,
                recipe=recipe or DEFAULT_RECIPE,
                steps=steps,
                minutes=minutes,
                resume=resume,
                overwrite=overwrite,
                devices=devices,
                device=device.value,
                threads=threads,
                cache_dir=cache,
                allow_unreadable=allow_unreadable,
                checkpoint_seconds=checkpoint_seconds,
                progress=progress,
                on_evaluation=HealthTable(progress),
            )
        except KeyboardInterrupt:
            if folder.exists() and folder.state_path.is_file():
                raise KeyboardInterrupt("go on with the same command and --resume") from None
            raise
        if not is_first_process():
            return
        print(summary(result))
        try:
            page = report_run(
                run,
                image_set,
                ending=ending(steps, minutes),
                advice=result.problems,
                progress=progress,
            )
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                "training is complete; draw the pictures with warpmarks show"
            ) from None
    print(f"pictures and report: {page}")


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
    from warpmarks.configuration import build_config, load_recipe, override

    config = load_recipe(recipe or DEFAULT_RECIPE) if recipe or resumed is None else resumed
    if landmarks is None:
        return override(config, settings)
    # Whether K landmarks fit is judged last, on the map that the other settings make.
    config = override(config.model_copy(update={"num_landmarks": 1}), settings)
    wanted = {**config.model_dump(), "num_landmarks": landmarks}
    return build_config(wanted, source=f"--landmarks {landmarks}")


def summary(result: "TrainingResult") -> str:
    """What came out, for stdout."""
    from warpmarks.cli.listing import left_out
    from warpmarks.cli.progress import clock_time
    from warpmarks.report.run_report import summarise
    from warpmarks.report.verdict import verdict_on
    from warpmarks.run_folder import RunFolder

    health = result.evaluation.health
    verdict = verdict_on(summarise(RunFolder(result.run)))
    lines = [
        f"{result.run}: {result.steps} steps in {clock_time(result.seconds)}, landmarks move off "
        f"by {health.equivariance_error_percent:.2f} % of the view under held-out warps",
        *left_out(result.unreadable),
    ]
    lines.append(verdict.sentence)
    lines += [f"problem: {problem}" for problem in result.problems]
    return "\n".join(lines)


def ending(steps: int | None, minutes: float | None) -> str:
    """Why training ended, as a clause of the report."""
    if steps is not None:
        return "as many as were asked for"
    if minutes is not None:
        return f"{minutes:g} minutes were over"
    return "it has converged"


def _assignments(image_size: int | None, batch_size: int | None, seed: int | None) -> list[str]:
    flags = {"image.size": image_size, "batch_size": batch_size, "seed": seed}
    return [f"{key}={value}" for key, value in flags.items() if value is not None]
