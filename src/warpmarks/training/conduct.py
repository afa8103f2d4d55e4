"""How a run is carried out; nothing here decides what it computes but for its end."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict

from warpmarks.arguments import expect_number, expect_whole
from warpmarks.errors import InputError
from warpmarks.system.progress import Progress
from warpmarks.system.stages import StageClock
from warpmarks.training.task import Evaluation
from warpmarks.training.tensorboard import summary_writer


class Conduct(TypedDict, total=False):
    """The keywords that ``train``, ``finetune`` and ``supervise`` share.

    Attributes:
        steps: stop after so many steps in all.
        minutes: stop after so many minutes of training in all. A run that goes on with neither
            keeps the budget that it had.
        resume: go on from the run's last checkpoint. On a CPU, with the same number of threads and
            the same budget in steps or none, the weights end as those of an unbroken run, bit for
            bit.
        overwrite: replace a run that is there.
        devices: processes on each machine, each on its own device, among which a step's batch is
            divided; 1, or as many as torchrun or srun has started.
        nodes: machines; 1, or as many as torchrun or srun has started on.
        device: auto, cpu or cuda.
        threads: of each process's CPU arithmetic; if not given those of the run that goes on, or
            as many as a short trial finds fastest, see ``warpmarks.system.threads``.
        clock: told of the stages of the run, as for a profile.
        cache_dir: where decoded pictures are kept.
        allow_unreadable: go on however many images cannot be read.
        checkpoint_seconds: at most so much work is lost when the run is killed; 60 if not given.
        tensorboard: write each evaluation's numbers for TensorBoard too, into the run's folder
            ``tensorboard``.
        evaluate_every: steps between evaluations; by the clock if not given.
        progress: who is told how far it is.
        on_evaluation: called with each evaluation.
    """

    steps: int | None
    minutes: float | None
    resume: bool
    overwrite: bool
    devices: int | None
    nodes: int | None
    device: str
    threads: int | None
    clock: StageClock
    cache_dir: Path | None
    allow_unreadable: bool
    checkpoint_seconds: float
    tensorboard: bool
    evaluate_every: int | None
    progress: Progress | None
    on_evaluation: Callable[[Evaluation[Any]], None] | None


def check_conduct(conduct: Conduct) -> None:
    """Raise unless the keywords are known and go together.

    Raises:
        TypeError: an unknown keyword.
        InputError: no number, a count below 1, both ``resume`` and ``overwrite``, or TensorBoard
            was asked for and is not installed.
    """
    if unknown := sorted(conduct.keys() - Conduct.__annotations__.keys()):
        known = ", ".join(Conduct.__annotations__)
        raise TypeError(f"there is no keyword {unknown[0]!r}: expected some of {known}")
    given: dict[str, Any] = {**conduct}
    for name in ("steps", "devices", "nodes", "threads", "evaluate_every"):
        if (count := given.get(name)) is not None:
            expect_whole(count, "--steps" if name == "steps" else name)
    for name in ("minutes", "checkpoint_seconds"):
        if (length := given.get(name)) is not None:
            expect_number(length, name)
    if conduct.get("resume") and conduct.get("overwrite"):
        raise InputError("resume and overwrite were both asked for: one goes on, one starts anew")
    if conduct.get("tensorboard"):
        summary_writer()
