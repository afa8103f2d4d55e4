"""The table of an experiment: the paper's numbers beside ours, from the cells that are finished."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from warpmarks.reproduce.plan import Plan
from warpmarks.reproduce.protocol import Protocol, Row


@dataclass(frozen=True)
class TableRow:
    """A row; errors in % of the normaliser, nan where there is none.

    Attributes:
        name: of the row.
        paper: as the paper prints it; None where it says nothing.
        by_others: whether the paper only quotes it.
        error: mean over seeds and draws.
        over_draws: standard deviation over draws of labels, the mean over seeds.
        over_seeds: standard deviation over seeds of the networks.
        interval: 95 % over images, where one network and all labels make the figure.
        draws: of labels.
        seeds: whose cells are finished.
        wanted: seeds in all.
        fitted_on: annotated images of the regressor, or of the supervised network.
        missing: why there is no figure.
        cells: keys of the finished cells that it is made of.
    """

    name: str
    paper: float | None
    by_others: bool = False
    error: float = math.nan
    over_draws: float = math.nan
    over_seeds: float = math.nan
    interval: tuple[float, float] | None = None
    draws: int = 0
    seeds: int = 0
    wanted: int = 0
    fitted_on: int = 0
    missing: str = ""
    cells: tuple[str, ...] = ()


def make_rows(
    protocol: Protocol, plan: Plan, found: Mapping[str, Mapping[str, Any]]
) -> tuple[TableRow, ...]:
    """The rows of a table.

    Args:
        protocol: of the experiment.
        plan: with the cells of each row.
        found: what finished steps have found, by their keys.
    """
    return tuple(_row(row, plan, found) for row in protocol.rows)


def _row(row: Row, plan: Plan, found: Mapping[str, Mapping[str, Any]]) -> TableRow:
    if row.by_others:
        return TableRow(row.name, row.paper, by_others=True)
    if row.name in plan.missing:
        return TableRow(row.name, row.paper, missing=plan.missing[row.name])
    keys = plan.cells[row.name]
    cells = [found[key] for key in keys if key in found]
    if not cells:
        return TableRow(row.name, row.paper, wanted=len(keys), missing="not finished yet")
    errors = [np.array(cell["errors_percent"], dtype=np.float64) for cell in cells]
    interval = cells[0]["interval_percent"] if len(cells) == 1 else None
    return TableRow(
        row.name,
        row.paper,
        error=float(np.mean([each.mean() for each in errors])),
        over_draws=float(np.mean([_deviation(each) for each in errors])),
        over_seeds=_deviation([float(each.mean()) for each in errors]),
        interval=None if interval is None else (interval[0], interval[1]),
        draws=len(errors[0]),
        seeds=len(cells),
        wanted=len(keys),
        fitted_on=cells[0]["fitted_on"],
        cells=tuple(key for key in keys if key in found),
    )


def _deviation(values: Sequence[float] | np.ndarray) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
