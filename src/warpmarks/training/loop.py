"""Training (sec. 4.1): the plain loop, with its evaluations and checkpoints."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import numpy as np
import torch

from warpmarks.configuration import TrainingConfig
from warpmarks.errors import InputError
from warpmarks.geometry import Geometry
from warpmarks.losses import view_unit
from warpmarks.progress import Progress
from warpmarks.run_folder import RunFolder
from warpmarks.training.checkpoint import Progressed, load_checkpoint, save_checkpoint
from warpmarks.training.health import Health, diagnose, locate, measure_health
from warpmarks.training.interruption import stop_requested
from warpmarks.training.optimiser import make_optimiser, set_learning_rate
from warpmarks.training.precision import choose_precision
from warpmarks.training.randomness import generator_for
from warpmarks.training.schedule import Schedule
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

Value = TypeVar("Value")

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


class TrainingLoop:
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
        self.precision = choose_precision(config.precision, fabric.device)
        self.health_unit = view_unit(*geometry.cells).to(fabric.device)
        self.held_out = self.batches.held_out(max(8, config.batch_size))
        self.progressed = Progressed()
        self._logged_step = -1

    def resume(self) -> None:
        """Go on from the last checkpoint; from the beginning if the run was stopped before one."""
        if self.folder.weights_path.exists() and not self.folder.state_path.exists():
            raise InputError(
                f"{self.folder.state_path} is missing: this run can still detect, but training "
                "cannot go on from it; start anew with --overwrite"
            )
        if self.folder.state_path.exists():
            self.progressed, state = load_checkpoint(self.folder, self.bare_network, self.optimiser)
            self.schedule.restore(state)
        if self.fabric.is_global_zero:
            kept = self.folder.truncate_log(self.progressed.step)
            self._logged_step = kept[-1]["step"] if kept else -1

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
                done.seconds, stopping = self._agreed((now - began, stopped()))
                self._advance(progress, before, done.seconds)
                if done.step % evaluate_every == 0:
                    rate = (done.step - evaluated_step) * self.config.batch_size
                    evaluation = self._evaluate(rate / max(1e-9, now - last_evaluated))
                    self._tell(evaluation, progress, told, on_evaluation)
                    last_evaluated, evaluated_step = time.monotonic(), done.step
                    done.seconds = self._agreed(last_evaluated - began)
                if stopping or time.monotonic() - last_saved > checkpoint_seconds:
                    self._save()
                    last_saved = time.monotonic()
                if stopping:
                    # A process that ends takes the others with it, also one that still writes.
                    self.fabric.barrier()
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
        terms = objective_of_batch(self.network, batch, self.unit, self.config.loss, self.precision)
        total = terms.total(self.config.loss.diversity_weight)
        self.optimiser.zero_grad()
        self.fabric.backward(total)
        self.optimiser.step()
        done.step += 1
        # Asking a GPU for a number makes it wait, so it is asked less often.
        if (self.fabric.device.type == "cpu" or done.step % 50 == 0) and not total.isfinite():
            self._not_a_number(done)

    def _agreed(self, value: Value) -> Value:
        """The first process's value: all must take the same decisions."""
        return self.fabric.broadcast(value) if self.fabric.world_size > 1 else value

    @torch.no_grad()
    def _evaluate(self, pairs_per_second: float) -> Evaluation:
        done, config = self.progressed, self.config
        self.bare_network.eval()
        sums, parts, count = torch.zeros(2, dtype=torch.float64), [], 0
        located = locate(self.bare_network, self.held_out, self.health_unit)
        for chunk, original, warped, landmarks in located:
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
        # A finished run that is resumed with the same budget is evaluated again at its last step.
        if not self.fabric.is_global_zero or evaluation.step == self._logged_step:
            return
        self.folder.append_log(evaluation.line())
        self._logged_step = evaluation.step
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
        if any(not tensor.isfinite().all() for tensor in self.bare_network.state_dict().values()):
            self._not_a_number(self.progressed)
        if self.fabric.is_global_zero:
            save_checkpoint(
                self.folder,
                self.bare_network,
                self.optimiser,
                self.progressed,
                self.schedule.state(),
            )

    def _not_a_number(self, done: Progressed) -> NoReturn:
        lower = min(self.config.optimiser.learning_rate / 3, 3e-3)
        kept = "there is no checkpoint yet"
        if self.folder.state_path.exists():
            kept = "the last checkpoint is as it was"
        raise InputError(
            f"{self.folder.path}: the loss is not a number at step {done.step}; {kept}: train "
            f"again with a lower rate, for instance --set optimiser.learning_rate={lower:.2g} "
            "--overwrite"
        )

    def _announce(self, progress: Progress) -> None:
        budget, done = self.schedule.budget, self.progressed
        if budget.minutes is not None and budget.steps is None:
            progress.start("Training (seconds)", math.ceil(60 * budget.minutes), int(done.seconds))
        else:
            progress.start("Training (steps)", budget.steps, done.step)

    def _advance(self, progress: Progress, before: float, after: float) -> None:
        budget = self.schedule.budget
        if budget.minutes is not None and budget.steps is None:
            progress.advance(int(after) - int(before))
        else:
            progress.advance()
