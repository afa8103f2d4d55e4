import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from warpmarks.system import parallel
from warpmarks.system.parallel import AHEAD, CHUNK, Workers


def test_results_are_in_order_whoever_is_first():
    second_piece_is_done = threading.Event()

    def slow_at_first(number):
        if number == 0:
            assert second_piece_is_done.wait(10)
        if number == 2 * CHUNK - 1:
            second_piece_is_done.set()
        return number * number

    with Workers(3) as workers:
        found = list(workers.in_order(slow_at_first, range(5 * CHUNK + 3)))
    assert found == [number * number for number in range(5 * CHUNK + 3)]


@pytest.mark.parametrize(("results_ahead", "pieces"), [(0, 2 * AHEAD), (50, 7)])
def test_only_a_bounded_number_of_results_wait(results_ahead, pieces):
    taken = []

    def items():
        for number in range(1000):
            taken.append(number)
            yield number

    with Workers(2) as workers:
        results = workers.in_order(str, items(), results_ahead=results_ahead)
        for _ in range(CHUNK):
            next(results)
        assert len(taken) == pieces * CHUNK
        next(results)
        assert len(taken) == (pieces + 1) * CHUNK
        assert len(list(results)) == 1000 - CHUNK - 1


def test_several_threads_work():
    meeting = threading.Barrier(2, timeout=10)
    with Workers(2) as workers:
        assert len(list(workers.in_order(lambda _: meeting.wait(), range(2 * CHUNK)))) == 2 * CHUNK


def test_an_error_reaches_the_caller_and_ends_the_work(monkeypatch):
    """The piece that is under way then is done, and no other."""
    second_is_begun, called_off = threading.Event(), threading.Event()

    class Pool(ThreadPoolExecutor):
        def shutdown(self, wait=True, *, cancel_futures=False):
            assert second_is_begun.wait(10)
            super().shutdown(wait=False, cancel_futures=cancel_futures)
            called_off.set()
            super().shutdown(wait=wait)

    monkeypatch.setattr(parallel, "ThreadPoolExecutor", Pool)
    monkeypatch.setattr(parallel, "AHEAD", 50)
    done = []

    def fail_at_three(number):
        if number == 3:
            raise KeyError(number)
        if number == CHUNK:
            second_is_begun.set()
            assert called_off.wait(10)
        done.append(number)

    with pytest.raises(KeyError), Workers(1) as workers:
        list(workers.in_order(fail_at_three, range(1000)))
    assert done == [0, 1, 2, *range(CHUNK, 2 * CHUNK)]
