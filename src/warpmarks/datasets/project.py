"""Where the images of an annotation project are: of its project.json only that is read.

    {"images": "../pictures"}

The path is relative to the project. See `warpmarks.annotator` for the rest.
"""

import json
from pathlib import Path

from warpmarks.errors import InputError

RECORD = "project.json"


def home_of_images(root: Path) -> Path:
    """What a project's images are found in, see `find_images`; of any other set the set itself.

    Args:
        root: a folder.

    Raises:
        InputError: project.json cannot be read, or the images are not where it says.
    """
    record = root / RECORD
    if (root / "images").is_dir() or not record.is_file():
        return root
    try:
        told = json.loads(record.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise InputError(f"{record} cannot be read as JSON ({error}): correct it") from error
    images = told.get("images") if isinstance(told, dict) else None
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
