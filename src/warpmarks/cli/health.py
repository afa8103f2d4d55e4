"""The tables that are shown while a run trains: a line per evaluation.

Losses are as in the log, before weighting. "moves off" is the equivariance error in % of the image
side, "follows" how much of the warps' motion the middle landmark follows.
"""

from statistics import median
from typing import TYPE_CHECKING, Any

from warpmarks.cli.progress import clock_time

if TYPE_CHECKING:
    from warpmarks.system.progress import Progress
    from warpmarks.training import Evaluation, Health, PairMeasures, PointMeasures

HEADER_EVERY = 20


class HealthTable:
    """Prints a line per evaluation of a run without annotations, and the header now and then."""

    header = (
        "    step     time  pairs/s       loss  equivariance  diversity  moves off  follows"
        "   dead  nailed doubled"
    )

    def __init__(self, progress: "Progress") -> None:
        self._progress = progress
        self._lines = 0

    def __call__(self, evaluation: "Evaluation[Any]") -> None:
        """Print one evaluation."""
        if self._lines % HEADER_EVERY == 0:
            self._progress.message(self.header)
        self._lines += 1
        measures = evaluation.measures
        self._progress.message(
            f"{evaluation.step:>8} {clock_time(evaluation.seconds):>8}"
            f" {evaluation.pairs_per_second:>8.1f} {measures.loss:>10.4f}"
            f"  {self.own_columns(measures)}"
            f" {measures.health.equivariance_error_percent:>8.2f} %"
            f" {100 * median(measures.health.follow):>z6.0f} %"
            f" {self.troubles(measures.health)}"
        )

    def own_columns(self, measures: "PairMeasures") -> str:
        """What only this kind of run has."""
        return f"{measures.equivariance:>12.4f}  {measures.diversity:>z9.4f}"

    def troubles(self, health: "Health") -> str:
        """Numbers of landmarks in trouble."""
        return f"{len(health.dead):>6} {len(health.nailed):>7} {len(health.doubled):>7}"


class ErrorTable(HealthTable):
    """The same for a supervised run, with its error on the images that it learns from."""

    header = (
        "    step     time images/s       loss  training error  moves off  follows   dead  nailed"
    )

    def own_columns(self, measures: "PointMeasures") -> str:  # type: ignore[override]
        """What only this kind of run has."""
        return f"{measures.training_error_percent:>12.2f} %"

    def troubles(self, health: "Health") -> str:
        """Numbers of points in trouble."""
        return f"{len(health.dead):>6} {len(health.nailed):>7}"
