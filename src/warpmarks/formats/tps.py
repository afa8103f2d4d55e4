"""The TPS files of tpsDig, tpsUtil, geomorph and StereoMorph: one text file, a block per specimen.

    LM=2
    10.00000 25.00000
    -1.00000 -1.00000
    CURVES=1
    POINTS=2
    ...
    IMAGE=fish.jpg
    ID=0
    SCALE=0.012

Pixels: x counts from the left as ours does; y counts **upwards from the bottom**, so that
y = height - y of the file, and the height of each image is needed both ways. Programs that convert
take the height itself, not the height less one (StereoMorph's flip.y, ml-morph's tables for dlib);
what half a pixel means is written nowhere, and we do as they do.

A missing landmark is -1 -1 (tpsDig; geomorph's negNA): read where both numbers are negative or NA.
A specimen of LM=0 has none of the others' landmarks: tpsUtil writes it for images to come. geomorph
writes names of images as ID, without their extensions. Landmarks have no names. Curves, outlines,
SCALE, ID and other keys are kept. SCALE is not applied.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from warpmarks.errors import InputError
from warpmarks.formats.image_files import ImageFiles
from warpmarks.formats.sources import (
    check_slashes,
    check_texts,
    decimal,
    number,
    read_text,
    slashes,
    whole,
)
from warpmarks.formats.table import Extras, ImagePoints, PointTable, assemble, seen_where_placed
from warpmarks.points import numbered_names
from warpmarks.system.files import write_text
from warpmarks.system.progress import one_by_one

KIND = "a TPS file: LM=, coordinates, IMAGE="
_KEY = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]*)\s*=(.*)")
_LINES = {"CURVES": "curves", "OUTLINES": "outlines"}


@dataclass
class _Block:
    """One specimen as it stands in the file, y upwards."""

    line: int
    landmarks: np.ndarray
    lines: dict[str, list[np.ndarray]] = field(
        default_factory=lambda: {"curves": [], "outlines": []}
    )
    values: dict[str, str] = field(default_factory=dict)

    @property
    def image(self) -> str:
        return slashes(self.values.get("IMAGE") or self.values.get("ID") or "")


def flip(points: np.ndarray, height: float) -> np.ndarray:
    """Points with y upwards from the bottom to y downwards from the top, and back."""
    return np.stack([points[:, 0], height - points[:, 1]], axis=1)


def read(path: Path, files: ImageFiles) -> PointTable:
    """Read a TPS file; the images are looked for, since their heights turn y over.

    Raises:
        InputError: the file is wrong, of 3D landmarks, or an image with points is not found.
    """
    blocks = _blocks(path)
    counts = {len(block.landmarks) for block in blocks} - {0}
    if not counts and any(any(block.lines.values()) for block in blocks):
        raise InputError(
            f"{path} has curves and outlines only, whose points do not count: expected LM= of one "
            "landmark at least, so make landmarks of them first (tpsUtil appends curves to them)"
        )
    if len(counts) > 1:
        raise InputError(
            f"{path} has specimens with {', '.join(map(str, sorted(counts)))} landmarks: expected "
            "the same number in every one"
        )
    count = counts.pop() if counts else 0
    rows = [
        _row(path, block, count, files)
        for block in one_by_one(files.progress, "Reading specimens", blocks)
    ]
    return assemble(numbered_names(count), rows, source=str(path), named=False)


def write(path: Path, table: PointTable) -> None:
    """Write a TPS file, one block per image; the sizes of all images must be known.

    Raises:
        InputError: a landmark lies where it would be read as missing, or a name cannot be held.
    """
    check_texts(table.images, what="image", kind="a TPS file")
    check_slashes(table.images, "a TPS file")
    text: list[str] = []
    for row, name in enumerate(table.images):
        height, extras = float(table.sizes[row, 1]), table.extras[row]
        landmarks = flip(table.points[row], height)
        if (landmarks < 0).all(axis=1).any():
            raise InputError(
                f"{name!r} has a point to the left of and below the image, which a TPS file would "
                "give back as missing: remove it or choose another format"
            )
        text.append(f"LM={len(landmarks)}")
        text += [_line(point) for point in landmarks]
        for key, lines in (("CURVES", extras.curves), ("OUTLINES", extras.outlines)):
            if lines:
                text.append(f"{key}={len(lines)}")
            for points in lines:
                text.append(f"POINTS={len(points)}")
                text += [_line(point) for point in flip(points, height)]
        text.append(f"IMAGE={name}")
        text.append(f"ID={row if extras.identifier is None else extras.identifier}")
        text += [f"{key}={value}" for key, value in extras.notes]
        if extras.scale is not None:
            text.append(f"SCALE={extras.scale:.10g}")
    write_text(path, "\n".join([*text, ""]))


def _line(point: np.ndarray) -> str:
    if not np.isfinite(point).all():
        return "-1 -1"
    return " ".join(decimal(cell) for cell in point)


def _row(path: Path, block: _Block, count: int, files: ImageFiles) -> ImagePoints:
    where = f"{path}, line {block.line}"
    if not block.image:
        raise InputError(f"{where}: the specimen has neither IMAGE= nor ID=: add the image's name")
    image = block.image
    if files.find(image) is None:
        image = files.find_stem(image) or image
    landmarks = block.landmarks if len(block.landmarks) else np.full((count, 2), np.nan)
    missing = (landmarks < 0).all(axis=1) | np.isnan(landmarks).any(axis=1)
    landmarks = np.where(missing[:, None], np.nan, landmarks)
    files.measured.add(image)
    size = files.size(image)
    if size is None and (not missing.all() or any(block.lines.values())):
        size = files.needed_size(image, f"{where}: to turn y over, warpmarks")
    height = size[1] if size else 0
    points = flip(landmarks, height)
    values = dict(block.values)
    scale = values.pop("SCALE", "").strip().replace(",", ".")
    extras = Extras(
        curves=tuple(flip(line, height) for line in block.lines["curves"]),
        outlines=tuple(flip(line, height) for line in block.lines["outlines"]),
        scale=number(scale, f"{where}, SCALE") if scale else None,
        identifier=values.pop("ID", None),
        notes=tuple((key, value) for key, value in values.items() if key != "IMAGE"),
    )
    return ImagePoints(
        image,
        points,
        seen_where_placed(points),
        size=(float(size[0]), float(size[1])) if size else None,
        extras=extras,
    )


def _blocks(path: Path) -> list[_Block]:
    lines = iter(enumerate(read_text(path, KIND).splitlines(), start=1))
    blocks: list[_Block] = []
    kind = ""
    for line, content in lines:
        if not content.strip():
            continue
        match = _KEY.fullmatch(content)
        if match is None:
            raise InputError(f"{path}, line {line}: {content[:40]!r} has no KEY=: expected {KIND}")
        key, value = match[1].upper(), match[2].strip()
        where = f"{path}, line {line}, {key}="
        if key == "LM3":
            raise InputError(f"{where}: landmarks in three dimensions cannot lie on an image")
        if key == "LM":
            landmarks = _coordinates(path, lines, whole(value, where, high=100_000))
            blocks.append(_Block(line, landmarks))
        elif not blocks:
            raise InputError(f"{where} stands before the first LM=: expected {KIND}")
        elif key in _LINES:
            kind = _LINES[key]
        elif key == "POINTS" and kind:
            points = _coordinates(path, lines, whole(value, where, high=1_000_000))
            blocks[-1].lines[kind].append(points)
        elif key in blocks[-1].values:
            raise InputError(f"{where} is there twice in one specimen: keep one of the two")
        else:
            blocks[-1].values[key] = value
    if not blocks:
        raise InputError(f"{path} has no LM=: expected {KIND}")
    return blocks


def _coordinates(path: Path, lines: Iterator[tuple[int, str]], count: int) -> np.ndarray:
    points = []
    for _ in range(count):
        line, content = next(lines, (0, ""))
        cells = content.replace(",", ".").split()
        if len(cells) != 2:
            raise InputError(
                f"{path}, line {line or 'after the last'}: {content[:40]!r} is no pair of "
                f"coordinates, where {count} were announced"
            )
        missing = all(cell.upper() in ("NA", "NAN") for cell in cells)
        where = f"{path}, line {line}"
        points.append([np.nan if missing else number(cell, where) for cell in cells])
    return np.array(points, dtype=np.float64).reshape(count, 2)
