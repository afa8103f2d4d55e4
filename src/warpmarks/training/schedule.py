"""How the learning rate goes on, and when training is over.

With a budget, in steps or in seconds, ``cosine`` rises over the warm-up and falls to zero at its
end. Without one it stays at its peak until the held-out loss has not improved for ``patience``
steps, and then falls to zero over half as many steps as it has taken. ``plateau`` divides the rate
by ten at each such plateau and ends at the last (sec. 4.1).

A recipe may leave the last share of a run to self-training, in which the rate rises and falls once
more. A budget then counts for what comes before by the share that is left to it; without a budget
self-training takes as many further steps as make its share of all.
"""

import math
from dataclasses import asdict, dataclass, field

from warpmarks.configuration import ScheduleConfig
from warpmarks.errors import InputError

LATE = 0.4
"""From this share of a budget, or of self-training, on a collapse will not mend itself."""

LATE_STEPS = 2000
"""The same without a budget."""


@dataclass(frozen=True)
class Budget:
    """How much a run may do in all; neither means: until the schedule has converged.

    Raises:
        InputError: no steps or no time.
    """

    steps: int | None = None
    minutes: float | None = None

    def __post_init__(self) -> None:
        if self.steps is not None and self.steps < 1:
            raise InputError(f"--steps is {self.steps}: expected at least 1")
        if self.minutes is not None and not 0 < self.minutes < math.inf:
            raise InputError(f"--minutes is {self.minutes:g}: expected a finite number above 0")

    def share(self, step: int, seconds: float) -> float | None:
        """How much of it is used, from 0 to 1; None without a budget."""
        shares = []
        if self.steps is not None:
            shares.append(step / self.steps)
        if self.minutes is not None:
            shares.append(seconds / (60 * self.minutes))
        return min(1.0, max(shares)) if shares else None


@dataclass
class ScheduleState:
    """The best held-out loss so far, what followed from it, and when self-training began.

    It goes into checkpoints.
    """

    best: float | None = None
    best_step: int = 0
    reductions: int = 0
    cooling_from: int | None = None
    cooling_steps: int = 0
    converged: bool = False
    self_training_from: int | None = None
    self_training_seconds: float = 0.0


@dataclass
class Schedule:
    """The learning rate of each step as a factor on the recipe's, from budget and held-out loss.

    Attributes:
        config: the settings.
        budget: of the whole run.
        self_training: share of it, at its end, that is self-training.
        watch: what it has seen.
    """

    config: ScheduleConfig
    budget: Budget
    self_training: float = 0.0
    watch: ScheduleState = field(default_factory=ScheduleState)

    def factor(self, step: int, seconds: float) -> float:
        """Factor on the learning rate for the step after ``step`` steps and ``seconds`` seconds."""
        if self.in_self_training:
            again = self._self_training_used(step, seconds)
            return self._rise(step, again) * _half_cosine(again)
        used = self._before_self_training_used(step, seconds)
        if self.config.kind == "plateau":
            return self._rise(step, used) * 0.1**self.watch.reductions
        if used is not None:
            return self._rise(step, used) * _half_cosine(used)
        if self.watch.cooling_from is None:
            return self._rise(step, used)
        return _half_cosine((step - self.watch.cooling_from) / self.watch.cooling_steps)

    def over(self, step: int, seconds: float) -> bool:
        """Whether the budget is used up or training has converged."""
        used = self.budget.share(step, seconds)
        if used is not None and used >= 1:
            return True
        if not self.self_training:
            return self._first_part_over(step, seconds)
        return self.in_self_training and self._self_training_used(step, seconds) >= 1

    def late(self, step: int, seconds: float) -> bool:
        """Whether landmarks should be sound by now; before self-training few may be."""
        if self.self_training:
            return self.in_self_training and self._self_training_used(step, seconds) >= LATE
        used = self.budget.share(step, seconds)
        return step >= LATE_STEPS if used is None else used >= LATE

    @property
    def in_self_training(self) -> bool:
        """Whether self-training has begun; it then goes on to the end."""
        return self.watch.self_training_from is not None

    def self_training_steps(self, step: int) -> int | None:
        """How many of ``step`` steps were self-training; None before it has begun."""
        began = self.watch.self_training_from
        return None if began is None else step - began

    def turn(self, step: int, seconds: float) -> bool:
        """Begin self-training with the next step where its time has come; whether it just has."""
        if self.in_self_training or not self.self_training:
            return False
        if not self._first_part_over(step, seconds):
            return False
        self.watch.self_training_from, self.watch.self_training_seconds = step, seconds
        return True

    @property
    def follows_loss(self) -> bool:
        """Whether the held-out loss changes the learning rate or the end."""
        return self.config.kind == "plateau" or self.budget.share(0, 0.0) is None

    def observe(self, step: int, held_out_loss: float) -> None:
        """Take note of the loss on the held-out pairs after ``step`` steps.

        Once self-training has begun, nothing follows from it any more.
        """
        if not self.follows_loss:
            return
        watch = self.watch
        if watch.best is None or held_out_loss < watch.best * (1 - self.config.threshold):
            watch.best, watch.best_step = held_out_loss, step
        if step - watch.best_step < self.config.patience:
            return
        if self.config.kind == "plateau":
            watch.converged = watch.reductions >= self.config.reductions
            watch.reductions = min(watch.reductions + 1, self.config.reductions)
            watch.best_step = step
        elif watch.cooling_from is None:
            watch.cooling_from, watch.cooling_steps = step, max(1, step // 2)

    def state(self) -> dict[str, float | int | bool | None]:
        """Plain values for a checkpoint."""
        return asdict(self.watch)

    def restore(self, state: dict[str, float | int | bool | None]) -> None:
        """Go on from ``state``."""
        self.watch = ScheduleState(**state)  # type: ignore[arg-type]

    def _first_part_over(self, step: int, seconds: float) -> bool:
        used = self._before_self_training_used(step, seconds)
        if used is not None and used >= 1:
            return True
        if not self.follows_loss:  # what was seen before a budget was given no longer counts
            return False
        watch = self.watch
        cooled = watch.cooling_from is not None and step - watch.cooling_from >= watch.cooling_steps
        return watch.converged or cooled

    def _before_self_training_used(self, step: int, seconds: float) -> float | None:
        used = self.budget.share(step, seconds)
        return None if used is None else used / (1 - self.self_training)

    def _self_training_used(self, step: int, seconds: float) -> float:
        watch = self.watch
        assert watch.self_training_from is not None
        used = self.budget.share(step, seconds)
        begun = self.budget.share(watch.self_training_from, watch.self_training_seconds)
        if used is None or begun is None:
            steps = watch.self_training_from * self.self_training / (1 - self.self_training)
            return (step - watch.self_training_from) / max(1.0, steps)
        return (used - begun) / (1 - begun) if begun < 1 else 1.0

    def _rise(self, step: int, used: float | None) -> float:
        if self.config.warmup == 0:
            return 1.0
        if used is None:
            return min(1.0, (step + 1) / (self.config.warmup * self.config.patience + 1))
        return min(1.0, (used + 1e-3) / self.config.warmup)


def _half_cosine(share: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * min(1.0, share)))
