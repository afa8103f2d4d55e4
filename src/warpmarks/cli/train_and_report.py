"""What the verbs that train share: checks of their flags, the run itself, what is told of it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warpmarks.errors import InputError, OutOfMemory
from warpmarks.wording import be, counted

if TYPE_CHECKING:
    from warpmarks.configuration import TrainingConfig
    from warpmarks.datasets.image_set import ImageSet
    from warpmarks.runs.folder import RunFolder
    from warpmarks.runs.record import RunBudget
    from warpmarks.system.progress import Progress
    from warpmarks.system.stages import StageClock
    from warpmarks.training import Conduct, Evaluation, TrainingResult


def check_flags(
    run: Path, *, steps: int | None, minutes: float | None, resume: bool, overwrite: bool
) -> "RunFolder":
    """The folder of the run, if the flags go together.

    Raises:
        InputError: two budgets, going on and starting anew, or nothing to go on with.
    """
    from warpmarks.runs.folder import RunFolder

    if steps is not None and minutes is not None:
        raise InputError("--steps and --minutes were both given: give one of them")
    if resume and overwrite:
        raise InputError(
            "--resume and --overwrite were both given: one goes on, the other starts anew"
        )
    folder = RunFolder(run)
    if resume and not folder.exists():
        raise InputError(
            f"--run {run} is no run: there is nothing to go on with, leave --resume out"
        )
    return folder


def check_resumed_recipe(
    folder: "RunFolder", resumed: "TrainingConfig", recipe: str | None, config: "TrainingConfig"
) -> None:
    """Raise where a run that goes on was made with other settings than a recipe's.

    Raises:
        InputError: see above; it names the recipe.
    """
    from warpmarks.recipe_reading import first_difference

    if recipe is not None and config != resumed:
        raise InputError(
            f"--recipe {recipe} was given with --resume, but {folder.path} was made with other "
            f"settings ({first_difference(config, resumed)}): leave --recipe out to go on, or "
            "start anew with --overwrite"
        )


def train_and_report(
    folder: "RunFolder",
    images: "ImageSet",
    work: "Callable[[Conduct], TrainingResult[Any]]",
    conduct: "Conduct",
    table: "Callable[[Progress], Callable[[Evaluation[Any]], None]]",
    *,
    profile: bool = False,
) -> None:
    """Train with progress on stderr, then print what came out and draw the report.

    Raises:
        InputError: see its sentence.
        KeyboardInterrupt: Ctrl-C, with what to do next.
    """
    from warpmarks.cli.devices import settling
    from warpmarks.cli.progress import terminal_progress
    from warpmarks.report.run_report import report_run
    from warpmarks.system.files import write_json
    from warpmarks.system.memory import out_of_memory
    from warpmarks.system.processes import is_first_process
    from warpmarks.system.stages import StageClock

    clock = StageClock(running=profile, settle=settling())
    conduct = {**conduct, "clock": clock}
    with terminal_progress() as progress:
        conduct = {**conduct, "progress": progress, "on_evaluation": table(progress)}
        try:
            result = work(conduct)
        except KeyboardInterrupt:
            if folder.exists() and folder.state_path.is_file():
                raise KeyboardInterrupt("go on with the same command and --resume") from None
            raise
        except (MemoryError, RuntimeError) as error:
            if (told := out_of_memory(error)) and folder.exists() and folder.state_path.is_file():
                kept = " (the last checkpoint is kept; --resume goes on, with the same settings)"
                raise OutOfMemory(gpu=told.gpu, kept=kept) from error
            raise
        if not is_first_process():
            return
        print(summary(result))
        if profile:
            write_json(folder.path / "profile.json", clock.seconds)
            print("\n".join(profile_lines(clock)))
        try:
            with folder.written_alone():
                page = report_run(
                    folder.path,
                    without(images, result.unreadable),
                    ending=ending(folder.record().budget, result.steps, result.seconds),
                    advice=result.advice,
                    device=conduct.get("device", "auto"),
                    allow_unreadable=True,
                    progress=progress,
                )
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                "training is complete; draw the pictures with warpmarks show"
            ) from None
        except (MemoryError, RuntimeError) as error:
            if (told := out_of_memory(error)) is None:
                raise
            progress.message(
                f"training is complete, but {told}: draw the pictures with warpmarks show"
            )
            return
    print(f"pictures and report: {page}")


def without(images: "ImageSet", unreadable: Sequence[tuple[str, str]]) -> "ImageSet":
    """The images that are not among those left out, which need not be told of again."""
    gone = {name for name, _ in unreadable}
    return images.subset(name for name in images.names if name not in gone)


def summary(result: "TrainingResult[Any]") -> str:
    """What came out, for stdout."""
    from warpmarks.cli.listing import left_out
    from warpmarks.cli.progress import clock_time
    from warpmarks.report.run_report import summarise
    from warpmarks.report.verdict import verdict_on
    from warpmarks.runs.folder import RunFolder

    found = summarise(RunFolder(result.run))
    what = "landmarks" if found.training_error is None else "points"
    lines = [
        f"{result.run}: {counted(result.steps, 'step')} in {clock_time(result.seconds)}, "
        f"{what} move off by {found.equivariance_error_percent:.2f} % of the view's shorter "
        "side under held-out warps",
        *left_out(result.unreadable),
    ]
    if result.repeated:
        lines.append(
            f"{counted(result.repeated, 'image')} {be(result.repeated)} the same file as another "
            "of them under another name: they bring nothing new."
        )
    if found.training_error is not None:
        lines.append(f"error on the annotated images themselves: {found.training_error}")
    lines.append(verdict_on(found).sentence)
    lines += [f"problem: {problem}" for problem in result.advice]
    return "\n".join(lines)


def profile_lines(clock: "StageClock") -> list[str]:
    """Where the time of a run went, for stdout."""
    shares = clock.shares()
    return ["where the time went:"] + [
        f"  {stage:<22}{seconds:>9.1f} s {100 * shares[stage]:>5.1f} %"
        for stage, seconds in clock.seconds.items()
    ]


def ending(budget: "RunBudget", steps: int, seconds: float) -> str:
    """Why training ended after so much, as a clause of the report."""
    if budget.steps is not None and steps >= budget.steps:
        return "as many as were asked for"
    if budget.minutes is not None and seconds >= 60 * budget.minutes:
        return f"its budget of {budget.minutes:g} min was used up"
    return "it has converged"


def setting_flags(**flags: int | float | None) -> list[str]:
    """The flags that were given, as assignments of settings; __ in a name stands for a dot."""
    return [
        f"{name.replace('__', '.')}={value}" for name, value in flags.items() if value is not None
    ]
