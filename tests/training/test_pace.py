import pytest

from warpmarks.training.pace import FIRST_SECONDS, LARGEST_SHARE, SECONDS, STEPS, Pace


def test_by_steps_for_people_and_schedule_alike() -> None:
    pace = Pace(every=5, steers=True)
    assert [step for step in range(1, 13) if pace.telling(step, 1e9)] == [5, 10]
    assert [step for step in range(1, 13) if pace.steering(step)] == [5, 10]


def test_nothing_steers_a_schedule_that_does_not_listen() -> None:
    assert not any(Pace(every=None, steers=False).steering(step) for step in range(1, 500))


def test_people_are_told_by_the_clock_and_soon_at_first() -> None:
    pace = Pace(every=None, steers=True)
    assert not pace.telling(100, FIRST_SECONDS - 0.1)
    assert pace.telling(1, FIRST_SECONDS)
    pace.told(cost=0.1)
    assert not pace.telling(200, FIRST_SECONDS)
    assert pace.telling(101, SECONDS)


def test_what_steers_does_not_go_by_the_clock() -> None:
    pace = Pace(every=None, steers=True)
    pace.told(cost=1000.0)
    assert [step for step in range(1, 350) if pace.steering(step)] == [STEPS, 2 * STEPS, 3 * STEPS]


def test_costly_evaluations_come_seldom() -> None:
    pace = Pace(every=None, steers=False)
    for _ in range(2):
        pace.told(cost=10.0)
    assert not pace.telling(1, 10 / LARGEST_SHARE - 1)
    assert pace.telling(1, 10 / LARGEST_SHARE)


@pytest.mark.parametrize("costs", [[300.0], [0.5, 0.5, 300.0], [0.5, 300.0, 0.5, 0.5, 0.5, 300.0]])
def test_one_that_met_a_stalled_machine_does_not_put_off_the_next(costs: list[float]) -> None:
    pace = Pace(every=None, steers=False)
    for cost in costs:
        pace.told(cost)
    assert pace.telling(1, SECONDS)
