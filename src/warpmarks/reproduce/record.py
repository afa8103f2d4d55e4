"""The table of an experiment on disk: NAME.json for programs and NAME.md for people."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from warpmarks.reproduce.copies import Copy
from warpmarks.reproduce.protocol import Protocol
from warpmarks.reproduce.settings import Settings
from warpmarks.reproduce.table import TableRow
from warpmarks.runs.folder import provenance
from warpmarks.system.files import write_json, write_text

HEADER = ("", "paper", "here", "± draws", "± seeds", "95 % interval")


def save_table(
    output: Path,
    protocol: Protocol,
    settings: Settings,
    copies: Mapping[str, Copy],
    rows: Sequence[TableRow],
    notes: Sequence[str],
    pictures: Sequence[str],
    normaliser: str,
) -> None:
    """Write NAME.json and NAME.md, each whole.

    Args:
        output: the folder.
        protocol: of the experiment.
        settings: that it was carried out with.
        copies: of its image sets.
        rows: of its table.
        notes: what has to be said.
        pictures: paths in the folder.
        normaliser: what errors are shares of, for people; empty where there is no figure yet.
    """
    created, versions, commit = provenance()
    name = stem(protocol, settings)
    write_json(
        output / f"{name}.json",
        {
            "experiment": protocol.name,
            "reproduces": protocol.reproduces,
            "quick": settings.quick,
            "normaliser": normaliser or None,
            "rows": [row_record(row) for row in rows],
            "pictures": list(pictures),
            "notes": list(notes),
            "settings": {
                "recipe": settings.recipe,
                "config": settings.config.model_dump(mode="json"),
                "steps": settings.budget.steps,
                "minutes": settings.budget.minutes,
                "seeds": list(settings.seeds),
                "method": settings.method,
            },
            "images": {
                name: {split: found.images for split, found in copy.splits.items()}
                for name, copy in copies.items()
            },
            "created": created,
            "versions": versions,
            "git_commit": commit,
        },
    )
    text = markdown(protocol, rows, notes, pictures, normaliser)
    write_text(output / f"{name}.md", text)


def stem(protocol: Protocol, settings: Settings) -> str:
    """What the files of an experiment are called; a smoke run leaves those of a real one alone."""
    return f"{protocol.name}-quick" if settings.quick else protocol.name


def row_record(row: TableRow) -> dict[str, Any]:
    """A row as plain JSON; errors in %, null where there is none."""
    return {
        "name": row.name,
        "paper_percent": row.paper,
        "quoted": row.by_others,
        "error_percent": _known(row.error),
        "over_draws_percent": _known(row.over_draws),
        "over_seeds_percent": _known(row.over_seeds),
        "interval_percent": None if row.interval is None else list(row.interval),
        "draws": row.draws,
        "seeds": row.seeds,
        "fitted_on": row.fitted_on,
        "missing": row.missing or None,
        "cells": list(row.cells),
    }


def row_cells(row: TableRow) -> tuple[str, ...]:
    """A row as texts, one for each column of HEADER."""
    error = _number(row.error)
    if row.by_others:
        error = "quoted"
    elif row.missing:
        error = "missing" if row.missing != "not finished yet" else "…"
    elif row.seeds < row.wanted:
        error += f" ({row.seeds} of {row.wanted} seeds)"
    interval = ""
    if row.interval is not None:
        interval = f"{_number(row.interval[0])} to {_number(row.interval[1])}"
    return (
        row.name,
        "" if row.paper is None else _number(row.paper),
        error,
        _number(row.over_draws),
        _number(row.over_seeds),
        interval,
    )


def title(protocol: Protocol, normaliser: str) -> str:
    """What the table shows."""
    unit = f", error in % of {normaliser}" if normaliser else ""
    return f"{protocol.reproduces}: {protocol.title}{unit}"


def markdown(
    protocol: Protocol,
    rows: Sequence[TableRow],
    notes: Sequence[str],
    pictures: Sequence[str],
    normaliser: str,
) -> str:
    """The table as GitHub's Markdown, with notes and pictures below."""
    lines = [f"# {title(protocol, normaliser)}", ""]
    if rows:
        used = used_columns(rows)
        lines += [_line([HEADER[column] for column in used])]
        lines += [_line(["---" if column == 0 else "---:" for column in used])]
        lines += [_line([row_cells(row)[column] for column in used]) for row in rows]
        lines.append("")
    lines += [f"- {note}" for note in notes]
    for picture in pictures:
        lines += ["", f"![{Path(picture).stem.replace('_', ' ')}]({picture})"]
    return "\n".join(lines) + "\n"


def used_columns(rows: Sequence[TableRow]) -> list[int]:
    """The columns in which some row has something; those of names and figures always."""
    cells = [row_cells(row) for row in rows]
    return [
        column
        for column in range(len(HEADER))
        if column in {0, 2} or any(texts[column] for texts in cells)
    ]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _number(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else ""


def _known(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None
