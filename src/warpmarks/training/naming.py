"""What records and messages call image sets and differences of settings."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from warpmarks.configuration import TrainingConfig, as_config, load_recipe


def asked_for(
    config: TrainingConfig | str | Path | None,
    recipe: str = "default",
    *,
    load: Callable[[str | Path], TrainingConfig] = load_recipe,
) -> tuple[TrainingConfig | None, str]:
    """The settings that were asked for, None where none were, and the name of their recipe.

    Args:
        config: settings, or the name of the recipe to ``load``.
        recipe: name of other settings.
        load: gives the settings of a recipe.

    Raises:
        InputError: it is none of these, or there is no such recipe.
    """
    if isinstance(config, str | Path):
        return load(config), str(config)
    return as_config(config), recipe


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
