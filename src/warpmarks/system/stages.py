"""How the time of a piece of work is divided among its stages."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class StageClock:
    """Adds up the seconds of each stage; one that is not running costs nothing.

    Attributes:
        seconds: of each stage, in the order in which they first came.

    Args:
        running: whether to measure.
        settle: called before each look at the clock; waits for a device that works on its own.
    """

    def __init__(self, *, running: bool = True, settle: Callable[[], None] | None = None) -> None:
        self.running, self._settle = running, settle or _nothing
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Time of the block belongs to ``stage``."""
        if not self.running:
            yield
            return
        self._settle()
        began = time.perf_counter()
        yield
        self._settle()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - began

    def shares(self) -> dict[str, float]:
        """Each stage's part of all that was measured, from 0 to 1."""
        total = sum(self.seconds.values())
        return {stage: seconds / total for stage, seconds in self.seconds.items()} if total else {}


def _nothing() -> None:
    pass


STOPPED = StageClock(running=False)
"""For whoever is not measured."""
