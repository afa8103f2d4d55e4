"""What project.json and the lines of history.jsonl hold, as they are checked when they are read."""

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    InstanceOf,
    TypeAdapter,
    model_validator,
)


def _can_be_written(text: str) -> str:
    text.encode(errors="surrogateescape")
    return text


Text = Annotated[InstanceOf[str], AfterValidator(_can_be_written)]
"""Also of a file whose name is no UTF-8."""

Number = Annotated[int, Field(ge=0)]


class _Record(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class _Point(_Record):
    x: float | None
    y: float | None
    visible: bool
    accepted: bool = False

    @model_validator(mode="after")
    def _has_a_place_or_none(self) -> "_Point":
        if (self.x is None) != (self.y is None) or (self.visible and self.x is None):
            raise ValueError("a point has only a part of its place")
        return self


class _Name(_Record):
    name: Text
    colour: Text


_Pair = Annotated[list[Number], Field(min_length=2, max_length=2)]
_Labels = list[_Point | None]
_Size = Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=2, max_length=2)]


class _Scheme(_Record):
    points: list[_Name]
    mirror: list[_Pair]
    normaliser: _Pair | None


class ProjectRecord(_Scheme):
    """project.json."""

    not_visible: dict[Text, list[Number]]
    accepted: dict[Text, list[Number]]
    changes: Number
    table: Text | None
    sizes: dict[Text, _Size]


class _Snapshot(_Record):
    scheme: _Scheme
    labels: dict[Text, _Labels]
    sizes: dict[Text, _Size]


class _LabelsChange(_Record):
    kind: Literal["labels"]
    image: Text
    before: _Labels
    after: _Labels
    size_before: _Size | None = None
    size: _Size | None = None
    what: Text


class _SchemeChange(_Record):
    kind: Literal["scheme"]
    before: _Scheme
    after: _Scheme
    was: list[Number | None]
    gone: dict[Text, dict[Text, _Point]]
    what: Text


class _Move(_Record):
    kind: Literal["undo", "redo"]
    of: Number


class _Whole(_Record):
    kind: Literal["cut", "base"]
    after: _Snapshot


_CHANGE: TypeAdapter[Any] = TypeAdapter(_LabelsChange | _SchemeChange | _Move | _Whole)


def check_change(change: object) -> None:
    """Raise where a line of the history is no change.

    Raises:
        ValueError: a value is missing or of another kind.
    """
    _CHANGE.validate_python(change)
