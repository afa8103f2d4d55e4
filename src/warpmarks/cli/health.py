"""The table that is shown while a run trains: a line per evaluation."""

from typing import TYPE_CHECKING

from warpmarks.cli.progress import clock_time

if TYPE_CHECKING:
    from warpmarks.training import Evaluation

HEADER = (
    "    step     time  pairs/s      loss = equivariance + diversity   moves off  "
    "dead  nailed  doubled"
)


def health_line(evaluation: "Evaluation") -> str:
    """One evaluation under ``HEADER``; "moves off" is the equivariance error in % of the view."""
    return (
        f"{evaluation.step:>8} {clock_time(evaluation.seconds):>8}"
        f" {evaluation.pairs_per_second:>8.1f} {evaluation.loss:>9.4f}"
        f"   {evaluation.equivariance:>12.4f}   {evaluation.diversity:>9.4f}"
        f" {evaluation.equivariance_error_percent:>9.2f} %"
        f" {len(evaluation.dead):>5} {len(evaluation.nailed):>7} {len(evaluation.doubled):>8}"
    )
