"""What is to be done for an experiment, in which order, and what cannot be for lack of data.

Planning touches no disk: it is a function of the protocol, the settings and what is known of the
user's copies. Every step has a key from all that decides its result, so that a finished step is
found again, also by another experiment that needs the same, and a changed setting is another step.
"""

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from warpmarks.configuration import TrainingConfig
from warpmarks.recipe_reading import build_config
from warpmarks.reproduce.copies import Copy
from warpmarks.reproduce.protocol import PictureSpec, Protocol, Row
from warpmarks.reproduce.settings import Settings
from warpmarks.training.schedule import Budget
from warpmarks.training.unsupervised import FINETUNING_RATE
from warpmarks.wording import counted


@dataclass(frozen=True)
class Training:
    """A network to train.

    Attributes:
        key: of the step; also the name of its run.
        name: for people.
        images: SET/SPLIT.
        config: with landmarks and seed.
        begin: key of the run that it is fine-tuned from.
        annotated: whether it learns the annotated points of the images.
        labels: so many annotated images; all of them if None.
        normaliser: of the training error, which decides nothing.
    """

    key: str
    name: str
    images: str
    config: TrainingConfig
    begin: str | None = None
    annotated: bool = False
    labels: int | None = None
    normaliser: str | None = None


@dataclass(frozen=True)
class Cell:
    """A figure of a table for one seed, over all draws of labels.

    Attributes:
        key: of the step.
        name: for people.
        score: images that it is scored on.
        run: key of the network; None for the mean shape.
        fit: images whose annotations are learned from, by the regressor, the mean shape or the
            supervised network.
        labels: so many of them; all of them if None.
        draws: how often they are drawn for a regressor.
        method: of the regressor.
        normaliser: what errors are divided by; the set's if None.
        supervised: whether the network itself says where the points are.
    """

    key: str
    name: str
    score: str
    run: str | None
    fit: str
    labels: int | None
    draws: int
    method: str
    normaliser: str | None
    supervised: bool = False


@dataclass(frozen=True)
class Drawing:
    """Pictures of a run, or of the cells that are finished before.

    Attributes:
        key: of the step.
        name: for people.
        spec: what is drawn.
        run: key of the network.
        method: of the regressor.
        normaliser: what errors are divided by; the set's if None.
    """

    key: str
    name: str
    spec: PictureSpec
    run: str | None
    method: str
    normaliser: str | None


Step: TypeAlias = Training | Cell | Drawing


def network_of(step: Step) -> str | None:
    """The key of the training that a step cannot do without."""
    return step.begin if isinstance(step, Training) else step.run


@dataclass(frozen=True)
class Plan:
    """Steps in an order in which each finds what it needs.

    Attributes:
        steps: each key once.
        cells: keys of the cells of each row, one for each seed that has its own.
        missing: why a row or a picture cannot be had, by its name.
    """

    steps: tuple[Step, ...] = ()
    cells: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)

    def left(self, finished: Collection[str]) -> list[Step]:
        """What is still to be done; a network only where something unfinished needs it."""
        steps: list[Step] = []
        needed: set[str | None] = set()
        for step in reversed(self.steps):
            if step.key not in finished and (not isinstance(step, Training) or step.key in needed):
                steps.append(step)
                needed.add(network_of(step))
        return steps[::-1]

    def without(self, failed: Mapping[str, str]) -> "Plan":
        """The plan with the rows and pictures of failed steps among what is missing.

        Args:
            failed: why, by the step's key.
        """
        missing = dict(self.missing)
        for row, keys in self.cells.items():
            missing.update((row, failed[key]) for key in keys if key in failed)
        for step in self.steps:
            if isinstance(step, Drawing) and step.key in failed:
                missing[f"pictures: {step.spec.kind}"] = failed[step.key]
        return replace(self, missing=missing)


def make_plan(protocol: Protocol, settings: Settings, copies: Mapping[str, Copy]) -> Plan:
    """Plan an experiment; all of the first seed comes before the next one.

    Args:
        protocol: of the experiment.
        settings: the rest of what decides its figures.
        copies: of the image sets, by the name of their source.
    """
    planner = _Planner(protocol, settings, copies)
    missing = {
        row.name: why for row in protocol.rows if not row.by_others and (why := planner.lacks(row))
    }
    drawn = []
    for spec in protocol.pictures:
        if why := planner.lacks_picture(spec):
            missing[f"pictures: {spec.kind}"] = why
        else:
            drawn.append(spec)
    cells: dict[str, list[str]] = {}
    for number, seed in enumerate(settings.seeds):
        for row in protocol.rows:
            if row.by_others or row.name in missing:
                continue
            key = planner.add_row(row, seed)
            if key not in cells.setdefault(row.name, []):
                cells[row.name].append(key)
        if number == 0:
            for spec in (each for each in drawn if each.run is not None):
                planner.add_picture(spec, seed, ())
    for spec in (each for each in drawn if each.run is None):
        planner.add_picture(spec, 0, [key for keys in cells.values() for key in keys])
    return Plan(
        tuple(planner.steps.values()), {row: tuple(keys) for row, keys in cells.items()}, missing
    )


class _Planner:
    def __init__(self, protocol: Protocol, settings: Settings, copies: Mapping[str, Copy]) -> None:
        self.protocol, self.settings, self.copies = protocol, settings, copies
        self.steps: dict[str, Step] = {}
        self.normaliser = settings.normaliser or protocol.normaliser

    def lacks(self, row: Row) -> str:
        """Why a row cannot be had; empty where it can."""
        needed: dict[str, int | None] = {}
        if row.run is not None:
            needed |= dict.fromkeys(self._images_of(row.run))
        annotated = [part for part in (row.fit, row.supervised, row.mean_shape) if part]
        needed |= dict.fromkeys(annotated, row.labels or 0)
        needed[self.protocol.score or ""] = 0
        return self._first_lack(needed)

    def lacks_picture(self, spec: PictureSpec) -> str:
        """Why a picture cannot be had; empty where it can."""
        if spec.run is None:
            drawn = [row for row in self.protocol.rows if row.labels is not None]
            lacks = [self.lacks(row) for row in drawn]
            return "" if not all(lacks) else lacks[0]
        needed: dict[str, int | None] = dict.fromkeys(self._images_of(spec.run))
        needed |= {} if spec.images is None else {spec.images: None if spec.fit is None else 0}
        needed |= {} if spec.fit is None else {spec.fit: 0}
        return self._first_lack(needed)

    def add_row(self, row: Row, seed: int) -> str:
        """The row's cell for a seed, after what it needs."""
        run = None
        if row.run is not None:
            run = self._add_run(row.run, seed)
        elif row.supervised is not None:
            run = self._add_supervised(row.supervised, row.labels, seed)
        fit = row.fit or row.mean_shape or row.supervised or ""
        drawn = row.labels is not None and row.run is not None
        draws = (self.settings.draws or self.protocol.draws) if drawn else 1
        score = self.protocol.score or ""
        wanted = {
            "run": run,
            "fit": self._data(fit),
            "score": self._data(score),
            "labels": row.labels,
            "draws": draws,
            "method": self.settings.method if row.run else None,
            "normaliser": self.normaliser,
        }
        about = f"{_bare(run) or 'mean-shape'} {row.fit or row.mean_shape or ''} {score}"
        if drawn:
            about += f" {row.labels}"
        cell = Cell(
            _key(about, wanted),
            row.name if run is None else f"{row.name}, seed {seed}",
            score,
            run,
            fit,
            row.labels,
            draws,
            self.settings.method,
            self.normaliser,
            row.supervised is not None,
        )
        self.steps.setdefault(cell.key, cell)
        return cell.key

    def add_picture(self, spec: PictureSpec, seed: int, cells: Sequence[str]) -> None:
        """Pictures, after what they show."""
        run = None if spec.run is None else self._add_run(spec.run, seed)
        wanted = {
            "spec": spec.model_dump(),
            "protocol": self.protocol.name,
            "run": run,
            "fit": self._data(spec.fit),
            "images": self._data(spec.images),
            "cells": list(cells),
            "method": self.settings.method,
            "normaliser": self.normaliser,
        }
        drawing = Drawing(
            _key(f"{self.protocol.name} {spec.kind}", wanted),
            f"pictures: {spec.kind.replace('_', ' ')}",
            spec,
            run,
            self.settings.method,
            self.normaliser,
        )
        self.steps.setdefault(drawing.key, drawing)

    def _add_run(self, name: str, seed: int) -> str:
        spec, config = self.protocol.runs[name], self.settings.config
        begin = None if spec.begin is None else self._add_run(spec.begin, seed)
        optimiser = config.optimiser.model_dump()
        optimiser["learning_rate"] *= 1 if begin is None else FINETUNING_RATE
        return self._add_training(
            f"{name}, seed {seed}",
            spec.images,
            {"num_landmarks": spec.landmarks, "seed": seed, "optimiser": optimiser},
            begin=begin,
        )

    def _add_supervised(self, images: str, labels: int | None, seed: int) -> str:
        source = images.partition("/")[0]
        drawn = "all" if labels is None else labels
        return self._add_training(
            f"supervised-{source}-{drawn}, seed {seed}",
            images,
            {"num_landmarks": self.copies[source].points, "seed": seed},
            annotated=True,
            labels=labels,
        )

    def _add_training(
        self,
        name: str,
        images: str,
        changes: dict[str, Any],
        *,
        begin: str | None = None,
        annotated: bool = False,
        labels: int | None = None,
    ) -> str:
        config = build_config(self.settings.config.model_dump() | changes, source=name)
        wanted = {
            "images": self._data(images),
            "config": config.model_dump(mode="json"),
            "budget": _plain(self.settings.budget),
            "begin": begin,
            "annotated": annotated,
            "labels": labels,
        }
        training = Training(
            _key(name, wanted), name, images, config, begin, annotated, labels, self.normaliser
        )
        self.steps.setdefault(training.key, training)
        return training.key

    def _images_of(self, run: str) -> list[str]:
        """What a run and those that it begins from are trained on."""
        spec = self.protocol.runs[run]
        return [*([] if spec.begin is None else self._images_of(spec.begin)), spec.images]

    def _first_lack(self, needed: Mapping[str, int | None]) -> str:
        for part, labels in needed.items():
            source, _, split = part.partition("/")
            copy = self.copies[source]
            if why := copy.lacks(split, labels=labels):
                return why
            wanted = self.protocol.points
            if labels is not None and wanted is not None and copy.points != wanted:
                return (
                    f"{part} has {counted(copy.points, 'point')}, where {self.protocol.name} is "
                    f"about {wanted}: take the experiment own"
                )
        return ""

    def _data(self, part: str | None) -> list[Any] | None:
        """What decides the content of SET/SPLIT."""
        if part is None:
            return None
        source, _, split = part.partition("/")
        return [source, self.copies[source].splits[split].digest, self.settings.limit]


def _plain(budget: Budget) -> dict[str, float | None]:
    return {"steps": budget.steps, "minutes": budget.minutes}


def _key(about: str, wanted: Mapping[str, Any]) -> str:
    """A name that people can read, and the hash of all that decides the step's result."""
    text = json.dumps(wanted, sort_keys=True, default=str)
    digest = hashlib.blake2b(text.encode(), digest_size=5).hexdigest()
    return f"{re.sub(r'[^a-z0-9]+', '-', about.lower()).strip('-')}-{digest}"


def _bare(key: str | None) -> str:
    return "" if key is None else key.rpartition("-")[0]
