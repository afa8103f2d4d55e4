"""YOLO pose, as Ultralytics trains it: a folder with data.yaml and one label file per image.

    SET/data.yaml           kpt_shape, kpt_names, flip_idx, names, where the images are
    SET/images.txt          the images, as ./images/NAME
    SET/labels/NAME.txt     class x y width height, then x y visibility of each point

The images themselves belong into SET/images; Ultralytics finds the labels by exchanging images for
labels in their paths. Names of points (kpt_names) are written and used where they are there.

Pixels: shares of width and height, from 0 at the left and upper edge to 1 at the other (Ultralytics
resizes images and scales shares alike): x = share * width - 0.5. Ultralytics' own converter from
COCO divides pixels by the width as they are, half a pixel less. Coordinates beyond 0 to 1 make
Ultralytics skip the whole file, so points outside of their image are written as not labelled.
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from warpmarks.datasets.image_set import find_images, is_file, is_folder
from warpmarks.datasets.videos import frame_of
from warpmarks.errors import InputError
from warpmarks.formats.image_files import ImageFiles
from warpmarks.formats.sources import (
    BREAKS,
    check_texts,
    decimal,
    number,
    path_within,
    read_text,
    whole,
)
from warpmarks.formats.table import (
    HIDDEN,
    UNLABELLED,
    VISIBLE,
    Extras,
    ImagePoints,
    PointTable,
    assemble,
    box_around,
    check_room,
    empty_row,
)
from warpmarks.points import numbered_names
from warpmarks.system.files import make_folder, write_text
from warpmarks.system.progress import Progress, SilentProgress, one_by_one
from warpmarks.system.whole_folder import whole_folder
from warpmarks.wording import counted

KIND = "a YOLO pose set: data.yaml with kpt_shape, and labels/"
_SPLITS = ("train", "val", "test")
_BOX = 5


def find_yaml(path: Path) -> Path | None:
    """The data.yaml of a set, or the only other YAML file with kpt_shape in its folder."""
    if path.is_file():
        return path
    if (path / "data.yaml").is_file():
        return path / "data.yaml"
    listed = [*sorted(path.glob("*.yaml")), *sorted(path.glob("*.yml"))]
    listed = [each for each in listed if "kpt_shape" in read_text(each, KIND)]
    return listed[0] if len(listed) == 1 else None


def read(path: Path, files: ImageFiles) -> PointTable:
    """Read all splits of a set; the images are looked for, since shares need their sizes.

    Raises:
        InputError: a file is missing or wrong, or an image has two objects.
    """
    found = find_yaml(path)
    if found is None:
        raise InputError(f"{path} holds no data.yaml: expected {KIND}")
    settings = _settings(found)
    root = found.parent
    count, width = _shape(found, settings)
    names, named = _names(found, settings, count)
    images = _images(found, settings)
    check_room(len(images), count, source=str(found))
    around = replace(files, folders=(root / "images", root, *files.folders))
    rows = [
        _row(label, name, count, width, around)
        for name, label in one_by_one(files.progress, "Reading labels", list(images.items()))
    ]
    return assemble(
        names,
        rows,
        source=str(found),
        named=named,
        mirror=_mirror(found, settings, count),
        category=_category(settings),
    )


def write(path: Path, table: PointTable, progress: Progress | None = None) -> None:
    """Write a set without its images; the sizes of all images must be known.

    It is written whole or not at all; ``progress`` is told of its labels.

    Raises:
        InputError: a name cannot be held, or two images would share a label file.
    """
    check_texts([*table.names, table.category or ""], what="name", kind="a YOLO set")
    check_texts(table.images, what="image", kind="a YOLO set", refuse=BREAKS)
    owners: dict[Path, int] = {}
    for row, name in enumerate(table.images):
        path_within(path, name, ".txt")
        _, target = _name_and_label(path / "images" / name, path)
        if owners.setdefault(target, row) != row:
            other = table.images[owners[target]]
            shared = target.relative_to(os.path.normpath(path)).as_posix()
            raise InputError(f"the images {other!r} and {name!r} would share {shared}: rename one")
    flip = list(range(len(table.names)))
    for first, second in table.mirror:
        flip[first], flip[second] = second, first
    settings = {
        "path": ".",
        "train": "images.txt",
        "val": "images.txt",
        "kpt_shape": [len(table.names), 3],
        "names": {0: table.category or "object"},
        "kpt_names": {0: list(table.names)},
    } | ({"flip_idx": flip} if table.mirror else {})
    with whole_folder(path, last="data.yaml") as fresh:
        for target, row in one_by_one(
            progress or SilentProgress(), "Writing labels", list(owners.items())
        ):
            label = fresh / target.relative_to(os.path.normpath(path))
            make_folder(label.parent)
            write_text(label, _label(table, row), sync=False)
        write_text(fresh / "images.txt", "".join(f"./images/{name}\n" for name in table.images))
        write_text(
            fresh / "data.yaml", yaml.safe_dump(settings, allow_unicode=True, sort_keys=False)
        )


def _label(table: PointTable, row: int) -> str:
    size = table.sizes[row]
    gone = table.outside[row] | ~table.placed[row]
    points = np.where(gone[:, None], np.nan, table.points[row])
    box = box_around(points, table.extras[row])
    if box is None or gone.all():
        return ""
    low = np.clip((np.array(box[:2]) + 0.5) / size, 0, 1)
    high = np.clip((np.array(box[:2]) + 0.5 + box[2:]) / size, 0, 1)
    cells = ["0", *(decimal(cell, 8) for cell in (*(low + high) / 2, *(high - low)))]
    shares = (points + 0.5) / size
    states = np.where(gone, UNLABELLED, table.visibility[row])
    for share, state in zip(shares, states, strict=True):
        placed = (0.0, 0.0) if state == UNLABELLED else share
        cells += [*(decimal(cell, 8) for cell in placed), str(state)]
    return " ".join(cells) + "\n"


def _row(path: Path, name: str, count: int, width: int, files: ImageFiles) -> ImagePoints:
    points, visibility = empty_row(count)
    lines = read_text(path, KIND).split("\n") if is_file(path) else []
    lines = [line for line in lines if line.strip()]
    if not lines:
        return ImagePoints(name, points, visibility)
    if len(lines) > 1:
        raise InputError(f"{path} has {len(lines)} objects: expected one on each image")
    cells = [number(cell, str(path)) for cell in lines[0].split()]
    if len(cells) != _BOX + count * width:
        raise InputError(
            f"{path} has {counted(len(cells), 'number')}: expected {_BOX + count * width}: class, "
            f"box and {counted(count, 'point')} of {width}"
        )
    size = files.needed_size(name, f"{path}: a share of the image")
    middle, sides = np.array(cells[1:3]) * size, np.array(cells[3:_BOX]) * size
    left, top = middle - sides / 2 - 0.5
    for point in range(count):
        share = cells[_BOX + width * point : _BOX + width * (point + 1)]
        state = whole(share[2], str(path), high=VISIBLE) if width == 3 else VISIBLE
        # Without visibility, Ultralytics takes 0 0 for a point that is not labelled.
        if state == UNLABELLED or (width == 2 and share == [0, 0]):
            continue
        points[point] = np.array(share[:2]) * size - 0.5
        visibility[point] = HIDDEN if state == HIDDEN else VISIBLE
    return ImagePoints(
        name,
        points,
        visibility,
        size=(float(size[0]), float(size[1])),
        extras=Extras(box=(float(left), float(top), float(sides[0]), float(sides[1]))),
    )


def _settings(path: Path) -> dict[str, Any]:
    text = read_text(path, KIND)
    try:
        settings = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise InputError(f"{path} is no YAML file: expected {KIND}") from error
    if not isinstance(settings, dict):
        raise InputError(f"{path} has no settings: expected {KIND}")
    return settings


def _shape(path: Path, settings: dict[str, Any]) -> tuple[int, int]:
    shape = settings.get("kpt_shape")
    if not isinstance(shape, list) or len(shape) != 2:
        raise InputError(f"{path}: kpt_shape is {shape!r}: expected [number of points, 2 or 3]")
    where = f"{path}, kpt_shape"
    return whole(shape[0], where, low=1, high=100_000), whole(shape[1], where, low=2, high=3)


def _names(path: Path, settings: dict[str, Any], count: int) -> tuple[tuple[str, ...], bool]:
    listed = settings.get("kpt_names")
    if isinstance(listed, dict):
        listed = next(iter(listed.values()), None)
    if listed is None:
        return numbered_names(count), False
    if not isinstance(listed, list) or len(listed) != count:
        raise InputError(f"{path}: kpt_names does not name {counted(count, 'point')}: correct it")
    return tuple(str(name) for name in listed), True


def _category(settings: dict[str, Any]) -> str | None:
    names = settings.get("names")
    values = list(names.values()) if isinstance(names, dict) else names
    return str(values[0]) if isinstance(values, list) and values else None


def _mirror(path: Path, settings: dict[str, Any], count: int) -> tuple[tuple[int, int], ...]:
    listed = settings.get("flip_idx")
    if listed is None:
        return ()
    where = f"{path}, flip_idx"
    flip = [whole(each, where) for each in listed] if isinstance(listed, list) else listed
    if not isinstance(flip, list) or sorted(flip) != list(range(count)):
        raise InputError(f"{path}: flip_idx is {flip!r}: expected each of 0 to {count - 1} once")
    pairs = [(first, second) for first, second in enumerate(flip) if first < second]
    if any(flip[second] != first for first, second in pairs):
        raise InputError(f"{path}: flip_idx is {flip!r}: expected points that change places")
    return tuple(pairs)


def _images(path: Path, settings: dict[str, Any]) -> dict[str, Path]:
    """The images of all splits, from the lists or folders in data.yaml, and their labels."""
    root = path.parent
    given = settings.get("path")
    base = root / given if isinstance(given, str) and is_folder(root / given) else root
    images: dict[str, Path] = {}
    for split in _SPLITS:
        places = settings.get(split) or []
        for place in places if isinstance(places, list) else [places]:
            source = _source(path, base, split, str(place))
            if source.is_file():
                lines = read_text(source, "a list of images").splitlines()
                found = [source.parent / line.strip() for line in lines if line.strip()]
            else:
                found = find_images(source).paths()
            images |= dict(_name_and_label(image, root) for image in found)
    return images


def _source(path: Path, base: Path, split: str, place: str) -> Path:
    # Roboflow writes ../train/images for a folder that lies beside data.yaml.
    for source in (base / place, base / place.removeprefix("../")):
        if is_file(source) or is_folder(source):
            return source
    raise InputError(f"{path}: {split} is {place!r}, which is not there: correct it")


def _name_and_label(image: Path, root: Path) -> tuple[str, Path]:
    """An image's name relative to images/, and its label: its path with labels for images."""
    image, root = Path(os.path.normpath(image)), Path(os.path.normpath(root))
    inside = image.relative_to(root) if image.is_relative_to(root) else image
    parts = list(image.parts)
    if "images" in parts:
        parts[len(parts) - 1 - parts[::-1].index("images")] = "labels"
    name = inside.relative_to("images") if inside.parts[:1] == ("images",) else inside
    stem = image.name if frame_of(image.name) else image.stem
    return name.as_posix(), Path(*parts).with_name(f"{stem}.txt")
