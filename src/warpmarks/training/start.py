"""From images to a run folder: what is checked and made before the loop goes round."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic

import torch
from torch import Tensor

from warpmarks.configuration import TrainingConfig
from warpmarks.datasets.aspect import middle_aspect
from warpmarks.datasets.cache import PictureCache, load_pictures
from warpmarks.datasets.image_set import ImageSet
from warpmarks.errors import InputError, LostProcess
from warpmarks.recipe_reading import first_difference
from warpmarks.runs.folder import RunFolder, provenance
from warpmarks.runs.geometry import Geometry, plan_geometry, require_room_for_padding
from warpmarks.runs.record import ImageSource, RunBudget, RunRecord
from warpmarks.runs.weights import build_network, load_weights
from warpmarks.system.memory import keep_freed_memory
from warpmarks.system.progress import Progress, SilentProgress
from warpmarks.system.stages import STOPPED
from warpmarks.system.threads import choose_threads
from warpmarks.training.checkpoint import Progressed, precision_of, threads_of
from warpmarks.training.conduct import Conduct, check_conduct
from warpmarks.training.facing import mirrored_share
from warpmarks.training.loop import TrainingLoop
from warpmarks.training.precision import choose_precision, has_bfloat16_arithmetic
from warpmarks.training.processes import Processes, count_processes
from warpmarks.training.randomness import generator_for
from warpmarks.training.schedule import Budget, Schedule
from warpmarks.training.step import Share
from warpmarks.training.task import Evaluation, MeasuresT, Task
from warpmarks.training.tensorboard import also_in_tensorboard
from warpmarks.wording import be, counted

FEW_STEPS = 1000
"""Below so many steps no setting is to blame yet."""

ONE_WAY = (
    "the pictures face one way: none is mirrored (--set warps.mirror=0.5 to find objects that face "
    "the other way too)"
)


@dataclass(frozen=True)
class TrainingResult(Generic[MeasuresT]):
    """What training did.

    Attributes:
        run: the run folder.
        steps: steps in all, those before a resume included.
        seconds: time in training and evaluation in all.
        evaluation: the last one.
        problems: a sentence for each way in which the run has collapsed; empty for a healthy one.
        unreadable: images left out, with reasons.
        repeated: number of images whose file has the same bytes as an earlier one's.
        earlier_steps: of the run that a fine-tuned one began from.
    """

    run: Path
    steps: int
    seconds: float
    evaluation: Evaluation[MeasuresT]
    problems: tuple[str, ...]
    unreadable: tuple[tuple[str, str], ...]
    repeated: int = 0
    earlier_steps: int = 0

    @property
    def advice(self) -> tuple[str, ...]:
        """The problems; before them, to train longer where the run has hardly begun."""
        if not self.problems or self.steps + self.earlier_steps >= FEW_STEPS:
            return self.problems
        longer = (
            f"{counted(self.steps, 'step')} of training {be(self.steps)} few, thousands are usual: "
            "train longer first (--resume with more --steps)"
        )
        return (longer, *self.problems)


@dataclass(frozen=True)
class Materials:
    """What a task is made from, at the start and after a resume alike."""

    cache: PictureCache
    config: TrainingConfig
    geometry: Geometry
    device: torch.device
    share: Share


@dataclass(frozen=True)
class RunPlan(Generic[MeasuresT]):
    """What is particular to one kind of run.

    Attributes:
        images: to learn from.
        config: all settings.
        recipe: its name, for the record.
        make_task: what the network learns.
        fewest_images: that will do.
        weights: the network's first ones, with the file they are from; random if None.
        about: further fields of a new run's record.
    """

    images: ImageSet
    config: TrainingConfig
    recipe: str
    make_task: Callable[[Materials], Task[MeasuresT]]
    fewest_images: int
    weights: tuple[dict[str, Tensor], Path] | None = None
    about: Mapping[str, Any] = field(default_factory=dict)


class Start:
    """The run folder that was asked for, free to be made or with the run that goes on.

    Attributes:
        folder: of the run.
        record: of the run that goes on; None of a new one.

    Args:
        run: the folder.
        conduct: how it is carried out.

    Raises:
        InputError: a run is there that may not be replaced, or none that could go on.
    """

    def __init__(self, run: str | Path, conduct: Conduct) -> None:
        check_conduct(conduct)
        self._conduct = conduct
        self._asked = Budget(conduct.get("steps"), conduct.get("minutes"))
        self.folder = RunFolder(run)
        self._made = False
        self.record = self.folder.record() if conduct.get("resume") else None
        if self.record is None:
            self.folder.refuse_existing(overwrite=conduct.get("overwrite", False))

    def settings(
        self, asked: TrainingConfig | None, default: Callable[[], TrainingConfig]
    ) -> TrainingConfig:
        """The settings that were asked for, or the default's; of a run that goes on its own.

        Raises:
            InputError: other settings than the run's were asked for.
        """
        if self.record is None:
            return asked if asked is not None else default()
        if asked is not None and asked != self.record.config:
            difference = first_difference(asked, self.record.config)
            raise InputError(
                f"{self.folder.path} was made with other settings ({difference}): leave them out "
                "to go on with --resume, or start anew with --overwrite"
            )
        return self.record.config

    def carry_out(
        self, plan: RunPlan[MeasuresT], *, default_budget: Budget | None = None
    ) -> TrainingResult[MeasuresT]:
        """Read the images, make the folder and train.

        Raises:
            InputError: see its sentence; nothing that was there before has been lost.
            KeyboardInterrupt: Ctrl-C, after a checkpoint.
        """
        conduct, config = self._conduct, plan.config
        devices, nodes = count_processes(conduct.get("devices"), conduct.get("nodes"))
        _check_share(config, devices * nodes)
        geometry = self._geometry(plan)
        require_room_for_padding(config.network, geometry)
        keep_freed_memory()
        processes = Processes(conduct.get("device", "auto"), devices, nodes)
        try:
            self._set_threads(processes)
            with processes.while_all_live(), ExitStack() as alone:
                with processes.together():
                    if processes.first:
                        alone.enter_context(self.folder.written_alone())
                result = self._train(plan, geometry, processes, default_budget or Budget())
                processes.part()
        except BaseException:
            processes.abandon()
            raise
        return result

    def _train(
        self, plan: RunPlan[MeasuresT], geometry: Geometry, processes: Processes, budget: Budget
    ) -> TrainingResult[MeasuresT]:
        conduct, folder = self._conduct, self.folder
        config = self._with_precision(plan.config, processes)
        fabric, first = processes.fabric, processes.first
        progress = (conduct.get("progress") if first else None) or SilentProgress()
        cache = processes.in_turn(lambda: self._pictures(plan, geometry, progress))
        budget = self._budget(budget)
        try:
            with processes.together():
                network = build_network(
                    config,
                    generator_for(config.seed, "weights", 0),
                    num_landmarks=config.learned_landmarks,
                )
                if plan.weights is not None:
                    load_weights(network, *plan.weights)
                share = Share(fabric.global_rank, fabric.world_size)
                task = plan.make_task(Materials(cache, config, geometry, fabric.device, share))
            loop = TrainingLoop(
                processes,
                folder,
                config,
                network,
                task,
                Schedule(config.schedule, budget, config.self_training.share),
                conduct.get("clock", STOPPED),
            )
            progress.message(f"computing in {config.precision} on {_place(processes)}")
            mirror = mirrored_share(config.warps.mirror, cache.pictures)
            if config.warps.mirror == "auto" and mirror == 0:
                progress.message(ONE_WAY)
            with ExitStack() as curves:
                on_evaluation = conduct.get("on_evaluation")
                with processes.together():
                    if self.record is not None:
                        loop.resume()
                        _check_not_past(budget, loop.progressed, folder.path)
                    if first:
                        self._write_record(plan, geometry, cache, mirror, budget)
                    if first and conduct.get("tensorboard"):
                        on_evaluation = curves.enter_context(
                            also_in_tensorboard(folder, on_evaluation)
                        )
                evaluation = loop.run(
                    checkpoint_seconds=conduct.get("checkpoint_seconds", 60.0),
                    evaluate_every=conduct.get("evaluate_every"),
                    progress=progress,
                    on_evaluation=on_evaluation if first else None,
                )
        except LostProcess:
            raise
        except (Exception, KeyboardInterrupt):
            if self._made:
                folder.bring_back_replaced()
            raise
        return TrainingResult(
            run=folder.path,
            steps=loop.progressed.step,
            seconds=loop.progressed.seconds,
            evaluation=evaluation,
            problems=tuple(evaluation.measures.problems()),
            unreadable=cache.unreadable,
            repeated=cache.repeated,
            earlier_steps=source.steps if (source := plan.about.get("source")) else 0,
        )

    def _set_threads(self, processes: Processes) -> None:
        """As many as asked for; one of several processes leaves the others their processors."""
        threads, alone = self._conduct.get("threads"), processes.count == 1
        if threads is None and self.record is not None and alone:
            threads = threads_of(self.folder)
        if threads is not None or alone:
            choose_threads(threads)

    def _with_precision(self, config: TrainingConfig, processes: Processes) -> TrainingConfig:
        """The settings with the precision that auto means here, in all processes the same."""
        in_bfloat16 = False
        with processes.together():
            if processes.first:
                in_bfloat16 = self._precision(config, processes) == torch.bfloat16
        agreed = processes.of_first(float(in_bfloat16)) > 0
        return config.model_copy(update={"precision": "bfloat16" if agreed else "float32"})

    def _precision(self, config: TrainingConfig, processes: Processes) -> torch.dtype:
        """What auto means here; of a run that goes on what it meant before, if it still can."""
        device = processes.fabric.device
        kept = None
        if self.record is not None and config.precision == "auto" and device.type == "cpu":
            kept = precision_of(self.folder)
        if kept == "bfloat16" and not has_bfloat16_arithmetic(device):
            kept = None
        return choose_precision(kept or config.precision, device)

    def _pictures(
        self, plan: RunPlan[MeasuresT], geometry: Geometry, progress: Progress
    ) -> PictureCache:
        cache = load_pictures(
            plan.images,
            height=geometry.picture[0],
            width=geometry.picture[1],
            fit=plan.config.image.fit,
            cache_dir=self._conduct.get("cache_dir"),
            max_unreadable=1.0 if self._conduct.get("allow_unreadable") else 0.05,
            progress=progress,
        )
        self._check_images(plan, cache)
        return cache

    def _geometry(self, plan: RunPlan[MeasuresT]) -> Geometry:
        record, image = self.record, plan.config.image
        if record is not None:
            return Geometry(
                picture=(record.picture_height, record.picture_width),
                view=(record.view_height, record.view_width),
            )
        aspect = middle_aspect(plan.images) if image.aspect == "auto" else image.aspect
        return plan_geometry(image, aspect)

    def _check_images(self, plan: RunPlan[MeasuresT], cache: PictureCache) -> None:
        source, count = plan.images.source, len(cache.names)
        if count < plan.fewest_images:
            raise InputError(
                f"{source}: found {counted(count, 'readable image')}, expected at least "
                f"{plan.fewest_images}, and better some hundreds, of one kind of object"
            )
        if self.record is not None and self.record.images.digest != cache.key:
            same = "images"
            if plan.images.of_videos:
                same = "videos, and --frames and --frame-choice as before,"
            raise InputError(
                f"{source}: these are not the {counted(self.record.images.count, 'image')} that "
                f"{self.folder.path} was trained on{self._first_other_image(cache)}: give the same "
                f"{same} to go on with --resume"
            )

    def _first_other_image(self, cache: PictureCache) -> str:
        """A clause that names an image that is new or missing, where the run knows its images."""
        before = self.folder.read_names()
        if before is None:
            return ""
        new, missing = (
            sorted(set(cache.names) - set(before)),
            sorted(set(before) - set(cache.names)),
        )
        told = [
            f"{counted(len(names), word + ' one')}, such as {names[0]}"
            for word, names in (("new", new), ("missing", missing))
            if names
        ]
        return f" ({'; '.join(told) or 'the same names, but other contents'})"

    def _budget(self, default: Budget) -> Budget:
        if self._asked != Budget():
            return self._asked
        if self.record is None:
            return default
        return Budget(self.record.budget.steps, self.record.budget.minutes)

    def _write_record(
        self,
        plan: RunPlan[MeasuresT],
        geometry: Geometry,
        cache: PictureCache,
        mirror: float,
        budget: Budget,
    ) -> None:
        kept = RunBudget(steps=budget.steps, minutes=budget.minutes)
        if self.record is None:
            record = new_record(plan, geometry, cache, mirror, kept)
            self.folder.create(record, overwrite=self._conduct.get("overwrite", False))
            self._made = True
            self.folder.write_names(cache.names)
            self.folder.write_unreadable(cache.unreadable)
            return
        if self.record.budget != kept:
            self.folder.update(self.record.model_copy(update={"budget": kept}))


def _place(processes: Processes) -> str:
    """What the network is computed by, in words."""
    if processes.fabric.device.type == "cuda":
        return counted(processes.count, "GPU")
    if processes.count > 1:
        return f"{processes.count} processes"
    return counted(torch.get_num_threads(), "thread")


def _check_not_past(budget: Budget, done: Progressed, run: Path) -> None:
    """Whether a run has no more steps than it is to have."""
    if budget.steps is not None and budget.steps < done.step:
        raise InputError(
            f"{run} has {counted(done.step, 'step')} already, and {budget.steps} were asked for: "
            "the number is that of all steps, those before --resume included"
        )


def _check_share(config: TrainingConfig, processes: int) -> None:
    """Whether the batch can be divided among processes without changing what is learned."""
    share, rest = divmod(config.batch_size, processes)
    if rest:
        raise InputError(
            f"batch_size {config.batch_size} cannot be divided among {processes} devices: give "
            f"--batch-size a multiple of {processes}, or another number of devices"
        )
    if processes > 1 and share % 2 and config.loss.exchange_weight > 0:
        raise InputError(
            f"batch_size {config.batch_size} gives each of {processes} devices "
            f"{counted(share, 'pair')}, but two exchange their descriptors: give --batch-size a "
            f"multiple of {2 * processes}, or fewer devices"
        )


def new_record(
    plan: RunPlan[MeasuresT],
    geometry: Geometry,
    cache: PictureCache,
    mirror: float,
    budget: RunBudget,
) -> RunRecord:
    """The record of a run that begins."""
    created, versions, commit = provenance()
    return RunRecord(
        config=plan.config,
        recipe=plan.recipe,
        view_height=geometry.view[0],
        view_width=geometry.view[1],
        picture_height=geometry.picture[0],
        picture_width=geometry.picture[1],
        mirror=mirror,
        images=ImageSource(
            name=plan.images.set_name,
            digest=cache.key,
            count=len(cache.names),
            unreadable=len(cache.unreadable),
        ),
        budget=budget,
        created=created,
        versions=versions,
        git_commit=commit,
        **plan.about,
    )
