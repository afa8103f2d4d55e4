import threading
import time

import pytest

from warpmarks.datasets import parallel
from warpmarks.datasets.parallel import AHEAD, CHUNK, Workers


def test_results_are_in_order_whoever_is_first():
    def slow_at_first(number):
        time.sleep(0.02 if number < CHUNK else 0)
        return number * number

    with Workers(3) as workers:
        found = list(workers.in_order(slow_at_first, range(5 * CHUNK + 3)))
    assert found == [number * number for number in range(5 * CHUNK + 3)]


def test_only_a_bounded_number_of_results_wait():
    done = []
    with Workers(2) as workers:
        results = workers.in_order(done.append, range(1000))
        next(results)
        time.sleep(0.1)
        assert len(done) <= 2 * AHEAD * CHUNK
        assert len(list(results)) == 999


def test_several_threads_work():
    meeting = threading.Barrier(2, timeout=10)
    with Workers(2) as workers:
        assert len(list(workers.in_order(lambda _: meeting.wait(), range(2 * CHUNK)))) == 2 * CHUNK


def test_an_error_reaches_the_caller_and_ends_the_work(monkeypatch):
    monkeypatch.setattr(parallel, "AHEAD", 50)
    done = []

    def fail_at_three(number):
        if number == 3:
            raise KeyError(number)
        done.append(number)
        time.sleep(0.005)

    with pytest.raises(KeyError), Workers(1) as workers:
        list(workers.in_order(fail_at_three, range(1000)))
    assert len(done) <= 20 * CHUNK  # some pieces are begun before the caller hears of it
