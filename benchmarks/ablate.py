"""Compare recipes: every variant on every set with every seed, on the same budget.

    python benchmarks/ablate.py CONFIG.yaml --output DIR [--threads N]

CONFIG.yaml:

    budget: {steps: 3000}               # or {minutes: 20}: of each training
    seeds: [0, 1]
    draws: 10                           # of fully annotated images, for the few-label errors
    common: [image.size=64]             # settings of all variants
    sets:
      faces: {path: DIR, landmarks: 30, train: train, fit: train, score: val, labels: [1, 5],
              normaliser: inter-ocular}   # as of warpmarks evaluate; without, that of the set
    variants:
      default: []
      unaveraged: [optimiser.averaging=0]

A training that was stopped is gone on with, a finished cell is read again. DIR then holds

    SET/VARIANT/SEED/       the run, and cell.json with its figures
    table.md, table.json    a row a set and variant: mean and spread over seeds
    errors-SET.png          error against annotated images, a curve for each of three variants

Where fit and score share images, their errors are not those of new images, which is told.
"""

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

import warpmarks
from warpmarks.cli.ending import run_script
from warpmarks.cli.progress import terminal_progress
from warpmarks.configuration import load_recipe, override
from warpmarks.errors import InputError
from warpmarks.evaluation.locating import locate_annotated
from warpmarks.metrics.errors import checked_lengths
from warpmarks.plots.label_curve import LabelSeries, draw_label_curve
from warpmarks.regression.examples import Examples
from warpmarks.regression.fitting import fit_regressor
from warpmarks.system.files import atomic_path, write_json
from warpmarks.wording import counted

COLUMNS = ("all", "equivariance", "dead", "nailed", "doubled", "pairs/s", "pairs")


class Budget(BaseModel):
    """Of each training: steps or minutes."""

    model_config = ConfigDict(extra="forbid")
    steps: int | None = None
    minutes: float | None = None


class ScoredSet(BaseModel):
    """A set, and what is trained, fitted and scored on."""

    model_config = ConfigDict(extra="forbid")
    path: Path
    landmarks: int
    train: str = "train"
    fit: str = "train"
    score: str | None = "val"
    labels: list[int] = [1, 5]
    normaliser: str | None = None


class Plan(BaseModel):
    """The whole comparison."""

    model_config = ConfigDict(extra="forbid")
    budget: Budget
    seeds: list[int] = [0, 1]
    draws: int = Field(default=10, ge=1)
    common: list[str] = []
    sets: dict[str, ScoredSet]
    variants: dict[str, list[str]]


def main(arguments: list[str]) -> None:
    """Fill in the cells that are missing and write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=None)
    options = parser.parse_args(arguments)
    plan = read_plan(options.config)
    cells = []
    for set_name, chosen in plan.sets.items():
        for variant, settings in plan.variants.items():
            for seed in plan.seeds:
                folder = options.output / _slug(set_name) / _slug(variant) / str(seed)
                print(f"{set_name}, {variant}, seed {seed}", file=sys.stderr)
                cell = finish_cell(folder, plan, chosen, settings, seed, options.threads)
                cells.append({"set": set_name, "variant": variant, "seed": seed} | cell)
                write_summary(options.output, plan, cells)
    print((options.output / "table.md").read_text(encoding="utf-8"), end="")


def read_plan(path: Path) -> Plan:
    """The checked configuration.

    Raises:
        InputError: it cannot be read or says something else than a plan.
    """
    try:
        return Plan.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise InputError(f"{path}: {' '.join(str(error).split())}") from error


def finish_cell(
    folder: Path,
    plan: Plan,
    chosen: ScoredSet,
    settings: list[str],
    seed: int,
    threads: int | None,
) -> dict[str, Any]:
    """The figures of one training, which is done or finished first if it is not."""
    about = {"settings": [*plan.common, *settings], "budget": plan.budget.model_dump()}
    written = folder / "cell.json"
    if written.exists():
        cell: dict[str, Any] = json.loads(written.read_text(encoding="utf-8"))
        if cell["about"] != about:
            raise InputError(
                f"{written} is of other settings or another budget: choose another --output, or "
                "remove it"
            )
        return cell
    config = override(
        load_recipe("default"),
        [
            f"num_landmarks={chosen.landmarks}",
            f"seed={seed}",
            *plan.common,
            *settings,
        ],
    )
    images = warpmarks.find_images(chosen.path, split=chosen.train)
    begun = (folder / "run.json").exists()
    with terminal_progress() as progress:
        result = warpmarks.train(
            images,
            folder,
            config,
            resume=begun,
            steps=plan.budget.steps,
            minutes=plan.budget.minutes,
            threads=threads,
            progress=progress,
        )
    health = result.evaluation.measures.health
    cell = {
        "about": about,
        "equivariance": health.equivariance_error_percent,
        "dead": len(health.dead),
        "nailed": len(health.nailed),
        "doubled": len(health.doubled),
        "pairs": result.steps * config.batch_size,
        "pairs/s": result.steps * config.batch_size / result.seconds,
        "errors": {} if chosen.score is None else score(folder, plan, chosen),
    }
    write_json(written, cell)
    return cell


def score(run: Path, plan: Plan, chosen: ScoredSet) -> dict[str, list[float]]:
    """Errors in % of the normaliser by number of annotated images, one for each draw."""
    detector = warpmarks.Detector.load(run)
    normaliser = chosen.normaliser
    fitted = warpmarks.read_annotated(chosen.path, split=chosen.fit, normaliser=normaliser)
    held_out = warpmarks.read_annotated(chosen.path, split=chosen.score, normaliser=normaliser)
    with terminal_progress() as progress:
        training = locate_annotated(detector, fitted, progress=progress)
        scored = locate_annotated(detector, held_out, progress=progress)
    scheme = fitted.scheme
    if caution := shared_images(fitted.images.names, held_out.images.names, chosen):
        print(caution, file=sys.stderr)
    lengths = checked_lengths(
        scheme.normaliser.lengths(scored.annotations, scored.sizes),
        scored.annotations,
        scored.names,
        normaliser=scheme.normaliser.text,
        source=str(chosen.path),
    )

    def error(examples: Examples) -> float:
        regressor = fit_regressor(examples, scheme).regressor
        predicted = regressor.predict(scored.landmarks, scored.sizes)
        distances = np.linalg.norm(predicted - scored.annotations, axis=-1)
        return float(100 * np.nanmean(distances / lengths[:, None]))

    errors = {"all": [error(training)]}
    complete = np.flatnonzero(np.isfinite(training.annotations).all(axis=(1, 2)))
    for labels in chosen.labels:
        draws = np.random.default_rng(0)
        errors[str(labels)] = [
            error(training.subset(draws.choice(complete, labels, replace=False)))
            for _ in range(plan.draws)
        ]
    return errors


def shared_images(fitted: Sequence[str], scored: Sequence[str], chosen: ScoredSet) -> str:
    """A caution where a regressor is scored on images that it is fitted on; else nothing."""
    both = set(fitted) & set(scored)
    if not both:
        return ""
    return (
        f"{chosen.path}: fit ({chosen.fit}) and score ({chosen.score}) share "
        f"{counted(len(both), 'image')} of {len(scored)}: errors on images that were fitted on are "
        "lower than on new ones"
    )


def write_summary(output: Path, plan: Plan, cells: list[dict[str, Any]]) -> None:
    """The tables and the picture of the cells that there are."""
    labels = sorted({int(n) for cell in cells for n in cell["errors"] if n != "all"})
    columns = [*map(str, labels), *COLUMNS]
    lines = [
        f"| set | variant | {' | '.join(_titles(labels))} |",
        f"|---|---|{'---|' * len(columns)}",
    ]
    rows: list[dict[str, Any]] = []
    for set_name in plan.sets:
        for variant in plan.variants:
            same = [c for c in cells if (c["set"], c["variant"]) == (set_name, variant)]
            if not same:
                continue
            figures = {column: _values(same, column) for column in columns}
            rows.append({"set": set_name, "variant": variant, "figures": figures})
            shown = " | ".join(_shown(figures[column]) for column in columns)
            lines.append(f"| {set_name} | {variant} | {shown} |")
    write_json(output / "table.json", rows)
    with atomic_path(output / "table.md") as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    for set_name, chosen in plan.sets.items():
        series = [
            LabelSeries(
                row["variant"],
                labels,
                np.array([np.mean(row["figures"][str(n)]) for n in labels]),
                np.array([np.std(row["figures"][str(n)]) for n in labels]),
            )
            for row in rows
            if row["set"] == set_name and labels and row["figures"][str(labels[0])]
        ]
        # The drawing takes three curves: the first three variants that are done.
        if series:
            scored = warpmarks.read_annotated(
                chosen.path, split=chosen.score, normaliser=chosen.normaliser
            )
            normaliser = scored.scheme.normaliser.words
            figure = draw_label_curve(series[:3], normaliser=normaliser)
            with atomic_path(output / f"errors-{_slug(set_name)}.png") as temporary:
                figure.savefig(temporary, format="png", dpi=100)


def _titles(labels: list[int]) -> list[str]:
    few = [f"{n} label{'' if n == 1 else 's'}" for n in labels]
    return [*few, "all labels", "equivariance error", *COLUMNS[2:]]


def _values(cells: list[dict[str, Any]], column: str) -> list[float]:
    if column in cells[0]:
        return [float(cell[column]) for cell in cells]
    return [value for cell in cells for value in cell["errors"].get(column, [])]


def _shown(values: list[float]) -> str:
    if not values:
        return ""
    mean = np.mean(values)
    if len(values) == 1 or all(value == values[0] for value in values):
        return f"{mean:,.4g}"
    return f"{mean:,.4g} ± {np.std(values):.2g}"


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


if __name__ == "__main__":
    sys.exit(run_script(main))
