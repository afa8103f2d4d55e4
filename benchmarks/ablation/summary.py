"""What a comparison comes to: a table, and for each set the curve of its errors."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ablation.cells import ALL
from ablation.plan import Cell, FoundSet, slug
from warpmarks.evaluation.few_labels import Spread
from warpmarks.plots.label_curve import LabelSeries, draw_label_curve
from warpmarks.plots.saving import save_figure
from warpmarks.system.files import write_json, write_text
from warpmarks.wording import counted

TITLES = {
    ALL: "all labels",
    "equivariance": "equivariance error",
    "dead": "dead",
    "nailed": "nailed",
    "doubled": "doubled",
    "pairs/s": "pairs/s",
    "pairs": "pairs",
}


@dataclass(frozen=True)
class Row:
    """The figures of a variant on a set, of all of its seeds that are done."""

    of: FoundSet
    variant: str
    figures: dict[str, list[float]]


def rows_of(done: list[tuple[Cell, dict[str, Any]]]) -> list[Row]:
    """The rows of the cells that are done, with their figures."""
    rows: dict[tuple[str, str], Row] = {}
    for cell, found in done:
        key = (cell.of.name, cell.variant)
        row = rows.setdefault(key, Row(cell.of, cell.variant, {}))
        trained = {name: [float(found["trained"][name])] for name in TITLES if name != ALL}
        for name, values in (trained | found["errors"]).items():
            row.figures.setdefault(name, []).extend(values)
    return list(rows.values())


def write_summary(output: Path, rows: list[Row]) -> str:
    """The tables and the pictures; the text of the table."""
    labels = sorted({count for row in rows for count in row.of.entry.labels})
    titles = {str(count): counted(count, "label") for count in labels} | TITLES
    lines = [
        f"| set | variant | {' | '.join(titles.values())} |",
        f"|---|---|{'---|' * len(titles)}",
    ]
    for row in rows:
        shown = " | ".join(_shown(row.figures.get(name, [])) for name in titles)
        lines.append(f"| {row.of.name} | {row.variant} | {shown} |")
    text = "\n".join(lines) + "\n"
    write_text(output / "table.md", text)
    write_json(
        output / "table.json",
        [{"set": row.of.name, "variant": row.variant, "figures": row.figures} for row in rows],
    )
    for of in {row.of.name: row.of for row in rows}.values():
        if of.scoring is not None:
            series = [_series(row) for row in rows if row.of is of]
            words = of.scoring.held_out.scheme.normaliser.words
            figure = draw_label_curve(series, normaliser=words)
            save_figure(figure, output / f"errors-{slug(of.name)}.png")
    return text


def _series(row: Row) -> LabelSeries:
    """Errors by the number of annotated images, the last one that of all of them."""
    assert row.of.scoring is not None
    numbers = {count: str(count) for count in row.of.entry.labels}
    numbers |= {len(row.of.scoring.fitted.images.names): ALL}
    spreads = [Spread.of(row.figures[key]) for key in numbers.values()]
    means = np.array([spread.mean for spread in spreads])
    deviations = np.array([spread.deviation for spread in spreads])
    return LabelSeries(row.variant, list(numbers), means, deviations)


def _shown(values: list[float]) -> str:
    if not values:
        return ""
    spread = Spread.of(values)
    if all(value == values[0] for value in values):
        return f"{spread.mean:,.4g}"
    return f"{spread.mean:,.4g} ± {spread.deviation:.2g}"
