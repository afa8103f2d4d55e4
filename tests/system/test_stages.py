import pytest

from warpmarks.system import stages
from warpmarks.system.stages import STOPPED, StageClock


def test_seconds_add_up_by_stage(monkeypatch):
    ticks = iter([0.0, 1.0, 5.0, 7.0, 10.0, 10.5])
    monkeypatch.setattr(stages.time, "perf_counter", lambda: next(ticks))
    settled = []
    clock = StageClock(settle=lambda: settled.append(1))
    for stage in ("network", "objective", "network"):
        with clock(stage):
            pass
    assert clock.seconds == {"network": 1.5, "objective": 2.0}
    assert clock.shares() == pytest.approx({"network": 1.5 / 3.5, "objective": 2 / 3.5})
    assert len(settled) == 6


def test_one_that_does_not_run_measures_nothing():
    with STOPPED("network"):
        pass
    assert STOPPED.seconds == STOPPED.shares() == {}
