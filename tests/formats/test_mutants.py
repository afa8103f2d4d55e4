"""A file in which any one thing is something else is read, or refused with one sentence."""

import json
import os
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from mutants import other_tree
from point_tables import fish, make_images
from warpmarks.errors import InputError
from warpmarks.formats.image_files import images_beside, with_sizes
from warpmarks.formats.registry import FORMATS, read, write

WORDS = [
    "",
    "-1",
    "1.5",
    "9" * 5000,
    "1e400",
    "nan",
    "x",
    ",",
    "=",
    "{",
    "<",
    "'",
    "[",
    "&",
    "\x1b",
]
TREES: dict[str, tuple[Callable[[str], Any], Callable[[Any], str]]] = {
    ".json": (json.loads, json.dumps),
    ".yaml": (yaml.safe_load, yaml.dump),
}
MUTANTS = 400


def other_text(text: str, draw: random.Random) -> str:
    words = re.split(r"(\w+|\s|[^\w\s])", text)
    words[draw.randrange(len(words))] = draw.choice(WORDS)
    if draw.random() < 0.3:
        words.insert(draw.randrange(len(words)), draw.choice(WORDS))
    return "".join(words)


def mutants(path: Path, count: int, draw: random.Random) -> Iterator[str]:
    text = path.read_text()
    for number in range(count):
        if path.suffix in TREES and number % 3:
            load, dump = TREES[path.suffix]
            yield dump(other_tree(load(text), draw))
        else:
            yield other_text(text, draw)


@pytest.mark.parametrize("name", sorted(set(FORMATS) - {"sleap"}))
def test_a_file_with_something_else_in_it_is_read_or_refused(tmp_path, monkeypatch, name):
    monkeypatch.setattr(os, "fsync", lambda _: None)
    draw = random.Random(f"mutants of {name}")
    images = images_beside(tmp_path, make_images(fish(), tmp_path / "images"))
    scores = np.where(fish().placed, 0.5, np.nan)
    table = replace(with_sizes(fish(), images, needed_by=name), scores=scores, normaliser="1:2")
    endings = {"dlib": ".xml", "tps": ".tps", "coco": ".json", "label-studio": ".json"}
    target = tmp_path / f"set{endings.get(name, '' if FORMATS[name].files else '.csv')}"
    write(target, name, table)
    assert len(read(target, name, images).names) == len(table.names)
    files = sorted(path for path in target.rglob("*") if path.is_file()) or [target]
    refused = 0
    for path in files:
        whole = path.read_bytes()
        for mutant in mutants(path, MUTANTS // len(files), draw):
            path.write_text(mutant, encoding="utf-8", errors="surrogateescape")
            try:
                found = read(target, name, images)
                for other in ("coco", "label-studio", "warpmarks"):
                    write(tmp_path / f"as {other}", other, found, images)
            except InputError as error:
                refused += 1
                assert "\n" not in str(error)  # noqa: PT017
        path.write_bytes(whole)
    assert 0 < refused < MUTANTS
