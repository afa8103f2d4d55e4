"""What ``run.json`` says of a run."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from warpmarks.arguments import expect_whole
from warpmarks.configuration import TrainingConfig
from warpmarks.errors import InputError
from warpmarks.limits import MOST_COPIES
from warpmarks.points import PointScheme

FORMAT = 2


class RecordEntry(BaseModel):
    """A part of the record: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ImageSource(RecordEntry):
    """Which images a run was made from."""

    name: str
    """Of the set's folder, without its path: a run can be moved, its images may be elsewhere."""
    digest: str
    """Hash of the decoded pictures' names, contents and settings."""
    count: int
    unreadable: int


class RunBudget(RecordEntry):
    """How much a run may do in all; neither: until it has converged."""

    steps: Annotated[int, Field(ge=1)] | None = None
    minutes: Annotated[float, Field(gt=0)] | None = None


class SourceRun(RecordEntry):
    """The run that a fine-tuned one began from."""

    name: str
    """Of its folder, without its path."""
    digest: str
    """Of its weights, see `warpmarks.runs.weights.tensors_digest`: its detector's digest."""
    steps: int
    """That it had been trained for."""


class AnnotationSource(RecordEntry):
    """Which annotations a supervised run was made from."""

    digest: str
    """Hash of the annotated points."""
    labels: Annotated[int, Field(ge=1)] | None = None
    """How many annotated images were drawn with the run's seed; all of them if None."""


class RunRecord(RecordEntry):
    """What a run is; ``run.json``."""

    format: Annotated[int, Field(ge=1)] = FORMAT
    kind: Literal["unsupervised", "supervised"] = "unsupervised"
    """supervised: the K landmarks of the detector are the N annotated points of ``scheme``."""
    config: TrainingConfig
    recipe: str
    view_height: Annotated[int, Field(ge=2)]
    view_width: Annotated[int, Field(ge=2)]
    picture_height: Annotated[int, Field(ge=2)]
    picture_width: Annotated[int, Field(ge=2)]
    mirror: Annotated[float, Field(ge=0, le=1)] | None = None
    """The share of its pictures that training mirrors: what ``warps.mirror`` came to. Runs of
    before there was auto have none."""
    images: ImageSource
    budget: RunBudget = RunBudget()
    """As it was given last."""
    source: SourceRun | None = None
    """Only of a fine-tuned run."""
    scheme: PointScheme | None = None
    """Names, normaliser and mirror pairs of the points; only of a supervised run."""
    annotations: AnnotationSource | None = None
    """Only of a supervised run."""
    created: str
    versions: dict[str, str]
    git_commit: str | None

    @property
    def has_seen_mirrored(self) -> bool:
        """Whether training shows the network pictures in the mirror."""
        return (self.config.warps.mirror if self.mirror is None else self.mirror) != 0


def with_copies(record: RunRecord, copies: int) -> RunRecord:
    """The same run, whose detector sees so many copies in its last look.

    Raises:
        InputError: no run can have as many, or this one looks once and has none.
    """
    copies = expect_whole(copies, "copies", most=MOST_COPIES)
    if copies > 1 and record.config.looks == 1:
        raise InputError(
            f"copies is {copies}, but the run looks at an image once, and only further looks see "
            "copies: leave it out, or train a run with looks=2"
        )
    config = record.config.model_copy(update={"copies": copies})
    return record.model_copy(update={"config": config})
