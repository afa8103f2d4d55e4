"""When a run is evaluated.

What people read comes by the clock: soon at first, then about twice a minute, and never so often
that it takes a notable share of the time. What steers the schedule comes by steps, so that a run
that was stopped goes on to the same weights as an unbroken one, bit for bit.
"""

import statistics
from collections import deque
from dataclasses import dataclass, field

FIRST_SECONDS = 10.0
SECONDS = 30.0

LARGEST_SHARE = 0.05
"""Of the time that may go into evaluations that only people read."""

RECENT = 5
"""Evaluations whose cost is known; the next one is expected to cost what is usual among them, so
that one that met a machine that stood still does not put it off."""

STEPS = 100
"""Between evaluations that steer the schedule."""


@dataclass
class Pace:
    """Decides after each step whether to evaluate, and for whom.

    Attributes:
        every: steps between evaluations, for people and schedule alike; by the clock if None.
        steers: whether the schedule follows the evaluations.
    """

    every: int | None
    steers: bool
    _told: int = 0
    _costs: deque[float] = field(default_factory=lambda: deque([0.0], maxlen=RECENT))

    def steering(self, step: int) -> bool:
        """Whether the schedule is to see an evaluation after ``step`` steps."""
        return self.steers and step % (self.every or STEPS) == 0

    def telling(self, step: int, seconds: float) -> bool:
        """Whether people are, ``seconds`` after they were last told, or after the start."""
        if self.every is not None:
            return step % self.every == 0
        least = SECONDS if self._told else FIRST_SECONDS
        return seconds >= max(least, statistics.median_low(self._costs) / LARGEST_SHARE)

    def told(self, cost: float) -> None:
        """An evaluation that people were told of took ``cost`` seconds."""
        self._told += 1
        self._costs.append(cost)
