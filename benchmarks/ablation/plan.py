"""What is to be compared, and whether all of it can be: checked before anything is trained."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from warpmarks.configuration import TrainingConfig
from warpmarks.datasets.annotated import AnnotatedSet, read_annotated
from warpmarks.datasets.aspect import middle_aspect
from warpmarks.datasets.cache import file_digest
from warpmarks.datasets.image_set import ImageSet, find_images
from warpmarks.datasets.reading import UnreadableImage, read_size
from warpmarks.errors import InputError
from warpmarks.metrics.errors import checked_lengths
from warpmarks.pydantic_reasons import first_reason
from warpmarks.recipe_reading import load_recipe, override, read_settings
from warpmarks.runs.geometry import plan_geometry, require_room_for_padding
from warpmarks.wording import counted


class PlanPart(BaseModel):
    """A part of the plan: an unknown name is an error."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Budget(PlanPart):
    """Of each training: steps or minutes."""

    steps: Annotated[int, Field(ge=1)] | None = None
    minutes: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _given(self) -> "Budget":
        if self.steps is None and self.minutes is None:
            raise ValueError("expected steps or minutes, such as {steps: 3000}")
        return self


class SetEntry(PlanPart):
    """A set, and what is trained, fitted and scored on."""

    path: Path
    landmarks: Annotated[int, Field(ge=1)]
    train: str | None = "train"
    fit: str | None = "train"
    score: str | None = "val"
    labels: list[Annotated[int, Field(ge=1)]] = [1, 5]
    normaliser: str | None = None

    @field_validator("labels")
    @classmethod
    def _once(cls, labels: list[int]) -> list[int]:
        return sorted(_once_each(labels))


class Variant(PlanPart):
    """A recipe, of the package or by the path of its file, and settings that differ from it."""

    recipe: str = "default"
    settings: list[str] = Field(default=[], alias="set")

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, given: Any) -> Any:
        if isinstance(given, list):
            return {"set": given}
        if not isinstance(given, dict):
            raise ValueError(
                "expected a list of settings, such as [image.size=64], or {recipe: NAME, set: [..]}"
            )
        return given


class Plan(PlanPart):
    """The whole comparison."""

    budget: Budget
    seeds: list[Annotated[int, Field(ge=0, lt=2**31)]] = [0, 1]
    draws: Annotated[int, Field(ge=1)] = 10
    common: list[str] = []
    sets: dict[str, SetEntry]
    variants: dict[str, Variant]

    @field_validator("seeds")
    @classmethod
    def _once(cls, seeds: list[int]) -> list[int]:
        if not seeds:
            raise ValueError("expected at least one")
        return _once_each(seeds)

    @field_validator("sets", "variants")
    @classmethod
    def _in_folders_of_their_own(cls, named: dict[str, Any]) -> dict[str, Any]:
        if not named:
            raise ValueError("expected at least one")
        folders = dict[str, str]()
        for name in named:
            other = folders.setdefault(slug(name), name)
            if other != name or not slug(name):
                like = f" from {other}" if other != name else ""
                raise ValueError(f"{name!r} cannot be told{like} by its letters and digits")
        return named


def read_plan(path: Path) -> Plan:
    """What is asked for.

    Raises:
        InputError: the file cannot be read or says something else than a plan.
    """
    settings = read_settings(path, what="plan")
    try:
        return Plan.model_validate(settings)
    except ValidationError as error:
        raise InputError(
            f"plan {path}: {first_reason(error)}; ablate.py --help shows a plan"
        ) from error


@dataclass(frozen=True)
class Scoring:
    """Annotated images to fit and to score on."""

    fitted: AnnotatedSet
    held_out: AnnotatedSet

    @property
    def shared(self) -> str:
        """A caution where a regressor is scored on images that it is fitted on; else nothing."""
        scored = self.held_out.images
        both = {scored.root / name for name in scored.names}
        both &= {self.fitted.images.root / name for name in self.fitted.images.names}
        if not both:
            return ""
        return (
            f"{self.fitted.name} (fit) and {self.held_out.name} (score) share "
            f"{counted(len(both), 'image')} of {len(scored.names)}: errors on images that were "
            "fitted on are lower than on new ones"
        )


@dataclass(frozen=True)
class FoundSet:
    """A set of the plan, and what is there of it."""

    name: str
    entry: SetEntry
    images: ImageSet
    scoring: Scoring | None

    @cached_property
    def digest(self) -> str:
        """Of names and contents of the images to train on, wherever they are."""
        return digest_of(
            f"{name}\0{file_digest(path)[0]}".encode(errors="surrogateescape")
            for name, path in zip(self.images.names, self.images.paths(), strict=True)
        )


@dataclass(frozen=True)
class Cell:
    """One training and its figures.

    Attributes:
        of: the set.
        variant: its name.
        recipe: of the variant.
        config: all settings, the seed too.
        budget: of the training.
        folder: of the run.
    """

    of: FoundSet
    variant: str
    recipe: str
    config: TrainingConfig
    budget: Budget
    folder: Path

    @property
    def title(self) -> str:
        """For people."""
        return f"{self.of.name}, {self.variant}, seed {self.config.seed}"


def cells_of(plan: Plan, output: Path) -> list[Cell]:
    """The trainings of a plan, in the order in which they are done.

    Raises:
        InputError: one of them could not be trained or scored, and why.
    """
    cells = []
    for name, entry in plan.sets.items():
        found = find_set(name, entry)
        aspect = middle_aspect(found.images)
        for variant, about in plan.variants.items():
            config = settings_of(variant, about, plan.common, entry.landmarks, aspect)
            for seed in plan.seeds:
                folder = output / slug(name) / slug(variant) / str(seed)
                seeded = config.model_copy(update={"seed": seed})
                cells.append(Cell(found, variant, about.recipe, seeded, plan.budget, folder))
    return cells


def settings_of(
    name: str, variant: Variant, common: Sequence[str], landmarks: int, aspect: float
) -> TrainingConfig:
    """All settings of a variant, but for its seed; ``aspect`` is that of the images.

    Raises:
        InputError: no such recipe, or settings that are not known or do not go together.
    """
    settings = [*common, *variant.settings]
    if any(setting.partition("=")[0].strip() == "seed" for setting in settings):
        raise InputError(f"variant {name}: it sets seed, which would make all seeds one: leave it")
    try:
        config = override(load_recipe(variant.recipe), [f"num_landmarks={landmarks}", *settings])
        image = config.image
        geometry = plan_geometry(image, aspect if image.aspect == "auto" else image.aspect)
        require_room_for_padding(config.network, geometry)
    except InputError as error:
        raise InputError(f"variant {name}: {error}") from error
    return config


def find_set(name: str, entry: SetEntry) -> FoundSet:
    """A set with its images and annotations.

    Raises:
        InputError: a split or its annotations are not there, or do not allow what is asked for.
    """
    try:
        images = find_images(entry.path, split=entry.train)
        scoring = None if entry.score is None else _find_scoring(entry)
    except InputError as error:
        raise InputError(f"set {name}: {error}") from error
    return FoundSet(name, entry, images, scoring)


def _find_scoring(entry: SetEntry) -> Scoring:
    fitted, held_out = (
        read_annotated(entry.path, split=split, normaliser=entry.normaliser)
        for split in (entry.fit, entry.score)
    )
    scoring = Scoring(fitted, held_out)
    available = len(fitted.images.names)
    if entry.labels and entry.labels[-1] > available:
        raise InputError(
            f"labels has {entry.labels[-1]}, but {fitted.source} has "
            f"{counted(available, 'annotated image')} of {fitted.name}: ask for fewer"
        )
    try:
        sizes = [read_size(path)[::-1] for path in held_out.images.paths()]
    except UnreadableImage as error:
        raise InputError(f"{error}: mend the image or take it out of {held_out.source}") from error
    normaliser = held_out.scheme.normaliser
    checked_lengths(
        normaliser.lengths(held_out.points, np.array(sizes, dtype=float)),
        held_out.points,
        held_out.images.names,
        normaliser=normaliser.text,
        source=str(held_out.source),
        lines=held_out.lines,
    )
    return scoring


def slug(name: str) -> str:
    """What the folder of a set or variant is called."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def digest_of(parts: Iterable[bytes]) -> str:
    """A hash of the parts and of where each ends."""
    whole = hashlib.blake2b(digest_size=16)
    for part in parts:
        whole.update(len(part).to_bytes(8, "big") + part)
    return whole.hexdigest()


def _once_each(numbers: list[int]) -> list[int]:
    if len(set(numbers)) < len(numbers):
        raise ValueError("a number comes twice: name each once")
    return numbers
