"""What records and messages call image sets and differences of settings."""

from pathlib import Path
from typing import Any

from warpmarks.configuration import TrainingConfig


def source_name(source: Path) -> str:
    """Name of a list or folder; of images/ in our layout the name of the whole set."""
    if source.is_file():
        return source.stem
    root = source.absolute()
    return root.parent.name if root.name == "images" else root.name


def first_difference(given: TrainingConfig, run: TrainingConfig) -> str:
    """The first setting in which two configs differ, with both values."""

    def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
        pairs: dict[str, Any] = {}
        for key, value in values.items():
            name = f"{prefix}{key}"
            pairs |= flat(value, f"{name}.") if isinstance(value, dict) else {name: value}
        return pairs

    one, other = flat(given.model_dump()), flat(run.model_dump())
    name = next(name for name in one if one[name] != other[name])
    return f"{name} is {one[name]} now and was {other[name]}"
