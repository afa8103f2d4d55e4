"""What a run has logged, as columns that can be drawn."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class History:
    """One entry per evaluation, in the order of steps; NaN where the log says nothing.

    ``spread_percent`` is per landmark, in % of the view's shorter side; ``dead``, ``nailed`` and
    ``doubled`` are numbers of landmarks (``doubled`` of pairs). ``self_training_from`` is the step
    after which self-training began, where it is known; the same in each entry from then on.
    ``schedule`` is the learning rate against steps between evaluations too, where it is known.
    """

    steps: Float[np.ndarray, " evaluations"]
    seconds: Float[np.ndarray, " evaluations"]
    pairs_per_second: Float[np.ndarray, " evaluations"]
    learning_rate: Float[np.ndarray, " evaluations"]
    self_training_from: Float[np.ndarray, " evaluations"]
    loss: Float[np.ndarray, " evaluations"]
    equivariance: Float[np.ndarray, " evaluations"]
    diversity: Float[np.ndarray, " evaluations"]
    equivariance_error_percent: Float[np.ndarray, " evaluations"]
    training_error_percent: Float[np.ndarray, " evaluations"]
    dead: Float[np.ndarray, " evaluations"]
    nailed: Float[np.ndarray, " evaluations"]
    doubled: Float[np.ndarray, " evaluations"]
    spread_percent: Float[np.ndarray, "evaluations points"]
    schedule: Float[np.ndarray, "steps 2"] | None = None

    @classmethod
    def from_lines(
        cls,
        lines: Iterable[Mapping[str, object]],
        schedule: Float[np.ndarray, "steps 2"] | None = None,
    ) -> "History":
        """Columns from the lines of a log; of two lines for one step the later counts."""
        by_step = {_number(line.get("step")): line for line in lines}
        ordered = [by_step[step] for step in sorted(by_step) if np.isfinite(step)]
        spreads = [_numbers(line.get("spread_percent")) for line in ordered]
        spread_percent = np.full((len(ordered), max(map(len, spreads), default=0)), np.nan)
        for row, spread in zip(spread_percent, spreads, strict=True):
            row[: len(spread)] = spread

        def column(name: str) -> Float[np.ndarray, " evaluations"]:
            return np.array([_number(line.get(name)) for line in ordered], dtype=float)

        def count(name: str) -> Float[np.ndarray, " evaluations"]:
            return np.array([_length(line.get(name)) for line in ordered], dtype=float)

        return cls(
            steps=column("step"),
            seconds=column("seconds"),
            pairs_per_second=column("pairs_per_second"),
            learning_rate=column("learning_rate"),
            self_training_from=column("self_training_from"),
            loss=column("loss"),
            equivariance=column("equivariance"),
            diversity=column("diversity"),
            equivariance_error_percent=column("equivariance_error_percent"),
            training_error_percent=column("training_error_percent"),
            dead=count("dead"),
            nailed=count("nailed"),
            doubled=count("doubled"),
            spread_percent=spread_percent,
            schedule=schedule,
        )


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")


def _numbers(value: object) -> list[float]:
    return [_number(entry) for entry in value] if isinstance(value, list | tuple) else []


def _length(value: object) -> float:
    return float(len(value)) if isinstance(value, list | tuple) else float("nan")
