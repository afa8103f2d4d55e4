"""An annotation project as a set: where its images are, and how they were labelled.

    {"images": "../pictures", "sizes": {"1.jpg": [640, 480]}, "accepted": {"1.jpg": [0, 2]},
     "not_visible": {"1.jpg": [1]}}

No more of its project.json is read. The path is relative to the project; the sizes are those of the
upright originals when they were labelled; the points, counted from 0, were accepted as suggested,
or cannot be seen.
See `warpmarks.annotator` for the rest.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from warpmarks.errors import InputError

RECORD, SIZES = "project.json", "sizes"
ACCEPTED, NOT_VISIBLE = "accepted", "not_visible"
"""Marks of points."""


def is_project(root: Path) -> bool:
    """Whether a folder with landmarks.csv is an annotation project."""
    return (root / RECORD).is_file()


def home_of_images(root: Path) -> Path:
    """What a project's images are found in, see `find_images`; of any other set the set itself.

    Args:
        root: a folder.

    Raises:
        InputError: project.json cannot be read, or the images are not where it says.
    """
    record = root / RECORD
    if (root / "images").is_dir() or not is_project(root):
        return root
    images = _read(record).get("images")
    if not isinstance(images, str):
        return root
    home = root / images
    try:
        there = home.exists()
    except (OSError, ValueError):
        there = False
    if not there:
        raise InputError(
            f"{record} says that the images are in {home}, which does not exist: bring them there, "
            f"or name their place with `warpmarks annotate RUN IMAGES --project {root}`"
        )
    return home


def sizes_when_labelled(root: Path) -> dict[str, tuple[int, int]]:
    """Width and height that images of a project had when they were labelled, where it knows them.

    Raises:
        InputError: project.json cannot be read, or a size is none.
    """
    record = root / RECORD
    sizes = _read(record).get(SIZES, {})
    try:
        return sizes_from_json(sizes)
    except (TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{record}: {SIZES} is damaged: bring it back from a copy") from error


def marked_images(root: Path, mark: str) -> list[str]:
    """The images of a project with points that have a mark.

    Raises:
        InputError: project.json cannot be read.
    """
    told = _read(root / RECORD).get(mark, {})
    return list(told) if isinstance(told, dict) else []


def marked_points(
    root: Path, mark: str, names: Sequence[str], points: int
) -> Bool[np.ndarray, "images points"]:
    """Which points of images of a project have a mark.

    Raises:
        InputError: project.json cannot be read, or does not say so as it should.
    """
    record = root / RECORD
    told = _read(record).get(mark, {})
    marks = np.zeros((len(names), points), dtype=bool)
    try:
        for row, name in enumerate(names):
            marks[row, told.get(name, [])] = True
    except (TypeError, ValueError, AttributeError, IndexError) as error:
        raise InputError(f"{record}: {mark} is damaged: bring it back from a copy") from error
    return marks


def sizes_from_json(value: Any) -> dict[str, tuple[int, int]]:
    """Sizes by image, as project.json holds them."""
    return {str(image): (int(width), int(height)) for image, (width, height) in value.items()}


def _read(record: Path) -> dict[str, Any]:
    try:
        told = json.loads(record.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{record} cannot be read as JSON ({error}): correct it") from error
    return told if isinstance(told, dict) else {}
