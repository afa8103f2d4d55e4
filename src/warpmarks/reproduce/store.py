"""Finished steps on the disk: one JSON file each, written whole, found again by its key.

OUTPUT/cells/KEY.json   what a step has found
OUTPUT/runs/KEY/        its network, a run folder as `warpmarks train` makes it
OUTPUT/sets/            published sets in our layout
OUTPUT/landmarks/       what networks have found on annotated images
OUTPUT/NAME.json, NAME.md, NAME/   the table of an experiment, and its pictures
"""

import json
from pathlib import Path
from typing import Any

from warpmarks.errors import InputError
from warpmarks.system.files import write_json


class Store:
    """The folder that experiments are carried out in.

    Raises:
        InputError: it cannot be made.
    """

    def __init__(self, output: Path) -> None:
        self.output = output
        self._cells = output / "cells"
        self.runs = output / "runs"
        self.sets = output / "sets"
        self.landmarks = output / "landmarks"
        try:
            for folder in (self._cells, self.runs, self.sets, self.landmarks):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"--output {output} cannot be written ({error.strerror}): choose another folder"
            ) from error

    def run(self, key: str) -> Path:
        """The run folder of a training."""
        return self.runs / key

    def found(self, key: str) -> dict[str, Any] | None:
        """What a finished step has found; None if it is not finished."""
        try:
            record = json.loads((self._cells / f"{key}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return record if isinstance(record, dict) else None

    def keep(self, key: str, record: dict[str, Any]) -> None:
        """Write down what a step has found."""
        write_json(self._cells / f"{key}.json", record)
