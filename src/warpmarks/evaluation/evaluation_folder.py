"""Where in a run an evaluation lies: a folder of its name, which another set of that name keeps."""

import hashlib
import json
import re
from itertools import chain, count
from pathlib import Path

from warpmarks.datasets.results import EVALUATION, LABEL_CURVE

FOLDER = "evaluations"
"""Of a run."""


def place_in(run: Path, name: str, key: str) -> Path:
    """The folder for an evaluation: that of the same before, or else one that is free.

    Args:
        run: its folder.
        name: what was scored, and how.
        key: see ``key_of``.
    """
    folder = run / FOLDER / _slug(name)
    others = (folder.with_name(f"{folder.name}-{number}") for number in count(2))
    return next(place for place in chain([folder], others) if _key_in(place) in {None, key})


def holds_evaluation(folder: Path) -> bool:
    """Whether the figures of an evaluation are there, which another one would replace."""
    return any((folder / name).exists() for name in (EVALUATION, LABEL_CURVE))


def key_of(name: str, annotations: Path) -> str:
    """Tells an evaluation from others, without a path: a run may go to other people.

    Args:
        name: what was scored, and how.
        annotations: their file; sets in different places may have one name.
    """
    whole = f"{name}\0{annotations.resolve()}"
    return hashlib.sha256(whole.encode(errors="surrogateescape")).hexdigest()[:12]


def _slug(text: str) -> str:
    """A name for a folder, of letters that every system takes."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.") or "evaluation"


def _key_in(folder: Path) -> str | None:
    """Of the evaluation in a folder; None where there is none that can be read."""
    for name in (EVALUATION, LABEL_CURVE):
        try:
            key = json.loads((folder / name).read_text(encoding="utf-8"))["key"]
        except (OSError, ValueError, TypeError, KeyError):
            continue
        if isinstance(key, str):
            return key
    return None
