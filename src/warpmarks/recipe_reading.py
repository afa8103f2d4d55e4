"""Settings from recipes, files and flags; what is wrong with them is told in one sentence.

A recipe is a YAML file of the settings of `warpmarks.configuration`; those it does not name keep
their default. Unknown keys are errors, never ignored.
"""

import difflib
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from warpmarks.arguments import expect, expect_path
from warpmarks.configuration import TrainingConfig
from warpmarks.errors import InputError
from warpmarks.plain_yaml import RepeatedKey, read_yaml
from warpmarks.pydantic_reasons import plain_reason
from warpmarks.wording import cut


def recipe_names() -> list[str]:
    """The recipes in the package."""
    folder = resources.files("warpmarks") / "recipes"
    return sorted(
        Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith("yaml")
    )


def load_recipe(name: str | Path) -> TrainingConfig:
    """A recipe of the package by its name, or of the user by the path of a YAML file.

    Raises:
        InputError: no such recipe, not YAML, an unknown key or a value out of range.
    """
    expect_path(name, "recipe", "the name of a recipe or the path of one")
    if str(name) in recipe_names():
        text = (resources.files("warpmarks") / "recipes" / f"{name}.yaml").read_text("utf-8")
    elif Path(name).is_file():
        return build_config(read_settings(Path(name), what="recipe"), source=f"recipe {name}")
    else:
        raise InputError(
            f"recipe {name}: neither a file nor one of the recipes {', '.join(recipe_names())}"
        )
    settings = parse_settings(text, source=f"recipe {name}")
    return build_config(settings, source=f"recipe {name}")


def read_settings(path: Path, *, what: str) -> dict[Any, Any]:
    """The settings that a YAML file has as ``key: value``; ``what`` it is, for messages.

    Raises:
        InputError: it cannot be read, or see `parse_settings`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise InputError(f"{what} {path}: cannot be read ({reason})") from error
    return parse_settings(text, source=f"{what} {path}")


def parse_settings(text: str, *, source: str) -> dict[Any, Any]:
    """The settings of a YAML document, none of an empty one; ``source`` names it in an error.

    Raises:
        InputError: not YAML, a key that is there twice, or no settings.
    """
    try:
        settings = read_yaml(text)
    except RepeatedKey as error:
        raise InputError(
            f"{source}: {error.key} in line {error.line} is there already, in line "
            f"{error.first_line}: keep one of the two"
        ) from error
    except yaml.YAMLError as error:
        raise InputError(f"{source}: not YAML ({cut(_one_line(error), 200)})") from error
    settings = {} if settings is None else settings
    if not isinstance(settings, dict):
        raise InputError(
            f"{source}: found {cut(repr(settings))}, expected settings as `key: value`"
        )
    return settings


def as_config(config: TrainingConfig | str | Path | None) -> TrainingConfig | None:
    """Settings, or those of a recipe, see `load_recipe`.

    Raises:
        InputError: it is neither, a setting is not allowed, or see `load_recipe`.
    """
    if config is None:
        return config
    if isinstance(config, str | Path):
        return load_recipe(config)
    expect(config, TrainingConfig, "config", "a recipe's name, or what load_recipe(name) gives")
    # Pydantic's model_copy(update=...), by which programs change settings, checks nothing.
    return build_config(_as_plain(config), source="config")


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


def override(config: TrainingConfig, assignments: list[str]) -> TrainingConfig:
    """A config with settings changed, each given as ``section.key=value`` with a YAML value.

    Raises:
        InputError: no ``=``, an unknown key (the nearest one is named) or a value out of range.
    """
    settings = config.model_dump()
    for assignment in assignments:
        key, found, value = assignment.partition("=")
        key = key.strip()
        if not (found and key):
            raise InputError(
                f"--set {assignment}: expected key=value, e.g. warps.first.rotation=20"
            )
        *sections, last = key.split(".")
        group = settings
        for section in sections:
            inner = group.get(section)
            if not isinstance(inner, dict):
                raise InputError(f"--set {assignment}: {_unknown(key)}")
            group = inner
        if last not in group:
            raise InputError(f"--set {assignment}: {_unknown(key)}")
        if isinstance(group[last], dict):
            members = ", ".join(f"{key}.{name}" for name in group[last])
            raise InputError(f"--set {assignment}: {key} is a group: set its members {members}")
        try:
            group[last] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise InputError(f"--set {assignment}: the value is not YAML") from error
    return build_config(settings, source="--set")


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


def build_config(settings: dict[Any, Any], *, source: str) -> TrainingConfig:
    """A checked config from nested plain settings; ``source`` names them in an error.

    Raises:
        InputError: an unknown name, or a value that is not allowed.
    """
    try:
        return TrainingConfig.model_validate(settings)
    except ValidationError as error:
        first, *others = error.errors()
        key = _dotted(first["loc"])
        if first["type"] in {"extra_forbidden", "invalid_key"}:
            if key in setting_names():  # image.size: 48
                nested = key.replace(".", ": {") + f": {first['input']}" + "}" * key.count(".")
                raise InputError(
                    f"{source}: {key} is written with a dot: expected {nested}, or the same in "
                    "indented lines"
                ) from error
            raise InputError(f"{source}: {_unknown(key)}") from error
        value = first["input"]
        if not key or first["type"] == "value_error":
            found = ""
        else:
            found = f"{key}{'' if isinstance(value, dict) else f' is {_as_given(value)}'}: "
        if first["type"] == "model_type":
            reason = "expected a group of settings, each as `key: value`"
        else:
            # A value of several allowed kinds has an error for each kind.
            of_same = [other["msg"] for other in others if _dotted(other["loc"]) == key]
            reason = " or ".join(
                [
                    plain_reason(first["msg"]),
                    *(plain_reason(message).removeprefix("expected ") for message in of_same),
                ]
            )
        raise InputError(f"{source}: {found}{reason}") from error


def setting_names(section: type[BaseModel] = TrainingConfig, prefix: str = "") -> list[str]:
    """Every setting by its dotted name."""
    names: list[str] = []
    for name, field in section.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            names += setting_names(inner, f"{prefix}{name}.")
        else:
            names.append(f"{prefix}{name}")
    return names


def _as_plain(group: BaseModel) -> dict[str, Any]:
    """All that a group of settings holds, also what pydantic leaves out as no setting."""
    return {
        name: _as_plain(value) if isinstance(value, BaseModel) else value
        for name, value in vars(group).items()
    }


def _dotted(location: tuple[int | str, ...]) -> str:
    """A setting's name from pydantic's location, which also names kinds: literal['auto']."""
    kinds = {"constrained-float", "float", "constrained-int", "int"}
    return ".".join(
        str(part) for part in location if part not in kinds and not str(part).endswith("]")
    )


def _unknown(key: str) -> str:
    names = setting_names()
    by_last = [name for name in names if name.rpartition(".")[2] == key.rpartition(".")[2]]
    nearest = by_last or difflib.get_close_matches(key, names, n=1, cutoff=0.0)
    return f"there is no setting {key}; did you mean {' or '.join(nearest)}?"


def _as_given(value: object) -> str:
    """A value of YAML as it was written, or nearly."""
    if value is None:
        return "empty"
    return repr(value) if isinstance(value, str | list | tuple) else str(value)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
