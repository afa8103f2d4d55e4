"""The points of a new project, from a list of names or a points.json."""

from pathlib import Path

from warpmarks.annotator.annotations import Scheme, check_scheme
from warpmarks.datasets.annotated import read_scheme
from warpmarks.errors import InputError
from warpmarks.formats.sources import read_json
from warpmarks.plots.colours import colour_code, landmark_colours


def starting_scheme(text: str, *, flag: str = "--points") -> Scheme:
    """Points with our colours; a points.json also tells mirror pairs and the normaliser.

    Raises:
        InputError: the file or a name is wrong; ``flag`` is where they were given.
    """
    mirror: tuple[tuple[int, int], ...] = ()
    normaliser = None
    if text.lower().endswith(".json"):
        content = read_json(Path(text), "a points.json with names")
        names = content.get("names") if isinstance(content, dict) else None
        if not isinstance(names, list):
            raise InputError(
                f'{flag} {text} has no list of names: expected {{"names": ["left eye", "nose"]}}'
            )
        read = read_scheme(Path(text), len(names))
        names, mirror = list(read.names), read.mirror
        if len(read.normaliser.first) == len(read.normaliser.second) == 1:
            normaliser = (read.normaliser.first[0], read.normaliser.second[0])
    else:
        names = [name.strip() for name in text.split(",")]
    colours = tuple(colour_code(colour) for colour in landmark_colours(len(names)))
    return check_scheme(Scheme(tuple(names), colours, mirror, normaliser), source=flag)
