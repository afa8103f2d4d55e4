"""Training (sec. 4.1): the plain loop, with its evaluations and checkpoints."""

import math
import time
from collections.abc import Callable
from typing import Generic, NoReturn

import torch
from torch import nn

from warpmarks.configuration import TrainingConfig
from warpmarks.errors import InputError, ToldElsewhere
from warpmarks.runs.folder import RunFolder
from warpmarks.system.progress import IN_SECONDS, Progress
from warpmarks.system.stages import STOPPED, StageClock
from warpmarks.training.averaging import WeightAverage
from warpmarks.training.checkpoint import Progressed, load_checkpoint, save_checkpoint
from warpmarks.training.interruption import stop_requested
from warpmarks.training.normalisation import share_statistics
from warpmarks.training.optimiser import make_optimiser, set_learning_rate
from warpmarks.training.pace import Pace
from warpmarks.training.processes import Processes
from warpmarks.training.schedule import Schedule
from warpmarks.training.task import Evaluation, MeasuresT, Task
from warpmarks.wording import be, counted

REFERENCE_EVERY = 250
"""Steps of self-training after which it is found anew where landmarks usually are."""


class TrainingLoop(Generic[MeasuresT]):
    """The parts of a run that change as it trains.

    Args:
        processes: joined.
        folder: where checkpoints and log go.
        config: the run's settings, with the precision that auto means here.
        network: with its first weights, on the CPU.
        task: what the network learns.
        schedule: of the learning rate, with the budget.
        clock: told of the stages of the run.
    """

    def __init__(
        self,
        processes: Processes,
        folder: RunFolder,
        config: TrainingConfig,
        network: nn.Module,
        task: Task[MeasuresT],
        schedule: Schedule,
        clock: StageClock = STOPPED,
    ) -> None:
        self.processes, self.fabric = processes, processes.fabric
        self.folder, self.config, self.schedule = folder, config, schedule
        self.task, self.clock = task, clock
        task.clock = clock
        self.bare_network = network.to(self.fabric.device)
        self.average = WeightAverage(self.bare_network, config.optimiser.averaging)
        if processes.count > 1:
            self.bare_network = share_statistics(self.bare_network)
        optimiser = make_optimiser(self.bare_network, config.optimiser)
        self.network, self.optimiser = self.fabric.setup(self.bare_network, optimiser)
        self.progressed = Progressed()
        self._logged_step = -1
        self._warned = False

    def resume(self) -> None:
        """Go on from the last checkpoint; from the beginning if the run was stopped before one.

        Raises:
            InputError: there are weights but no state to go on from, or it is damaged.
        """
        if self.folder.weights_path.exists() and not self.folder.state_path.exists():
            raise InputError(
                f"{self.folder.state_path} is missing: this run can still detect, but training "
                "cannot go on from it; start anew with --overwrite"
            )
        if self.folder.state_path.exists():
            self.progressed, state = load_checkpoint(
                self.folder, self.bare_network, self.optimiser, self.average
            )
            self.schedule.restore(state)
        if self.fabric.is_global_zero:
            kept = self.folder.truncate_log(self.progressed.step)
            self._logged_step = kept[-1]["step"] if kept else -1

    def run(
        self,
        *,
        checkpoint_seconds: float,
        evaluate_every: int | None,
        progress: Progress,
        on_evaluation: Callable[[Evaluation[MeasuresT]], None] | None,
    ) -> Evaluation[MeasuresT]:
        """Train until the schedule says that it is over; the last evaluation."""
        done, pace = self.progressed, Pace(evaluate_every, self.schedule.follows_loss)
        first_step = done.step
        self._announce(progress)
        last_saved = last_told = time.monotonic()
        began, told_step = last_saved - done.seconds, done.step
        evaluation = None
        with stop_requested() as stopped:
            while not self.schedule.over(done.step, done.seconds):
                before = done.seconds
                if self.schedule.turn(done.step, done.seconds):
                    progress.message(f"self-training begins after {counted(done.step, 'step')}")
                taught = self.schedule.self_training_steps(done.step)
                if taught == 0:
                    self._choose()
                if taught is not None and taught % REFERENCE_EVERY == 0:
                    self._renew_reference()
                finite = self._step(done)
                now = time.monotonic()
                done.seconds, stopping, telling = self._agreed(
                    now - began, stopped(), pace.telling(done.step, now - last_told), finite
                )
                self._advance(progress, before, done.seconds)
                steering = pace.steering(done.step) and not self.schedule.in_self_training
                if telling or steering:
                    evaluation = self._evaluate(
                        self._rate(done.step - told_step, now - last_told),
                        steering=steering,
                    )
                    # What is told of the last step waits for the choice of landmarks.
                    waits = self._kept is not None and self.schedule.over(done.step, done.seconds)
                    if telling and not waits:
                        self._tell(evaluation, progress, on_evaluation)
                        last_told, told_step = time.monotonic(), done.step
                        pace.told(last_told - now)
                    done.seconds = self.processes.of_first(time.monotonic() - began)
                if stopping or time.monotonic() - last_saved > checkpoint_seconds:
                    self.save()
                    last_saved = time.monotonic()
                if stopping:
                    self.processes.part()
                    progress.finish()
                    raise KeyboardInterrupt
            # A finished run's weights, which regressors know, stay as they are.
            if done.step > first_step or self._unchosen:
                if self._choose():
                    evaluation = None
                    self._take_back_last_line()
                self._renew_reference()
            if evaluation is None or evaluation.step != done.step:
                now = time.monotonic()
                evaluation = self._evaluate(
                    self._rate(done.step - told_step, now - last_told), steering=False
                )
            self._tell(evaluation, progress, on_evaluation)
            self.save()
        if self._kept is not None:
            progress.message(
                f"{counted(len(self._kept), 'landmark')} of {self.config.learned_landmarks} that "
                f"were learned {be(len(self._kept))} kept: those that tell most of the others"
            )
        progress.finish()
        return evaluation

    def _choose(self) -> bool:
        """Which landmarks are kept: as they are when self-training begins, and again at the end.

        Whether there are more than are kept.
        """
        if self._kept is None:
            return False
        self.progressed.chosen = self._best_now()
        return True

    def _best_now(self) -> tuple[int, ...]:
        with self.clock("choice"):
            return self.task.choose(self.average.network, self.config.num_landmarks)

    @property
    def _kept(self) -> tuple[int, ...] | None:
        """The landmarks of the run; the first, until they are chosen; None for all that learn."""
        count = self.config.num_landmarks
        if self.config.learned_landmarks == count:
            return None
        return self.progressed.chosen or tuple(range(count))

    @property
    def _unchosen(self) -> bool:
        return self._kept is not None and self.progressed.chosen is None

    def _take_back_last_line(self) -> None:
        """Of the log, where it is of this step: it is of other landmarks."""
        step = self.progressed.step
        if self.fabric.is_global_zero and self._logged_step == step:
            self.folder.truncate_log(step - 1)
            self._logged_step = -1

    def _renew_reference(self) -> None:
        """Where landmarks usually are, for further looks of detectors; of a stopped run's too."""
        if self.config.looks == 1:
            return
        with self.clock("reference"):
            reference = self.task.reference(self.average.network)
            if reference is not None:
                for network in (self.average.network, self.bare_network):
                    network.get_buffer("reference").copy_(reference)

    def _rate(self, steps: int, seconds: float) -> float:
        return steps * self.config.batch_size / max(1e-9, seconds)

    def _step(self, done: Progressed) -> bool:
        """One step; whether its loss is a number."""
        rate = self.config.optimiser.learning_rate * self.schedule.factor(done.step, done.seconds)
        set_learning_rate(self.optimiser, rate)
        self.network.train()
        teacher = self.average.network if self.schedule.in_self_training else None
        loss = self.task.loss(self.network, done.step, teacher)
        with self.clock("backward"):
            self.optimiser.zero_grad()
            self.fabric.backward(loss)
        with self.clock("optimiser"):
            self.optimiser.step()
        done.step += 1
        self.average.update(done.step)
        # Asking a GPU for a number makes it wait, so it is asked less often.
        asked = self.fabric.device.type == "cpu" or done.step % 50 == 0
        return not asked or bool(loss.isfinite())

    def _agreed(
        self, seconds: float, stopping: bool, telling: bool, finite: bool
    ) -> tuple[float, bool, bool]:
        """What all processes go by: the first one's clock, and whether the user stops any."""
        mine = (seconds, float(telling)) if self.processes.first else (0.0, 0.0)
        seconds, tell, stop, fail = self.processes.sums(*mine, float(stopping), float(not finite))
        if fail:
            self._not_a_number(self.progressed)
        return seconds, stop > 0, tell > 0

    @torch.no_grad()
    def _evaluate(self, pairs_per_second: float, *, steering: bool) -> Evaluation[MeasuresT]:
        done = self.progressed
        self.average.network.eval()
        with self.clock("evaluation"):
            measures = self.task.measure(self.average.network, self._kept)
        if not math.isfinite(measures.loss):
            self._not_a_number(done)
        if steering:
            self.schedule.observe(done.step, self.processes.of_first(measures.loss))
        factor = self.schedule.factor(done.step, done.seconds)
        return Evaluation(
            step=done.step,
            seconds=round(done.seconds, 2),
            pairs_per_second=round(pairs_per_second, 2),
            learning_rate=self.config.optimiser.learning_rate * factor,
            self_training_from=self.schedule.watch.self_training_from,
            measures=measures,
        )

    def _tell(
        self,
        evaluation: Evaluation[MeasuresT],
        progress: Progress,
        on_evaluation: Callable[[Evaluation[MeasuresT]], None] | None,
    ) -> None:
        # A finished run that is resumed with the same budget is evaluated again at its last step.
        if not self.fabric.is_global_zero or evaluation.step == self._logged_step:
            return
        self.folder.append_log(evaluation.line())
        self._logged_step = evaluation.step
        if on_evaluation is not None:
            on_evaluation(evaluation)
        done = self.progressed
        late = self.schedule.late(done.step, done.seconds)
        over = self.schedule.over(done.step, done.seconds)  # what is wrong is then in the result
        if late and not over and not self._warned and evaluation.measures.collapsing():
            self._warned = True
            problems = "; ".join(evaluation.measures.problems())
            progress.message(f"the run is collapsing: {problems}")

    def save(self) -> None:
        """Write a checkpoint.

        Raises:
            InputError: the weights are not numbers, or the files cannot be written.
        """
        if any(not tensor.isfinite().all() for tensor in self.bare_network.state_dict().values()):
            self._not_a_number(self.progressed)
        if self.fabric.is_global_zero:
            kept = self._best_now() if self._unchosen else self._kept
            with self.clock("checkpoints"):
                save_checkpoint(
                    self.folder,
                    self.bare_network,
                    self.optimiser,
                    self.progressed,
                    self.schedule.state(),
                    self.average,
                    self.config.precision,
                    kept,
                )

    def _not_a_number(self, done: Progressed) -> NoReturn:
        if not self.processes.first:
            raise ToldElsewhere
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
            total = math.ceil(60 * budget.minutes)
            progress.start(f"Training {IN_SECONDS}", total, int(done.seconds))
        else:
            progress.start("Training (steps)", budget.steps, done.step)

    def _advance(self, progress: Progress, before: float, after: float) -> None:
        budget = self.schedule.budget
        if budget.minutes is not None and budget.steps is None:
            progress.advance(int(after) - int(before))
        else:
            progress.advance()
