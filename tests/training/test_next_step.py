import threading

import pytest

from warpmarks.training.next_step import Ahead


def test_the_next_step_is_made_while_this_one_is_computed():
    made, both = [], threading.Event()

    def make(step):
        made.append((step, threading.current_thread() is threading.main_thread()))
        if step == 8:
            both.set()
        return 10 * step

    ahead = Ahead(make)
    assert ahead(7) == 70
    assert both.wait(10)
    assert made == [(7, False), (8, False)]
    assert ahead(8) == 80


@pytest.mark.parametrize("steps", [(0, 1, 2), (5, 5, 6), (4, 9, 3)])
def test_steps_in_any_order_are_the_same(steps):
    ahead = Ahead(lambda step: step**2)
    assert [ahead(step) for step in steps] == [step**2 for step in steps]


def test_an_error_reaches_whoever_asks():
    def make(step):
        if step == 1:
            raise KeyError(step)
        return step

    ahead = Ahead(make)
    assert ahead(0) == 0
    with pytest.raises(KeyError):
        ahead(1)
