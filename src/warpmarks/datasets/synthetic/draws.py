"""Random numbers that come out the same on every machine.

Only ``Generator.random`` is used, and only exact arithmetic follows it: no normal deviates,
logarithms or trigonometry, whose last digit depends on processor and mathematics library.
"""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

Choice = TypeVar("Choice")


class Draws:
    """A stream of choices taken from one generator, in the order in which they are asked for."""

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator

    def uniform(self, low: float, high: float) -> float:
        """A number between the two, all equally likely."""
        return low + (high - low) * float(self._generator.random())

    def around(self, centre: float, reach: float) -> float:
        """A number within ``reach`` of ``centre``, the middle likelier than the ends."""
        return centre + reach * (self.uniform(-0.5, 0.5) + self.uniform(-0.5, 0.5))

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return float(self._generator.random()) < probability

    def whole(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``, both included."""
        return low + int(float(self._generator.random()) * (high - low + 1))

    def pick(self, choices: Sequence[Choice]) -> Choice:
        """One of the choices, all equally likely."""
        return choices[self.whole(0, len(choices) - 1)]

    def lattice(self, *shape: int) -> np.ndarray:
        """An array of float32 numbers in [0, 1)."""
        return self._generator.random(shape, dtype=np.float32)
