"""An experiment as a short YAML file: which networks, which rows, and the paper's numbers.

The files are in ``protocols/``; the first line of each names what it reproduces. Images are named
as SET/SPLIT, where SET is one of `warpmarks.reproduce.sources.SOURCES`.
"""

from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    ValidationError,
    model_validator,
)

from warpmarks.errors import InputError
from warpmarks.pydantic_reasons import first_reason
from warpmarks.reproduce.sources import SOURCES


class ProtocolEntry(BaseModel):
    """A part of a protocol: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def _known_part(text: str) -> str:
    source, slash, split = text.partition("/")
    if source not in SOURCES or not slash or not split:
        raise ValueError(f"expected SET/SPLIT with one of the sets {', '.join(SOURCES)}")
    return text


Part = Annotated[str, AfterValidator(_known_part)]
"""Images of a set: SET/SPLIT."""


class RunSpec(ProtocolEntry):
    """A network that learns landmarks without annotations."""

    images: Part
    landmarks: PositiveInt
    begin: Annotated[str | None, Field(alias="from")] = None
    """The run that it is fine-tuned from; from scratch if None."""


class Row(ProtocolEntry):
    """A row of a table: landmarks of a run and a regressor, a baseline, or a number of others."""

    name: str
    paper: float | None = None
    """Error in % as the paper prints it."""
    run: str | None = None
    fit: Part | None = None
    """What the regressor of ``run`` is fitted on."""
    supervised: Part | None = None
    """What the same network is trained on from scratch, with annotations."""
    mean_shape: Part | None = None
    """Whose mean annotated points are predicted everywhere."""
    labels: PositiveInt | None = None
    """So many annotated images, drawn at random; all of them if None."""

    @model_validator(mode="after")
    def _one_way(self) -> "Row":
        ways = [way for way in (self.run, self.supervised, self.mean_shape) if way is not None]
        if len(ways) > 1:
            raise ValueError("a row has one of run, supervised and mean_shape")
        if (self.run is None) != (self.fit is None):
            raise ValueError("run and fit go together")
        if not ways and (self.paper is None or self.labels is not None):
            raise ValueError("a row without run, supervised or mean_shape has the paper's number")
        if self.mean_shape is not None and self.labels is not None:
            raise ValueError("the mean shape is that of all annotated images")
        return self

    @property
    def by_others(self) -> bool:
        """Whether the paper only quotes it."""
        return self.run is None and self.supervised is None and self.mean_shape is None


class PictureSpec(ProtocolEntry):
    """Something to look at."""

    kind: Literal["examples", "predictions", "influences", "label_curve"]
    """examples: landmarks on deformed and on different images (figs. 3 to 5). predictions: beside
    annotations (fig. 6). influences: arrows from landmarks to points (fig. 7). label_curve: the
    rows with ``labels`` as a curve (table 4)."""
    run: str | None = None
    images: Part | None = None
    """What is shown."""
    fit: Part | None = None
    """What the regressor is fitted on."""

    @model_validator(mode="after")
    def _complete(self) -> "PictureSpec":
        wanted = {
            "examples": {"run", "images"},
            "predictions": {"run", "images", "fit"},
            "influences": {"run", "images", "fit"},
            "label_curve": set[str](),
        }[self.kind]
        if self.model_fields_set - {"kind"} != wanted:
            raise ValueError(f"{self.kind} takes {', '.join(sorted(wanted)) or 'nothing else'}")
        return self


class Protocol(ProtocolEntry):
    """An experiment.

    Attributes:
        name: on the command line; the name of its file.
    """

    name: str
    reproduces: str
    """What of the paper: "Table 1"."""
    title: str
    score: Part | None = None
    """The images that every row is scored on."""
    normaliser: str | None = None
    """What errors are divided by; the set's own if None."""
    points: PositiveInt | None = None
    """Annotated points that the set must have for the paper's numbers to mean anything."""
    draws: PositiveInt = 10
    """How often ``labels`` images are drawn for a regressor."""
    runs: dict[str, RunSpec] = {}
    rows: tuple[Row, ...] = ()
    pictures: tuple[PictureSpec, ...] = ()
    open: tuple[str, ...] = ()
    """What the paper leaves open and what is done here, a sentence each."""

    @model_validator(mode="after")
    def _consistent(self) -> "Protocol":
        known: set[str] = set()
        for name, run in self.runs.items():
            if run.begin is not None and run.begin not in known:
                raise ValueError(f"the run {name} begins from {run.begin}, which is not above it")
            known.add(name)
        used = [row.run for row in self.rows] + [picture.run for picture in self.pictures]
        if unknown := [run for run in used if run is not None and run not in known]:
            raise ValueError(f"there is no run {unknown[0]}")
        if len({row.name for row in self.rows}) < len(self.rows):
            raise ValueError("two rows have the same name")
        if self.score is None and not all(row.by_others for row in self.rows):
            raise ValueError("score is missing: the images that rows are scored on")
        return self

    def parts(self) -> list[str]:
        """All images that it uses, each once."""
        used: list[str | None] = [run.images for run in self.runs.values()]
        used += [row.fit or row.supervised or row.mean_shape for row in self.rows]
        used += [part for picture in self.pictures for part in (picture.images, picture.fit)]
        return [part for part in dict.fromkeys([*used, self.score]) if part is not None]


def protocol_names() -> list[str]:
    """The protocols in the package: tables, figures, then our own."""
    folder = resources.files("warpmarks") / "reproduce" / "protocols"
    names = [Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(".yaml")]
    kinds = ("table", "fig")
    return sorted(
        names,
        key=lambda name: (
            next((rank for rank, kind in enumerate(kinds) if name.startswith(kind)), len(kinds)),
            name,
        ),
    )


def load_protocol(name: str) -> Protocol:
    """A protocol of the package.

    Raises:
        InputError: there is none of that name.
    """
    if name not in protocol_names():
        raise InputError(
            f"there is no experiment {name!r}: expected one of {', '.join(protocol_names())}"
        )
    folder = resources.files("warpmarks") / "reproduce" / "protocols"
    return parse_protocol((folder / f"{name}.yaml").read_text("utf-8"), name)


def parse_protocol(text: str, name: str) -> Protocol:
    """A protocol from its YAML.

    Raises:
        InputError: it is none, with the first thing that is wrong.
    """
    try:
        return Protocol.model_validate({"name": name, **yaml.safe_load(text)})
    except ValidationError as error:
        raise InputError(f"protocol {name}: {first_reason(error)}") from error
    except (yaml.YAMLError, TypeError) as error:
        raise InputError(f"protocol {name}: not YAML ({' '.join(str(error).split())})") from error
