"""Training, from an image set to a run folder (sec. 4.1): the plain loop."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from warpmarks.configuration import TrainingConfig, load_recipe
from warpmarks.datasets.aspect import middle_aspect
from warpmarks.datasets.cache import PictureCache, load_pictures
from warpmarks.datasets.image_set import ImageSet
from warpmarks.errors import InputError
from warpmarks.geometry import Geometry, plan_geometry
from warpmarks.progress import Progress, SilentProgress
from warpmarks.run_folder import ImageSource, RunFolder, RunRecord, provenance
from warpmarks.training.checkpoint import Progressed, load_checkpoint, save_checkpoint
from warpmarks.training.health import Health, diagnose, locate, measure_health
from warpmarks.training.interruption import stop_requested
from warpmarks.training.optimiser import make_optimiser, set_learning_rate
from warpmarks.training.randomness import generator_for
from warpmarks.training.schedule import Budget, Schedule
from warpmarks.training.step import (
    BatchMaker,
    Share,
    objective_of_batch,
    objective_of_maps,
    objective_unit,
)
from warpmarks.weights import build_network

if TYPE_CHECKING:
    from lightning_fabric import Fabric

FEWEST_IMAGES = 2
WARN_AFTER = 0.4
"""From this share of the budget on, a collapse is told as soon as it is measured."""


@dataclass(frozen=True)
class Evaluation:
    """A run's state at one step, on the held-out pairs; a line of ``log.jsonl``."""

    step: int
    seconds: float
    pairs_per_second: float
    learning_rate: float
    loss: float
    equivariance: float
    diversity: float
    health: Health

    def line(self) -> dict[str, Any]:
        """Flat plain values."""
        values = asdict(self)
        return values | values.pop("health")


@dataclass(frozen=True)
class TrainingResult:
    """What training did.

    Attributes:
        run: the run folder.
        steps: steps in all, those before a resume included.
        seconds: time in training and evaluation in all.
        evaluation: the last one.
        problems: a sentence for each way in which the run has collapsed; empty for a healthy one.
        unreadable: images left out, with reasons.
    """

    run: Path
    steps: int
    seconds: float
    evaluation: Evaluation
    problems: tuple[str, ...]
    unreadable: tuple[tuple[str, str], ...]


def train(
    images: ImageSet,
    run: str | Path,
    config: TrainingConfig | None = None,
    *,
    recipe: str = "default",
    steps: int | None = None,
    minutes: float | None = None,
    resume: bool = False,
    overwrite: bool = False,
    devices: int = 1,
    device: str = "auto",
    threads: int | None = None,
    cache_dir: Path | None = None,
    allow_unreadable: bool = False,
    checkpoint_seconds: float = 60.0,
    evaluate_every: int = 100,
    progress: Progress | None = None,
    on_evaluation: Callable[[Evaluation], None] | None = None,
) -> TrainingResult:
    """Learn landmarks from images alone and leave a run folder.

    Args:
        images: what to learn from.
        run: the folder to make, or with ``resume`` to go on in.
        config: all settings; those of ``recipe`` if not given, and with ``resume`` the run's own.
        recipe: name for the record.
        steps: stop after so many steps in all.
        minutes: stop after so many minutes of training in all. Without a budget training goes on
            until the schedule says that it has converged.
        resume: go on from the run's last checkpoint. On a CPU, with the same number of threads and
        a
            budget in steps or none, the weights end as those of an unbroken run, bit for bit.
        overwrite: replace a run that is there.
        devices: processes, each on its own device; a step's batch is divided among them.
        device: auto, cpu or cuda.
        threads: of each process's CPU arithmetic; torch's own choice if not given.
        cache_dir: where decoded pictures are kept.
        allow_unreadable: go on however many images cannot be read.
        checkpoint_seconds: at most so much work is lost when the run is killed.
        evaluate_every: steps between evaluations.
        progress: who is told how far it is.
        on_evaluation: called with each evaluation.

    Raises:
        InputError: see its sentence; nothing that was there before has been lost.
        KeyboardInterrupt: Ctrl-C, after a checkpoint.
    """
    progress = progress or SilentProgress()
    budget = _checked_budget(steps, minutes)
    folder = RunFolder(run)
    record = folder.record() if resume else None
    if record is None:
        folder.refuse_existing(overwrite=overwrite)
    elif config is not None and config != record.config:
        raise InputError(
            f"{run} was made with other settings ({_first_difference(config, record.config)}): "
            "leave them out to go on with --resume, or start anew with --overwrite"
        )
    config = record.config if record else config or load_recipe(recipe)
    if config.batch_size % devices:
        raise InputError(
            f"batch_size {config.batch_size} cannot be divided among {devices} devices"
        )
    if threads is not None:
        torch.set_num_threads(threads)

    geometry = (
        Geometry(
            (record.picture_height, record.picture_width), (record.view_height, record.view_width)
        )
        if record
        else plan_geometry(config.image, _aspect(images, config))
    )
    cache = load_pictures(
        images,
        height=geometry.picture[0],
        width=geometry.picture[1],
        fit=config.image.fit,
        cache_dir=cache_dir,
        max_unreadable=1.0 if allow_unreadable else 0.05,
        progress=progress,
    )
    if len(cache.names) < FEWEST_IMAGES:
        raise InputError(
            f"{images.root}: found {len(cache.names)} readable image, expected at least "
            f"{FEWEST_IMAGES}, and better some hundreds, of one kind of object"
        )
    if record is not None and record.images.digest != cache.key:
        raise InputError(
            f"{images.root}: these are not the {record.images.count} images that {run} was trained "
            "on: give the same images to go on with --resume"
        )

    fabric = _launch(device, devices)
    if fabric.is_global_zero and record is None:
        folder.create(_new_record(config, recipe, geometry, images, cache), overwrite=overwrite)
        folder.write_unreadable(cache.unreadable)
    fabric.barrier()
    loop = _Loop(
        fabric, folder, config, geometry, cache.pictures, Schedule(config.schedule, budget)
    )
    if record is not None:
        loop.resume()
    evaluation = loop.run(
        checkpoint_seconds=checkpoint_seconds,
        evaluate_every=evaluate_every,
        progress=progress if fabric.is_global_zero else SilentProgress(),
        on_evaluation=on_evaluation if fabric.is_global_zero else None,
    )
    return TrainingResult(
        run=folder.path,
        steps=loop.progressed.step,
        seconds=loop.progressed.seconds,
        evaluation=evaluation,
        problems=tuple(diagnose(evaluation.health)),
        unreadable=cache.unreadable,
    )


class _Loop:
    """The parts of a run that change as it trains."""

    def __init__(
        self,
        fabric: "Fabric",
        folder: RunFolder,
        config: TrainingConfig,
        geometry: Geometry,
        pictures: np.ndarray,
        schedule: Schedule,
    ) -> None:
        self.fabric, self.folder, self.config, self.schedule = fabric, folder, config, schedule
        self.bare_network = build_network(config, generator_for(config.seed, "weights", 0)).to(
            fabric.device
        )
        optimiser = make_optimiser(self.bare_network, config.optimiser)
        self.network, self.optimiser = fabric.setup(self.bare_network, optimiser)
        self.batches = BatchMaker(
            pictures,
            config,
            geometry,
            device=fabric.device,
            share=Share(fabric.global_rank, fabric.world_size),
        )
        self.unit = objective_unit(config.loss, geometry).to(fabric.device)
        self.health_unit = objective_unit(config.loss.model_copy(update={"unit": "view"}), geometry)
        self.held_out = self.batches.held_out(max(8, config.batch_size))
        self.progressed = Progressed()

    def resume(self) -> None:
        """Go on from the last checkpoint."""
        self.progressed, state = load_checkpoint(self.folder, self.bare_network, self.optimiser)
        self.schedule.restore(state)
        if self.fabric.is_global_zero:
            self.folder.truncate_log(self.progressed.step)

    def run(
        self,
        *,
        checkpoint_seconds: float,
        evaluate_every: int,
        progress: Progress,
        on_evaluation: Callable[[Evaluation], None] | None,
    ) -> Evaluation:
        """Train until the schedule says that it is over; the last evaluation."""
        done = self.progressed
        self._announce(progress)
        last_saved = last_evaluated = time.monotonic()
        began, evaluated_step = last_saved - done.seconds, done.step
        told: set[str] = set()
        evaluation = None
        with stop_requested() as stopped:
            while not self.schedule.over(done.step, done.seconds):
                before = done.seconds
                self._step(done)
                now = time.monotonic()
                done.seconds = self._agreed(now - began)
                self._advance(progress, before, done.seconds)
                if done.step % evaluate_every == 0:
                    rate = (done.step - evaluated_step) * self.config.batch_size
                    evaluation = self._evaluate(rate / max(1e-9, now - last_evaluated))
                    self._tell(evaluation, progress, told, on_evaluation)
                    last_evaluated, evaluated_step = time.monotonic(), done.step
                    done.seconds = self._agreed(last_evaluated - began)
                if stopped() or time.monotonic() - last_saved > checkpoint_seconds:
                    self._save()
                    last_saved = time.monotonic()
                if stopped():
                    progress.finish()
                    raise KeyboardInterrupt
            if evaluation is None or evaluation.step != done.step:
                rate = (done.step - evaluated_step) * self.config.batch_size
                evaluation = self._evaluate(rate / max(1e-9, time.monotonic() - last_evaluated))
                self._tell(evaluation, progress, told, on_evaluation)
            self._save()
        progress.finish()
        return evaluation

    def _step(self, done: Progressed) -> None:
        rate = self.config.optimiser.learning_rate * self.schedule.factor(done.step, done.seconds)
        set_learning_rate(self.optimiser, rate)
        batch = self.batches.batch(done.step)
        self.network.train()
        terms = objective_of_batch(self.network, batch, self.unit, self.config.loss)
        total = terms.total(self.config.loss.diversity_weight)
        self.optimiser.zero_grad()
        self.fabric.backward(total)
        self.optimiser.step()
        done.step += 1
        # Asking a GPU for a number makes it wait, so it is asked less often.
        if (self.fabric.device.type == "cpu" or done.step % 50 == 0) and not total.isfinite():
            self._not_a_number(done)

    def _agreed(self, value: float) -> float:
        """The first process's value: all must take the same decisions."""
        return self.fabric.broadcast(value) if self.fabric.world_size > 1 else value

    @torch.no_grad()
    def _evaluate(self, pairs_per_second: float) -> Evaluation:
        done, config = self.progressed, self.config
        self.bare_network.eval()
        unit = self.health_unit.to(self.fabric.device)
        sums, parts, count = torch.zeros(2, dtype=torch.float64), [], 0
        for chunk, original, warped, landmarks in locate(self.bare_network, self.held_out, unit):
            terms = objective_of_maps(
                original, warped, chunk.warped_cells, chunk.warp, self.unit, config.loss
            )
            size = len(original)
            sums += size * torch.stack([terms.equivariance, terms.diversity]).double().cpu()
            count += size
            parts.append(landmarks)
        equivariance, diversity = (sums / count).tolist()
        loss = equivariance + config.loss.diversity_weight * diversity
        if not math.isfinite(loss):
            self._not_a_number(done)
        self.schedule.observe(done.step, self._agreed(loss))
        rate = config.optimiser.learning_rate * self.schedule.factor(done.step, done.seconds)
        return Evaluation(
            step=done.step,
            seconds=round(done.seconds, 2),
            pairs_per_second=round(pairs_per_second, 2),
            learning_rate=rate,
            loss=loss,
            equivariance=equivariance,
            diversity=diversity,
            health=measure_health(parts),
        )

    def _tell(
        self,
        evaluation: Evaluation,
        progress: Progress,
        told: set[str],
        on_evaluation: Callable[[Evaluation], None] | None,
    ) -> None:
        if not self.fabric.is_global_zero:
            return
        self.folder.append_log(evaluation.line())
        if on_evaluation is not None:
            on_evaluation(evaluation)
        used = self.schedule.budget.share(evaluation.step, evaluation.seconds)
        late = used >= WARN_AFTER if used is not None else evaluation.step >= 2000
        health = evaluation.health
        failing = len(set(health.dead) | set(health.nailed))
        if late and 2 * failing >= self.config.num_landmarks and "collapse" not in told:
            told.add("collapse")
            progress.message("the run is collapsing: " + "; ".join(diagnose(health)))

    def _save(self) -> None:
        if any(not p.isfinite().all() for p in self.bare_network.parameters()):
            self._not_a_number(self.progressed)
        if self.fabric.is_global_zero:
            save_checkpoint(
                self.folder,
                self.bare_network,
                self.optimiser,
                self.progressed,
                self.schedule.state(),
            )

    def _not_a_number(self, done: Progressed) -> None:
        lower = f"optimiser.learning_rate={self.config.optimiser.learning_rate / 3:.2g}"
        raise InputError(
            f"{self.folder.path}: the loss is not a number at step {done.step}; the last "
            "checkpoint is as it was: train again with a lower rate, for instance "
            f"--set {lower} --overwrite"
        )

    def _announce(self, progress: Progress) -> None:
        budget, done = self.schedule.budget, self.progressed
        if budget.minutes is not None and budget.steps is None:
            progress.start("Training (seconds)", math.ceil(60 * budget.minutes))
            progress.advance(int(done.seconds))
        else:
            progress.start("Training (steps)", budget.steps)
            progress.advance(done.step)

    def _advance(self, progress: Progress, before: float, after: float) -> None:
        budget = self.schedule.budget
        if budget.minutes is not None and budget.steps is None:
            progress.advance(int(after) - int(before))
        else:
            progress.advance()


def _checked_budget(steps: int | None, minutes: float | None) -> Budget:
    if steps is not None and steps < 1:
        raise InputError(f"--steps is {steps}: expected at least 1")
    if minutes is not None and not 0 < minutes < math.inf:
        raise InputError(f"--minutes is {minutes}: expected more than 0")
    return Budget(steps, minutes)


def _aspect(images: ImageSet, config: TrainingConfig) -> float:
    return middle_aspect(images) if config.image.aspect == "auto" else config.image.aspect


def _launch(device: str, devices: int) -> "Fabric":
    """Lightning Fabric takes seconds to import: only training pays for it."""
    from lightning_fabric import Fabric

    if device not in {"auto", "cpu", "cuda"}:
        raise InputError(f"--device is {device}: expected auto, cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("--device is cuda, but torch sees no CUDA device: use --device cpu")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and devices > torch.cuda.device_count():
        raise InputError(f"--devices is {devices}, but there are {torch.cuda.device_count()}")
    fabric = Fabric(accelerator=device, devices=devices, strategy="ddp" if devices > 1 else "auto")
    fabric.launch()
    return fabric


def _new_record(
    config: TrainingConfig,
    recipe: str,
    geometry: Geometry,
    images: ImageSet,
    cache: PictureCache,
) -> RunRecord:
    created, versions, commit = provenance()
    return RunRecord(
        config=config,
        recipe=recipe,
        view_height=geometry.view[0],
        view_width=geometry.view[1],
        picture_height=geometry.picture[0],
        picture_width=geometry.picture[1],
        images=ImageSource(
            name=images.root.name,
            digest=cache.key,
            count=len(cache.names),
            unreadable=len(cache.unreadable),
        ),
        created=created,
        versions=versions,
        git_commit=commit,
    )


def _first_difference(given: TrainingConfig, run: TrainingConfig) -> str:
    def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
        pairs: dict[str, Any] = {}
        for key, value in values.items():
            name = f"{prefix}{key}"
            pairs |= flat(value, f"{name}.") if isinstance(value, dict) else {name: value}
        return pairs

    one, other = flat(given.model_dump()), flat(run.model_dump())
    name = next(name for name in one if one[name] != other[name])
    return f"{name} is {one[name]} now and was {other[name]}"
