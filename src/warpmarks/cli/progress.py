"""Progress for people: a bar in a terminal, a line every ten seconds in a log; always on stderr."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, Task, TaskID, TextColumn
from rich.progress import Progress as Bar
from rich.text import Text

from warpmarks.system.processes import is_first_process
from warpmarks.system.progress import IN_SECONDS, Progress, SilentProgress

INTERVAL = 10.0
"""Seconds from one line of a log to the next."""


@contextmanager
def terminal_progress() -> Iterator[Progress]:
    """The listener that suits this stderr; the terminal is left in order however the block ends."""
    if not is_first_process():
        yield SilentProgress()
        return
    progress = BarProgress() if sys.stderr.isatty() else LineProgress()
    try:
        yield progress
    finally:
        progress.finish()


class LineProgress:
    """One line every `INTERVAL` seconds, with the rate and the time left."""

    def __init__(
        self,
        tell: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tell = tell or _to_stderr
        self._clock = clock
        self._description = ""
        self._total: int | None = None
        self._done = self._before = 0
        self._begun = self._told = 0.0

    def start(self, description: str, total: int | None, done: int = 0) -> None:
        """A piece of work begins."""
        self._description, self._total = description, total
        self._done = self._before = done
        self._begun = self._told = self._clock()

    def advance(self, amount: int = 1) -> None:
        """So many more units are done."""
        self._done += amount
        now = self._clock()
        if now - self._told >= INTERVAL:
            self._told = now
            self.message(f"{self._description}: {self._state(now)}")

    def message(self, text: str) -> None:
        """Something the user should read now."""
        self._tell(text)

    def finish(self) -> None:
        """The piece of work is over; only one that took long enough to be told of says so."""
        now = self._clock()
        if self._told > self._begun:
            whole = self._total is None or self._done >= self._total
            done = f"{self._done}" if whole else f"{self._done} of {self._total}"
            self.message(f"{self._description}: {done} in {clock_time(now - self._begun)}")
        self._begun = self._told = now

    def _state(self, now: float) -> str:
        rate = (self._done - self._before) / (now - self._begun)
        told = rate_of(self._description, rate, ", ")
        if self._total is None:
            return f"{self._done}{told}"
        left = (self._total - self._done) / rate if rate else None
        share = 100 * self._done // max(self._total, 1)
        done = f"{self._done} of {self._total} ({share} %)"
        return f"{done}{told}, {clock_time(left)} left"


class BarProgress:
    """A bar with the rate and the time left; messages scroll by above it."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._bar: Bar | None = None
        self._task = TaskID(0)

    def start(self, description: str, total: int | None, done: int = 0) -> None:
        """A piece of work begins."""
        self.finish()
        self._bar = Bar(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            _State(),
            console=self._console,
            transient=True,
        )
        self._bar.start()
        self._task = self._bar.add_task(description, total=total, completed=done)

    def advance(self, amount: int = 1) -> None:
        """So many more units are done."""
        if self._bar is not None:
            self._bar.advance(self._task, amount)

    def message(self, text: str) -> None:
        """Something the user should read now."""
        self._console.print(text, markup=False, soft_wrap=True)

    def finish(self) -> None:
        """The piece of work is done, and its bar goes."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


class _State(ProgressColumn):
    def render(self, task: Task) -> Text:
        done = f"{int(task.completed)}" + ("" if task.total is None else f"/{int(task.total)}")
        rate = "" if task.speed is None else rate_of(task.description, task.speed, "  ")
        left = "" if task.total is None else f"  {clock_time(task.time_remaining)} left"
        return Text(done + rate + left)


def _to_stderr(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def rate_of(description: str, rate: float, before: str) -> str:
    """The rate after what stands before it; nothing where the units are seconds themselves."""
    return "" if description.endswith(IN_SECONDS) else f"{before}{per_second(rate)}"


def per_second(rate: float) -> str:
    """A rate with about three digits."""
    return f"{rate:.0f}/s" if rate >= 100 else f"{rate:.3g}/s"


def clock_time(seconds: float | None) -> str:
    """h:mm:ss, or a question mark where nobody knows."""
    if seconds is None:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
