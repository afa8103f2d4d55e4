"""Label Studio's JSON: a list of tasks with keypointlabels, in percent of the image.

Images with scores are written as predictions, which Label Studio shows as pre-annotation and sorts
by their score; images without as annotations. Of several annotations of a task the last that was
not cancelled is read, and predictions only where there is none.

Pixels: "coordinate by percentage of the image size (0-100)" (KeyPointLabels, labelstud.io/tags), so
0 and 100 are the edges of the image: x = percent * width / 100 - 0.5.

The image is written as /data/local-files/?d=NAME, Label Studio's address of files in its local
storage. The labelling configuration must call the image "image" and the points "keypoints".
"""

import re
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import numpy as np

from warpmarks.errors import InputError
from warpmarks.formats.image_files import ImageFiles
from warpmarks.formats.sources import number, read_json, whole
from warpmarks.formats.table import (
    ImagePoints,
    PointTable,
    assemble,
    check_room,
    empty_row,
    seen_where_placed,
)
from warpmarks.system.files import write_json

KIND = "a JSON list of Label Studio's tasks, each with data and annotations or predictions"
LOCAL_FILES = "/data/local-files/?d="
_UPLOADED = re.compile(r"[0-9a-f]{8}-(.+)")


def read(path: Path, files: ImageFiles) -> PointTable:
    """Read tasks of one object each; the points stand in the order in which they first appear.

    Raises:
        InputError: it is no such file, or a task has a point twice or no image.
    """
    tasks = read_json(path, KIND)
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise InputError(f"{path} is something else: expected {KIND}")
    names: dict[str, int] = {}
    found = []
    for task in tasks:
        image = _image_name(path, task)
        placed = {}
        for item in _result(path, image, task):
            if item.get("type") == "keypointlabels":
                label = _label(path, image, item)
                if label in placed:
                    raise InputError(
                        f"{path} has the point {label!r} twice on {image!r}: expected one object "
                        "on each image, so keep one of the two"
                    )
                names.setdefault(label, len(names))
                placed[label] = item
        found.append((image, placed))
    check_room(len(found), len(names), source=str(path))
    rows = [_row(path, image, placed, names, files) for image, placed in found]
    return assemble(list(names), rows, source=str(path))


def write(path: Path, table: PointTable) -> None:
    """Write tasks; the sizes of all images must be known."""
    tasks = []
    for row, name in enumerate(table.images):
        items = [
            _item(table, row, point)
            for point in range(len(table.names))
            if np.isfinite(table.points[row, point]).all()
        ]
        task: dict[str, Any] = {
            "id": row + 1,
            "data": {"image": LOCAL_FILES + quote(name, errors="surrogateescape")},
        }
        if scores := [item["score"] for item in items if "score" in item]:
            score = round(sum(scores) / len(scores), 6)
            task["predictions"] = [{"model_version": "warpmarks", "score": score, "result": items}]
        else:
            task["annotations"] = [{"result": items}] if items else []
        tasks.append(task)
    write_json(path, tasks)


def _item(table: PointTable, row: int, point: int) -> dict[str, Any]:
    width, height = (int(side) for side in table.sizes[row])
    x, y = table.points[row, point]
    item: dict[str, Any] = {
        "id": f"{row + 1}-{point + 1}",
        "type": "keypointlabels",
        "from_name": "keypoints",
        "to_name": "image",
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
        "value": {
            "x": round(float(x + 0.5) / width * 100, 8),
            "y": round(float(y + 0.5) / height * 100, 8),
            "width": 0.5,
            "keypointlabels": [table.names[point]],
        },
    }
    if table.scores is not None and np.isfinite(table.scores[row, point]):
        item["score"] = round(float(table.scores[row, point]), 6)
    return item


def _image_name(path: Path, task: dict[str, Any]) -> str:
    data = task.get("data")
    texts = (
        {key: value for key, value in data.items() if isinstance(value, str) and value}
        if isinstance(data, dict)
        else {}
    )
    address = texts.get("image") or (next(iter(texts.values())) if len(texts) == 1 else "")
    if not address:
        raise InputError(f"{path}: the task {task.get('id')!r} names no image in data.image")
    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise InputError(f"{path}: {address!r} is no address ({error}): correct it") from error
    if parts.path.endswith("/data/local-files/"):
        name = parse_qs(parts.query, errors="surrogateescape").get("d", [""])[0]
    elif parts.path.startswith("/data/upload/"):
        stored = unquote(PurePosixPath(parts.path).name, errors="surrogateescape")
        uploaded = _UPLOADED.fullmatch(stored)
        name = uploaded[1] if uploaded else stored
    elif parts.scheme:
        name = unquote(PurePosixPath(parts.path).name, errors="surrogateescape")
    else:
        name = address
    if not name:
        raise InputError(f"{path}: {address!r} names no image: expected a file")
    return name


def _result(path: Path, image: str, task: dict[str, Any]) -> list[dict[str, Any]]:
    for key in ("annotations", "completions", "predictions"):
        listed = task.get(key) or []
        if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
            raise InputError(f"{path}, {image!r}: {key} is no list: expected {KIND}")
        for each in reversed(listed):
            if each.get("was_cancelled"):
                continue
            result = each.get("result")
            if not isinstance(result, list) or not all(isinstance(item, dict) for item in result):
                raise InputError(f"{path}, {image!r}: result is no list: expected {KIND}")
            return result
    return []


def _label(path: Path, image: str, item: dict[str, Any]) -> str:
    value = item.get("value")
    labels = value.get("keypointlabels") if isinstance(value, dict) else None
    if not isinstance(labels, list) or len(labels) != 1 or not isinstance(labels[0], str):
        raise InputError(f"{path}, {image!r}: a point has the labels {labels!r}: expected one name")
    return labels[0]


def _row(
    path: Path,
    image: str,
    placed: dict[str, dict[str, Any]],
    names: dict[str, int],
    files: ImageFiles,
) -> ImagePoints:
    points, _ = empty_row(len(names))
    scores = np.full(len(names), np.nan)
    size = None
    for label, item in placed.items():
        where = f"{path}, {image!r}, {label!r}"
        if item.get("image_rotation"):
            raise InputError(f"{where}: the image was turned in Label Studio: turn it back there")
        if item.get("original_width") and item.get("original_height"):
            size = (
                whole(item["original_width"], where, low=1),
                whole(item["original_height"], where, low=1),
            )
        else:
            size = files.needed_size(image, f"{where}: a place in percent")
        percent = [number(item["value"].get(axis), f"{where}, {axis}") for axis in "xy"]
        points[names[label]] = np.array(percent) * size / 100 - 0.5
        if item.get("score") is not None:
            scores[names[label]] = number(item["score"], f"{where}, score")
    return ImagePoints(
        image,
        points,
        seen_where_placed(points),
        size=(float(size[0]), float(size[1])) if size else None,
        scores=scores if np.isfinite(scores).any() else None,
    )
