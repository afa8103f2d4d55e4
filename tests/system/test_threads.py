import pytest
import torch

from warpmarks.system import threads, trials
from warpmarks.system.threads import choose_threads, pick


@pytest.fixture(autouse=True)
def _keep_threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("seconds", "best"),
    [
        ({1: 1.0, 2: 0.55, 4: 0.3}, 4),
        ({1: 1.0, 2: 1.4}, 1),  # a busy machine
        ({1: 1.0, 2: 0.97, 4: 0.95}, 1),  # more processors for nearly nothing
        ({1: 1.0, 2: 0.6, 4: 0.58, 8: 0.3}, 8),
        ({3: 1.0}, 3),
    ],
)
def test_more_threads_are_taken_only_where_they_pay(seconds, best):
    assert pick(seconds) == best


def test_what_was_asked_for_is_not_tried(monkeypatch):
    monkeypatch.setattr(threads, "_trial", pytest.fail)
    assert choose_threads(3) == torch.get_num_threads() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    torch.set_num_threads(2)
    assert choose_threads() == 2


def test_each_number_of_threads_is_tried(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    tried = []

    def trial():
        tried.append(torch.get_num_threads())
        return {1: 3.0, 2: 1.0, 4: 2.0, 6: 2.0}[tried[-1]]

    monkeypatch.setattr(threads, "_trial", trial)
    torch.set_num_threads(6)
    assert choose_threads() == torch.get_num_threads() == 2
    assert tried == [1, 2, 4, 6] * trials.ROUNDS


def test_a_trial_takes_time():
    assert 0 < threads._trial() < 10
