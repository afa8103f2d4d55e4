"""Write the table of all settings from the code and the recipes that come with the package.

.venv/bin/python docs/list_settings.py docs/settings.md
"""

import argparse
import ast
import inspect
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from warpmarks import configuration
from warpmarks.cli.ending import run_script
from warpmarks.configuration import TrainingConfig
from warpmarks.recipe_reading import load_recipe
from warpmarks.system.files import write_text

HEAD = """# All settings

`--set KEY=VALUE` changes one, for instance `--set warps.first.rotation=20`; a recipe is a YAML
file of them (`--recipe FILE`), and what it does not name keeps the default. A recipe's column is
empty where it leaves a setting as it is. Ranges are with their ends unless they say above or below.
Written by `docs/list_settings.py` from [`configuration.py`](../src/warpmarks/configuration.py); a
test holds the two together.

| setting | values | if not named | `default` | `paper` | |
|---|---|---|---|---|---|
"""


def listed() -> str:
    """The page."""
    recipes = [load_recipe(name).model_dump() for name in ("default", "paper")]
    schema = TrainingConfig.model_json_schema()
    return HEAD + "".join(_rows(TrainingConfig, schema, schema["$defs"], recipes, ""))


def _rows(
    section: type[BaseModel],
    schema: dict[str, Any],
    sections: dict[str, Any],
    recipes: list[dict[str, Any]],
    prefix: str,
) -> list[str]:
    meanings, rows = _meanings(section), []
    for name, field in section.model_fields.items():
        inner, own = field.annotation, schema["properties"][name]
        within = [recipe[name] for recipe in recipes]
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            below = sections[own["$ref"].rpartition("/")[2]]
            rows += _rows(inner, below, sections, within, f"{prefix}{name}.")
            continue
        plain = field.get_default()
        named = ["" if value == plain else _text(value) for value in within]
        cells = [f"`{prefix}{name}`", _values(own), _text(plain), *named, meanings.get(name, "")]
        rows.append(f"| {' | '.join(cells)} |\n")
    return rows


def _meanings(section: type[BaseModel]) -> dict[str, str]:
    """The text below each setting, on one line, with ``code`` as Markdown has it."""
    tree = ast.parse(inspect.getsource(configuration))
    (body,) = [
        node.body
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name == section.__name__
    ]
    found = {}
    for setting, text in pairwise(body):
        if isinstance(setting, ast.AnnAssign) and isinstance(text, ast.Expr):
            name, value = ast.unparse(setting.target), ast.literal_eval(text.value)
            found[name] = " ".join(value.split()).replace("``", "`")
    return found


def _values(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_values(kind) for kind in schema["anyOf"])
    if "const" in schema or "enum" in schema:
        return ", ".join(schema.get("enum", [schema.get("const")]))
    if schema["type"] == "array":
        return f"list, each {_values(schema['items'])}"
    if schema["type"] == "boolean":
        return "true, false"
    whole = "whole, " if schema["type"] == "integer" else ""
    ends = {
        "minimum": "from {}",
        "exclusiveMinimum": "above {}",
        "maximum": "to {}",
        "exclusiveMaximum": "below {}",
    }
    return whole + " ".join(text.format(schema[end]) for end, text in ends.items() if end in schema)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return str(list(value)) if isinstance(value, tuple) else str(value)


def main(arguments: list[str]) -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("page", type=Path, help="the Markdown file to write")
    write_text(parser.parse_args(arguments).page, listed())


if __name__ == "__main__":
    sys.exit(run_script(main))
