"""The XML files of dlib's imglab: images with a box and named parts.

Pixels: as ours, in whole numbers. A part is a dlib::point, the index of a pixel from 0, and dlib
refuses decimals, so points are rounded to the nearest pixel (dlib/data_io/image_dataset_metadata).
A box covers whole pixels: left and top are its first ones. dlib sorts parts by name.

A missing point has no part. Boxes with ignore='1' are skipped. Documents with a DOCTYPE are
refused: entities could be bombs, and imglab writes none. Whatever encoding the file declares, it is
read as UTF-8 where it is that: imglab declares ISO-8859-1 and copies the bytes of file names.
"""

from pathlib import Path
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from warpmarks.errors import InputError
from warpmarks.formats.image_files import ImageFiles
from warpmarks.formats.sources import check_texts, decode, number, read_bytes, whole
from warpmarks.formats.table import (
    Extras,
    ImagePoints,
    PointTable,
    assemble,
    box_around,
    check_room,
    empty_row,
    seen_where_placed,
)
from warpmarks.system.files import write_text

KIND = "an XML file of dlib's imglab: dataset, images, image, box, part"


class _Reader:
    """Collects images while expat walks through the document."""

    def __init__(self, path: Path, parser: expat.XMLParserType) -> None:
        self.path, self.parser = path, parser
        self.images: dict[str, tuple[tuple[float, float] | None, Extras]] = {}
        self.parts: dict[str, dict[str, tuple[float, float]]] = {}
        self.names: dict[str, None] = {}
        self.category = ""
        self.open: list[str] = []
        self.image = ""
        self.skipped = False

    def where(self) -> str:
        return f"{self.path}, line {self.parser.CurrentLineNumber}"

    def refuse_doctype(self, *_: object) -> None:
        raise InputError(f"{self.where()}: a DOCTYPE is not read: remove it")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if not self.open and tag == "annotations":
            raise InputError(f"{self.path} is CVAT's own XML: export as COCO Keypoints there")
        if not self.open and tag != "dataset":
            raise InputError(f"{self.path} begins with <{tag}>: expected {KIND}")
        self.open.append(tag)
        if tag == "image":
            self.start_image(attributes)
        elif tag == "box":
            self.start_box(attributes)
        elif tag == "part" and not self.skipped:
            self.start_part(attributes)

    def start_image(self, attributes: dict[str, str]) -> None:
        self.image = attributes.get("file", "")
        if not self.image:
            raise InputError(f"{self.where()}: the image has no file: add it")
        if self.image in self.images:
            raise InputError(f"{self.where()}: the image {self.image!r} is there twice")
        size = None
        if "width" in attributes and "height" in attributes:
            size = (
                float(whole(attributes["width"], self.where(), low=1)),
                float(whole(attributes["height"], self.where(), low=1)),
            )
        self.images[self.image] = (size, Extras())

    def start_box(self, attributes: dict[str, str]) -> None:
        self.skipped = attributes.get("ignore", "0") not in ("0", "false")
        if self.skipped or not self.image:
            return
        if self.image in self.parts:
            raise InputError(
                f"{self.where()}: {self.image!r} has two boxes: expected one object on each image, "
                "so keep one, or give the other ignore='1'"
            )
        left, top, width, height = (
            float(number(attributes.get(side, ""), f"{self.where()}, {side} of the box"))
            for side in ("left", "top", "width", "height")
        )
        size, _ = self.images[self.image]
        self.images[self.image] = (size, Extras(box=(left - 0.5, top - 0.5, width, height)))
        self.parts[self.image] = {}

    def start_part(self, attributes: dict[str, str]) -> None:
        name = attributes.get("name", "")
        parts = self.parts.get(self.image)
        if parts is None or not name:
            raise InputError(f"{self.where()}: a part without a name or a box: expected {KIND}")
        if name in parts:
            raise InputError(f"{self.where()}: the part {name!r} is there twice: keep one")
        x, y = (number(attributes.get(axis, ""), f"{self.where()}, {axis}") for axis in "xy")
        parts[name] = x, y
        self.names[name] = None
        check_room(len(self.images), len(self.names), source=str(self.path))

    def end(self, tag: str) -> None:
        self.open.pop()
        if tag == "image":
            self.image = ""
        if tag == "box":
            self.skipped = False

    def text(self, content: str) -> None:
        if self.open[-2:] == ["box", "label"] and not self.skipped and len(self.parts) == 1:
            self.category += content


def read(path: Path, files: ImageFiles) -> PointTable:
    """Read an imglab file; the points stand in the order in which they are first named.

    Raises:
        InputError: it is no such file, or has two boxes on one image.
    """
    content = decode(read_bytes(path)).encode("utf-8")
    parser = expat.ParserCreate(encoding="utf-8")  # whatever the document declares
    reader = _Reader(path, parser)
    parser.StartDoctypeDeclHandler = reader.refuse_doctype
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise InputError(f"{path} is damaged ({error}): expected {KIND}") from error
    names = list(reader.names)
    check_room(len(reader.images), len(names), source=str(path))
    rows = []
    for image, (size, extras) in reader.images.items():
        points, _ = empty_row(len(names))
        for index, name in enumerate(names):
            if name in reader.parts.get(image, {}):
                points[index] = reader.parts[image][name]
        rows.append(ImagePoints(image, points, seen_where_placed(points), size, extras=extras))
    return assemble(names, rows, source=str(path), category=reader.category.strip() or None)


def write(path: Path, table: PointTable) -> None:
    """Write an imglab file; a box that is not annotated is put around the points.

    Raises:
        InputError: a name cannot be held, or the file cannot be written.
    """
    check_texts([*table.names, table.category or ""], what="name", kind="dlib's XML")
    check_texts(table.images, what="image", kind="dlib's XML")
    lines = ["<?xml version='1.0' encoding='UTF-8'?>", "<dataset>", "<images>"]
    for row, name in enumerate(table.images):
        size = ""
        if np.isfinite(table.sizes[row]).all():
            width, height = (int(side) for side in table.sizes[row])
            size = f" width='{width}' height='{height}'"
        lines.append(f"  <image file={quoteattr(name)}{size}>")
        box = box_around(table.points[row], table.extras[row])
        if box is not None:
            lines += _box_lines(table, row, box)
        lines.append("  </image>")
    write_text(path, "\n".join([*lines, "</images>", "</dataset>", ""]))


def _box_lines(table: PointTable, row: int, box: tuple[float, float, float, float]) -> list[str]:
    left, top = _nearest(box[0] + 0.5), _nearest(box[1] + 0.5)
    width, height = (max(1, _nearest(side)) for side in box[2:])
    lines = [f"    <box top='{top}' left='{left}' width='{width}' height='{height}'>"]
    if table.category:
        lines.append(f"      <label>{escape(table.category)}</label>")
    for name, point in zip(table.names, table.points[row], strict=True):
        if np.isfinite(point).all():
            x, y = (_nearest(cell) for cell in point)
            lines.append(f"      <part name={quoteattr(name)} x='{x}' y='{y}'/>")
    return [*lines, "    </box>"]


def _nearest(value: float) -> int:
    return int(np.floor(value + 0.5))
