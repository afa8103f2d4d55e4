"""landmarks.csv of a project, written after every change.

Lines are kept from one time to the next, so that a click costs one of them; what is written is the
same as `warpmarks.datasets.layout.write_landmarks` gives.
"""

import hashlib
import io
from pathlib import Path
from typing import NamedTuple

from warpmarks.annotator.annotations import Annotations, Labels, accepted, places
from warpmarks.datasets.layout import landmark_columns, landmark_row
from warpmarks.system.files import atomic_path, csv_writer


class ImageRow(NamedTuple):
    """What the files say of an image.

    Attributes:
        labels: which they follow from.
        line: of landmarks.csv; empty where no point has a place.
        not_visible: points that a person has marked so.
        accepted: points that lie where they were suggested.
    """

    labels: Labels
    line: bytes
    not_visible: list[int]
    accepted: list[int]


class Rows:
    """The rows of all images; those whose labels are the same objects are made once."""

    def __init__(self) -> None:
        self._rows: dict[str, ImageRow] = {}

    def of(self, annotations: Annotations) -> dict[str, ImageRow]:
        """By image, in the order of their names."""
        rows = {}
        for image in sorted(annotations.labels):
            labels, row = annotations.labels[image], self._rows.get(image)
            rows[image] = row if row and row.labels is labels else _row(image, labels)
        self._rows = rows
        return rows


def write_table(path: Path, count: int, rows: dict[str, ImageRow]) -> str:
    """Write landmarks.csv whole or not at all; its digest.

    Args:
        path: the file.
        count: number of points.
        rows: of the images.

    Raises:
        InputError: the file cannot be written.
    """
    lines = [_line(landmark_columns(count, scores=False)), *(row.line for row in rows.values())]
    content = b"".join(lines)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
    return digest(content)


def digest(content: bytes) -> str:
    """By which it is known whether another program has changed the table."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _row(image: str, labels: Labels) -> ImageRow:
    somewhere = any(placed and placed.somewhere for placed in labels)
    line = _line(landmark_row(image, places(labels).ravel())) if somewhere else b""
    not_visible = [number for number, placed in enumerate(labels) if placed and not placed.visible]
    return ImageRow(labels, line, not_visible, accepted(labels))


def _line(cells: list[str]) -> bytes:
    text = io.StringIO(newline="")
    csv_writer(text).writerow(cells)
    return text.getvalue().encode("utf-8", "surrogateescape")
