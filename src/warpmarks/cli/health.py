"""The table that is shown while a run trains: a line per evaluation."""

from typing import TYPE_CHECKING

from warpmarks.cli.progress import clock_time

if TYPE_CHECKING:
    from warpmarks.progress import Progress
    from warpmarks.training import Evaluation

HEADER = (
    "    step     time  pairs/s       loss = equivariance + diversity  moves off"
    "   dead  nailed doubled"
)


class HealthTable:
    """Prints a line per evaluation, and the header again now and then."""

    def __init__(self, progress: "Progress", header_every: int = 20) -> None:
        self._progress = progress
        self._header_every = header_every
        self._lines = 0

    def __call__(self, evaluation: "Evaluation") -> None:
        """Print one evaluation."""
        if self._lines % self._header_every == 0:
            self._progress.message(HEADER)
        self._lines += 1
        self._progress.message(health_line(evaluation))


def health_line(evaluation: "Evaluation") -> str:
    """One evaluation under ``HEADER``; "moves off" is the equivariance error in % of the view."""
    health = evaluation.health
    weighted = evaluation.loss - evaluation.equivariance
    return (
        f"{evaluation.step:>8} {clock_time(evaluation.seconds):>8}"
        f" {evaluation.pairs_per_second:>8.1f} {evaluation.loss:>10.4f}"
        f"   {evaluation.equivariance:>12.4f}   {weighted:>9.4f}"
        f" {health.equivariance_error_percent:>8.2f} %"
        f" {len(health.dead):>6} {len(health.nailed):>7} {len(health.doubled):>7}"
    )
