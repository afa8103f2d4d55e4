"""The package's own folders, whose pictures are none of the images that people have."""

import json
from pathlib import Path

RUN = "run.json"
REPORT = "content.json"
EVALUATION, LABEL_CURVE = "evaluation.json", "label_curve.json"
REGRESSOR = "regressor.json"
DRAWING = "drawing.json"
"""The record that each of them holds: its name."""

# A few keys that each has had from the beginning: others, too, call their files so.
_KEYS = {
    RUN: {"config", "recipe", "images"},
    REPORT: {"ending", "advice", "sections"},
    EVALUATION: {"detector", "set", "normaliser"},
    LABEL_CURVE: {"detector", "set", "labels"},
    REGRESSOR: {"method", "num_landmarks", "names"},
    DRAWING: {"drawing", "pictures"},
}


def holds_results(folder: Path, names: set[str]) -> bool:
    """Whether a folder is a run, or holds the pictures of a report, an evaluation or the like.

    Args:
        folder: where it is.
        names: what is in it.
    """
    return any(_is_record(folder / name, _KEYS[name]) for name in names & _KEYS.keys())


def _is_record(path: Path, keys: set[str]) -> bool:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(record, dict) and keys <= record.keys()
