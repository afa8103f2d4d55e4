import json
import math

import pytest

from warpmarks.configuration import ScheduleConfig
from warpmarks.training.schedule import Budget, Schedule


def cosine(budget: Budget, **settings: float) -> Schedule:
    return Schedule(ScheduleConfig(kind="cosine", **settings), budget)


def plateau(budget: Budget | None = None, **settings: float) -> Schedule:
    return Schedule(ScheduleConfig(kind="plateau", **settings), budget or Budget())


def test_a_budget_of_steps_falls_to_zero_at_its_end() -> None:
    schedule = cosine(Budget(steps=1000), warmup=0)
    factors = [schedule.factor(step, seconds=12345.0) for step in (0, 250, 500, 750, 1000)]
    expected = [1, 0.5 + math.sqrt(0.5) / 2, 0.5, 0.5 - math.sqrt(0.5) / 2, 0]
    assert factors == pytest.approx(expected, abs=1e-12)
    assert not schedule.over(999, 12345.0)
    assert schedule.over(1000, 0.0)


def test_a_budget_of_minutes_goes_by_the_clock() -> None:
    schedule = cosine(Budget(minutes=2), warmup=0)
    assert schedule.factor(10**6, 60.0) == pytest.approx(0.5)
    assert schedule.factor(1, 120.0) == pytest.approx(0)
    assert not schedule.over(10**6, 119.9)
    assert schedule.over(1, 120.0)
    assert schedule.factor(1, 500.0) == pytest.approx(0)


def test_of_two_budgets_the_first_to_end_counts() -> None:
    schedule = cosine(Budget(steps=100, minutes=1), warmup=0)
    assert schedule.factor(50, 6.0) == pytest.approx(0.5)
    assert schedule.factor(10, 30.0) == pytest.approx(0.5)
    assert schedule.over(100, 1.0)
    assert schedule.over(1, 60.0)


def test_warm_up_rises_over_its_share_of_the_budget() -> None:
    schedule = cosine(Budget(steps=1000), warmup=0.1)
    factors = [schedule.factor(step, 0.0) for step in range(1000)]
    assert 0 < factors[0] < 0.02
    assert factors[:90] == sorted(factors[:90])
    assert factors[50] == pytest.approx(0.5, abs=0.02)
    assert max(factors) == pytest.approx(1, abs=0.03)
    assert factors[100:] == sorted(factors[100:], reverse=True)


def test_warm_up_without_a_budget_is_a_share_of_patience() -> None:
    for schedule in (cosine(Budget(), warmup=0.1, patience=1000), plateau(warmup=0.1)):
        hundredth = schedule.config.patience // 100
        assert 0 < schedule.factor(0, 0.0) < 0.02
        assert schedule.factor(5 * hundredth, 0.0) == pytest.approx(0.5, abs=0.02)
        assert schedule.factor(10 * hundredth, 0.0) == 1
        assert schedule.factor(10**6, 0.0) == 1


def test_without_a_budget_cosine_cools_down_after_a_plateau_and_ends() -> None:
    schedule = cosine(Budget(), warmup=0, patience=100, threshold=0.01)
    losses = {50: 1.0, 100: 0.5, 150: 0.4999, 200: 0.6}
    for step, loss in losses.items():
        assert schedule.factor(step, 0.0) == 1
        schedule.observe(step, loss)
    # Best at 100; 200 is 100 steps later, and half of 200 is left to cool down.
    assert not schedule.over(299, 0.0)
    assert schedule.factor(200, 0.0) == 1
    assert schedule.factor(250, 0.0) == pytest.approx(0.5)
    schedule.observe(250, 0.01)  # better again, and too late
    assert schedule.factor(299, 0.0) == pytest.approx(0, abs=1e-3)
    assert schedule.over(300, 0.0)


def test_while_the_loss_falls_there_is_no_end() -> None:
    for schedule in (cosine(Budget(), patience=100), plateau(patience=100)):
        for number in range(1, 200):
            schedule.observe(50 * number, 0.9**number)
            assert not schedule.over(50 * number, 1e9)
        assert schedule.factor(10_000, 0.0) == 1


@pytest.mark.parametrize(("second", "is_better"), [(0.989, True), (0.991, False)])
def test_better_is_better_by_the_threshold(second: float, *, is_better: bool) -> None:
    schedule = plateau(warmup=0, patience=100, threshold=0.01)
    for step, loss in ((50, 1.0), (100, second), (150, second)):
        schedule.observe(step, loss)
    assert schedule.factor(150, 0.0) == pytest.approx(1.0 if is_better else 0.1)


def test_plateau_divides_by_ten_at_each_and_ends_at_the_last() -> None:
    """As in section 4.1."""
    schedule = plateau(warmup=0, patience=100, reductions=2)
    factors, ended = {}, None
    for step in range(50, 1000, 50):
        schedule.observe(step, 1.0)
        factors[step] = schedule.factor(step, 0.0)
        if ended is None and schedule.over(step, 0.0):
            ended = step
    assert [factors[step] for step in (100, 150, 200, 250, 300, 350)] == pytest.approx(
        [1, 0.1, 0.1, 0.01, 0.01, 0.01]
    )
    assert ended == 350


def test_plateau_without_reductions_ends_at_the_first() -> None:
    schedule = plateau(warmup=0, patience=100, reductions=0)
    schedule.observe(50, 1.0)
    schedule.observe(100, 1.0)
    assert not schedule.over(100, 0.0)
    schedule.observe(150, 1.0)
    assert schedule.over(150, 0.0)


def test_plateau_keeps_to_a_budget() -> None:
    schedule = plateau(Budget(steps=100), warmup=0, patience=1000)
    assert schedule.factor(99, 0.0) == 1
    assert schedule.over(100, 0.0)


def test_a_budget_in_steps_is_not_ended_by_a_plateau() -> None:
    schedule = cosine(Budget(steps=10_000), warmup=0, patience=10)
    for step in range(100, 5100, 100):
        schedule.observe(step, 1.0)
    assert not schedule.over(5000, 0.0)
    assert schedule.factor(5000, 0.0) == pytest.approx(0.5)


@pytest.mark.parametrize("share", [0.0, 0.5])
@pytest.mark.parametrize("broken_at", [250, 300])
def test_a_budget_that_is_given_later_is_kept_however_far_cooling_had_come(
    broken_at: int, share: float
) -> None:
    before = cosine(Budget(), warmup=0, patience=100, threshold=0.01)
    for step in (50, 100, 200):
        before.observe(step, 1.0)
    assert before.over(300, 0.0)
    schedule = Schedule(before.config, Budget(steps=1000), share)
    schedule.restore(before.state())
    first_part = round(1000 * (1 - share))
    for step in range(broken_at, first_part):
        assert not schedule.turn(step, 0.0)
        assert not schedule.over(step, 0.0)
    assert schedule.factor(first_part - 1, 0.0) == pytest.approx(0, abs=1e-4)
    assert schedule.turn(first_part, 0.0) == (share > 0)
    assert schedule.over(1000, 0.0)


@pytest.mark.parametrize("kind", ["cosine", "plateau"])
@pytest.mark.parametrize("broken_at", [0, 150, 200, 250, 300])
def test_a_schedule_goes_on_from_its_state(kind: str, broken_at: int) -> None:
    config = ScheduleConfig.model_validate({"kind": kind, "patience": 100})

    def seen_from(schedule: Schedule, first: int) -> list[tuple[float, bool]]:
        seen = []
        for step in range(first, 600, 50):
            schedule.observe(step, max(0.4, 1 - step / 200))
            seen.append((schedule.factor(step + 20, 0.0), schedule.over(step, 0.0)))
        return seen

    whole = seen_from(Schedule(config, Budget()), 50)
    first, second = Schedule(config, Budget()), Schedule(config, Budget())
    for step in range(50, broken_at + 1, 50):
        first.observe(step, max(0.4, 1 - step / 200))
    state = json.dumps(first.state(), allow_nan=False)
    second.restore(json.loads(state))
    assert seen_from(second, broken_at + 50) == whole[broken_at // 50 :]
    assert whole[-1][1]


def with_self_training(budget: Budget, share: float = 0.25, **settings: float) -> Schedule:
    return Schedule(ScheduleConfig(kind="cosine", **settings), budget, share)


def turned(schedule: Schedule, steps: int, seconds_a_step: float = 0.0) -> list[float]:
    """The factors of a whole run, each after the turn that may come before its step."""
    factors = []
    for step in range(steps):
        schedule.turn(step, seconds_a_step * step)
        factors.append(schedule.factor(step, seconds_a_step * step))
    return factors


def test_self_training_takes_the_last_share_of_the_steps_with_a_schedule_of_its_own() -> None:
    schedule = with_self_training(Budget(steps=400), warmup=0)
    factors = turned(schedule, 400)
    assert [factors[step] for step in (0, 150, 300, 350)] == pytest.approx([1, 0.5, 1, 0.5])
    assert factors[299] == pytest.approx(0, abs=1e-3)
    assert schedule.watch.self_training_from == 300
    assert not schedule.over(399, 0.0)
    assert schedule.over(400, 0.0)


def test_self_training_goes_by_the_clock_too() -> None:
    schedule = with_self_training(Budget(minutes=1), warmup=0)
    factors = turned(schedule, 60, 1.0)
    assert schedule.watch.self_training_seconds == 45
    assert [factors[step] for step in (0, 45, 50)] == pytest.approx([1, 1, 0.75])
    assert schedule.over(60, 60.0)


def test_self_training_that_only_begins_when_the_time_is_up_is_over() -> None:
    schedule = with_self_training(Budget(minutes=1), warmup=0)
    assert schedule.turn(3, 70.0)  # one long step
    assert schedule.factor(3, 70.0) == 0
    assert schedule.over(3, 70.0)
    assert schedule.late(3, 70.0)


def test_self_training_rises_anew() -> None:
    factors = turned(with_self_training(Budget(steps=400), warmup=0.1), 400)
    assert factors[300] < 0.05
    assert factors[305] == pytest.approx(0.5, abs=0.05)


def test_without_a_budget_self_training_follows_the_cooling_down() -> None:
    schedule = with_self_training(Budget(), warmup=0, patience=100)
    schedule.observe(100, 1.0)
    schedule.observe(200, 1.0)
    schedule.turn(299, 0.0)
    assert not schedule.in_self_training
    assert not schedule.over(300, 0.0)
    schedule.turn(300, 0.0)
    assert schedule.in_self_training
    assert schedule.factor(350, 0.0) == pytest.approx(0.5)
    assert not schedule.over(399, 0.0)
    assert schedule.over(400, 0.0)  # a hundred of four hundred


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_the_shortest_budgets_are_kept(steps: int) -> None:
    schedule = with_self_training(Budget(steps=steps), 0.5)
    turned(schedule, steps)
    assert schedule.over(steps, 0.0)
    assert schedule.in_self_training == (steps > 1)


def test_a_run_in_self_training_stays_there_when_its_budget_grows() -> None:
    first = with_self_training(Budget(steps=400), warmup=0)
    turned(first, 400)
    second = with_self_training(Budget(steps=800), warmup=0)
    second.restore(json.loads(json.dumps(first.state())))
    second.turn(400, 0.0)
    assert second.in_self_training
    assert second.factor(550, 0.0) == pytest.approx(0.5)  # from step 300 to 800
    assert not second.over(799, 0.0)
    assert second.over(800, 0.0)


def test_when_landmarks_should_be_sound() -> None:
    plain, unbound = cosine(Budget(steps=100)), cosine(Budget())
    assert [plain.late(step, 0.0) for step in (39, 40)] == [False, True]
    assert [unbound.late(step, 0.0) for step in (1999, 2000)] == [False, True]
    taught = with_self_training(Budget(steps=400))
    assert not taught.late(299, 0.0)
    turned(taught, 301)
    assert [taught.late(step, 0.0) for step in (339, 341)] == [False, True]
