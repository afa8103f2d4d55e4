"""The learning rate of each step, from what a run's record and log know of its schedule."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from warpmarks.configuration import TrainingConfig
from warpmarks.runs.record import RunRecord
from warpmarks.training.schedule import Budget, Schedule, ScheduleState

_POINTS = 400
_TOLERANCE = 0.03  # of the recipe's rate


def scheduled_rates(
    record: RunRecord, log: Sequence[Mapping[str, Any]]
) -> Float[np.ndarray, "points 2"] | None:
    """Steps and their learning rates, as finely as a drawing shows them.

    None where only the log can tell: without a budget, with a plateau schedule, and where the
    budget was another one in between, so that the log contradicts the schedule.
    """
    config, budget = record.config, Budget(record.budget.steps, record.budget.minutes)
    logged = _columns(log)
    if config.schedule.kind != "cosine" or budget == Budget() or not len(logged):
        return None
    began = log[-1].get("self_training_from")
    clock = _clock(logged, budget, config.self_training.share, began)
    last = int(logged[-1, 0])
    parts = [(ScheduleState(), 0, last if began is None else began - 1)]
    if began is not None:
        turned = ScheduleState(
            self_training_from=began, self_training_seconds=float(np.interp(began, *clock))
        )
        parts.append((turned, began, last))
    points = np.array(
        [
            (step, _rate(config, budget, watch, step, float(np.interp(step, *clock))))
            for watch, first, final in parts
            for step in _between(first, final, logged[:, 0])
        ]
    )
    drawn = np.interp(logged[:, 0], *points.T)
    apart = np.abs(drawn - logged[:, 2]).max()
    return points if apart <= _TOLERANCE * config.optimiser.learning_rate else None


def _columns(log: Sequence[Mapping[str, Any]]) -> Float[np.ndarray, "evaluations 3"]:
    """Steps, seconds and learning rates."""
    names = ("step", "seconds", "learning_rate")
    rows = [[line.get(name) for name in names] for line in log]
    return np.array([row for row in rows if None not in row], dtype=float).reshape(-1, 3)


def _clock(
    logged: Float[np.ndarray, "evaluations 3"], budget: Budget, share: float, began: int | None
) -> Float[np.ndarray, "2 known"]:
    """Steps and the seconds after them, as far as they are known."""
    known = [[0.0, 0.0], *logged[:, :2].tolist()]
    if began is not None and budget.minutes is not None and budget.steps is None:
        known.append([float(began), 60 * budget.minutes * (1 - share)])
    return np.array(sorted(known)).T


def _between(first: int, last: int, logged: Float[np.ndarray, " evaluations"]) -> list[int]:
    inside = logged[(logged >= first) & (logged <= last)]
    steps = {*np.linspace(first, last, _POINTS).round().tolist(), *inside.tolist()}
    return sorted(map(int, steps))


def _rate(
    config: TrainingConfig, budget: Budget, watch: ScheduleState, step: int, seconds: float
) -> float:
    schedule = Schedule(config.schedule, budget, config.self_training.share, watch)
    return config.optimiser.learning_rate * schedule.factor(step, seconds)
