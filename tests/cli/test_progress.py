import io
import re

from rich.console import Console

from warpmarks.cli.progress import BarProgress, LineProgress, clock_time, per_second


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_lines_tell_rate_and_time_left_every_ten_seconds():
    clock, told = Clock(), list[str]()
    progress = LineProgress(told.append, clock=clock)
    progress.start("Reading images", 400)
    for _ in range(25):  # 4 units a second for 25 seconds
        clock.now += 1
        progress.advance(4)
    assert told == [
        "Reading images: 40 of 400 (10 %), 4/s, 0:01:30 left",
        "Reading images: 80 of 400 (20 %), 4/s, 0:01:20 left",
    ]
    progress.finish()
    assert told[-1] == "Reading images: 100 of 400 in 0:00:25"  # what was left is not done
    progress.start("Reading images", 4)
    clock.now += 20
    progress.advance(4)
    progress.finish()
    assert told[-1] == "Reading images: 4 in 0:00:20"


def test_short_work_is_silent_in_a_log():
    clock, told = Clock(), list[str]()
    progress = LineProgress(told.append, clock=clock)
    progress.start("Reading images", 4)
    clock.now += 3
    progress.advance(4)
    progress.finish()
    assert told == []


def test_work_without_a_known_end_tells_only_the_rate():
    clock, told = Clock(), list[str]()
    progress = LineProgress(told.append, clock=clock)
    progress.start("Training", None)
    clock.now += 20
    progress.advance(3000)
    assert told == ["Training: 3000, 150/s"]


def test_seconds_have_no_rate():
    clock, told = Clock(), list[str]()
    progress = LineProgress(told.append, clock=clock)
    progress.start("Training (seconds)", 60)
    clock.now += 10
    progress.advance(10)
    assert told == ["Training (seconds): 10 of 60 (16 %), 0:00:50 left"]
    stream = io.StringIO()
    bar = BarProgress(Console(file=stream, force_terminal=True, width=120))
    bar.start("Training (seconds)", 60)
    for _ in range(3):
        bar.advance(10)
    bar.finish()
    assert "30/60" in stream.getvalue()
    assert "/s" not in stream.getvalue()


def test_nothing_done_yet_has_no_time_left():
    clock, told = Clock(), list[str]()
    progress = LineProgress(told.append, clock=clock)
    progress.start("Training", 5)
    clock.now += 11
    progress.advance(0)
    assert told == ["Training: 0 of 5 (0 %), 0/s, ? left"]


def test_bar_shows_count_and_prints_messages_as_they_are():
    stream = io.StringIO()
    progress = BarProgress(Console(file=stream, force_terminal=True, width=120))
    progress.start("Reading [images]", 40)
    progress.advance(10)
    progress.message("[bold] is no markup here")
    progress.finish()
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
    assert "Reading [images]" in shown
    assert "10/40" in shown
    assert "[bold] is no markup here" in shown


def test_a_second_start_ends_the_first_bar_and_finish_may_be_called_twice():
    stream = io.StringIO()
    progress = BarProgress(Console(file=stream, force_terminal=True, width=120))
    progress.start("the first", 1)
    progress.start("the second", None)
    begun = stream.tell()
    progress.finish()
    assert "the second" in stream.getvalue()[begun:]
    assert "the first" not in stream.getvalue()[begun:]
    progress.finish()
    progress.advance()


def test_times_and_rates_as_people_read_them():
    assert clock_time(3725.4) == "1:02:05"
    assert clock_time(None) == "?"
    assert per_second(0.12345) == "0.123/s"
    assert per_second(12345) == "12345/s"
