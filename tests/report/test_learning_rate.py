import numpy as np
import pytest

from tiny_runs import tiny_config, tiny_record
from warpmarks.report.learning_rate import scheduled_rates
from warpmarks.runs.record import RunBudget, RunRecord
from warpmarks.training.schedule import Budget, Schedule

SHARE = 0.8
CONFIG = tiny_config(self_training={"share": SHARE}, optimiser={"averaging": 0.995})
PEAK = CONFIG.optimiser.learning_rate


def record(**budget: float) -> RunRecord:
    return tiny_record(CONFIG).model_copy(update={"budget": RunBudget(**budget)})


def trained(budget: Budget, steps: int, seconds: float, every: int) -> tuple[list, np.ndarray]:
    """The log of a run that trains as loops do, and the rate of each of its steps."""
    schedule = Schedule(CONFIG.schedule, budget, SHARE)
    log, rates = [], []
    for step in range(steps + 1):
        schedule.turn(step, step * seconds)
        rates.append(PEAK * schedule.factor(step, step * seconds))
        if step and (step % every == 0 or step == steps):
            began = schedule.watch.self_training_from
            log.append(
                {
                    "step": step,
                    "seconds": round(step * seconds, 2),
                    "learning_rate": rates[-1],
                    "self_training_from": began,
                }
            )
    return log, np.array(rates)


@pytest.mark.parametrize(
    ("budget", "about"),
    [(Budget(steps=500), {"steps": 500}), (Budget(minutes=2.0), {"minutes": 2.0})],
    ids=["steps", "minutes"],
)
def test_few_evaluations_tell_the_rate_of_every_step(budget: Budget, about: dict[str, float]):
    log, rates = trained(budget, 500, 0.24, every=180)
    points = scheduled_rates(record(**about), log)
    assert points is not None
    drawn = np.interp(np.arange(501), *points.T)
    np.testing.assert_allclose(drawn, rates, atol=0.02 * PEAK)
    assert drawn[99] < 0.01 * PEAK  # the end of discovery, between two evaluations
    assert drawn[115] > 0.9 * PEAK  # after the second warm-up


def test_a_run_that_has_not_come_to_self_training():
    log, rates = trained(Budget(steps=500), 90, 0.24, every=60)
    points = scheduled_rates(record(steps=500), log)
    assert points is not None
    assert points[-1, 0] == 90
    np.testing.assert_allclose(np.interp(range(91), *points.T), rates, atol=0.02 * PEAK)


def test_only_the_log_tells_where_the_schedule_is_not_known():
    log, _ = trained(Budget(steps=500), 500, 0.24, every=100)
    assert scheduled_rates(record(steps=900), log) is None  # of another budget
    assert scheduled_rates(record(), log) is None
    assert scheduled_rates(record(steps=500), []) is None
    plateau = CONFIG.schedule.model_copy(update={"kind": "plateau"})
    changed = record(steps=500).model_copy(
        update={"config": CONFIG.model_copy(update={"schedule": plateau})}
    )
    assert scheduled_rates(changed, log) is None
