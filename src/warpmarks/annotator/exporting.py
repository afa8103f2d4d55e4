"""The points of a project in the files of other tools."""

import io
import re
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from warpmarks.annotator.annotations import Scheme, places, visibility
from warpmarks.annotator.session import Session
from warpmarks.errors import InputError
from warpmarks.formats.registry import FORMATS, find_format, write
from warpmarks.formats.table import VISIBLE, ImagePoints, assemble

What = Literal["labels", "labels+predictions"]

_FILES = {
    "coco": "{}.json",
    "deeplabcut": "CollectedData_{}.csv",
    "dlib": "{}.xml",
    "label-studio": "{}.json",
    "lightning-pose": "{}.csv",
    "sleap": "{}.slp",
    "tps": "{}.tps",
}
_TYPES = {
    ".json": "application/json",
    ".csv": "text/csv; charset=utf-8",
    ".xml": "application/xml",
    ".tps": "text/plain; charset=utf-8",
    ".zip": "application/zip",
}
_SCORER = "warpmarks"


@dataclass(frozen=True)
class Exported:
    """A file to be saved by the browser.

    Attributes:
        name: of the file, in ASCII.
        media_type: of the file.
        content: of the file.
        dropped: what the format does not keep, as ``what (how many)``.
    """

    name: str
    media_type: str
    content: bytes
    dropped: list[str]


def format_titles() -> list[dict[str, str]]:
    """The formats by name, with what people call them."""
    return [{"name": name, "title": each.title} for name, each in FORMATS.items()]


def export(session: Session, format: str, what: What) -> Exported:
    """The points in a format, as a file or a zip of several.

    Args:
        session: the project.
        format: its name in `FORMATS`.
        what: only what people placed, or predictions where they did not, which alone have scores.

    Raises:
        InputError: no such format, nothing to export, or something that the format cannot hold.
    """
    chosen = find_format(format, flag="the format")
    rows, scheme = _rows(session, what)
    if not rows:
        raise InputError("there is nothing to export yet: label one image at least")
    points = scheme.point_scheme()
    table = assemble(
        points.names,
        rows,
        source="the project",
        mirror=points.mirror,
        normaliser=points.normaliser.text,
        colours=scheme.colours,
        category=None,
        scorer=_SCORER,
    )
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", session.images.title).strip("-.") or "points"
    with tempfile.TemporaryDirectory() as folder:
        if chosen.files:
            target = Path(folder) / stem
            target.mkdir()
            dropped = write(target, format, table)
            name = f"{stem}-{format}.zip"
            content = _zipped(target)
        else:
            name = _FILES[format].format(_SCORER if format == "deeplabcut" else f"{stem}-{format}")
            target = Path(folder) / name
            dropped = write(target, format, table)
            content = target.read_bytes()
    media_type = _TYPES.get(Path(name).suffix, "application/octet-stream")
    return Exported(name, media_type, content, dropped)


def _rows(session: Session, what: What) -> tuple[list[ImagePoints], Scheme]:
    annotations, predicted = session.annotations_and_predictions()
    rows = []
    for index, image in enumerate(session.images.names):
        of_image = annotations.of(image)
        points, marks = places(of_image), visibility(of_image)
        scores = None
        if what == "labels+predictions" and predicted is not None:
            # A point that a person has marked as not visible stays without a place.
            guessed = (marks == 0) & np.isfinite(predicted.points[index]).all(axis=1)
            points = np.where(guessed[:, None], predicted.points[index], points)
            marks = np.where(guessed, VISIBLE, marks).astype(np.int8)
            scores = np.where(guessed, predicted.scores[index], np.nan)
        if marks.any():
            width, height = session.images.sizes[index]
            rows.append(ImagePoints(image, points, marks, (float(width), float(height)), scores))
    return rows, annotations.scheme


def _zipped(folder: Path) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                name = path.relative_to(folder).as_posix()
                file.write(path, name.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
    return content.getvalue()
