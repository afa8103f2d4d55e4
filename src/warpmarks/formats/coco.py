"""COCO keypoints: one JSON file with images, annotations and categories.

Pixels: as ours. COCO's keypoints are indices of pixels, "0-indexed" (cocodataset.org, format of
the data), integers from 0 to W - 1 (detectron2, "Use Custom Datasets", which adds 0.5 to have the
corner of the image at 0). Boxes are measured from the corner: a box over the first pixel is
[0, 0, 1, 1], which is [-0.5, -0.5, 1, 1] in our pixels.

Scores, which COCO's annotations do not have, stand beside them as COCO's results and MMPose call
them: ``score``, the mean of the points' ``keypoint_scores``. Other readers pass them by.

Visibility is COCO's: 0 not labelled (x = y = 0), 1 labelled but hidden, 2 visible. Readers: CVAT
(whose label must have the category's name), MMPose, sleap-io, pycocotools.
"""

from pathlib import Path
from typing import Any

import numpy as np

from warpmarks.errors import InputError
from warpmarks.formats.image_files import ImageFiles
from warpmarks.formats.sources import number, read_json, whole
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
from warpmarks.system.files import write_json
from warpmarks.wording import counted

KIND = "COCO keypoints: a JSON object with images, annotations and categories"


def read(path: Path, files: ImageFiles) -> PointTable:
    """Read a COCO file of one object on each image; crowds are skipped.

    Raises:
        InputError: it is no such file, has two objects on one image, or points of two kinds.
    """
    content = read_json(path, KIND)
    if not isinstance(content, dict):
        raise InputError(f"{path} is a JSON {type(content).__name__}: expected {KIND}")
    images = _by_id(path, content, "images")
    annotations = [
        annotation
        for annotation in _list(path, content, "annotations")
        if annotation.get("keypoints") and not annotation.get("iscrowd")
    ]
    category = _category(path, _by_id(path, content, "categories"), annotations)
    names = category["keypoints"]
    check_room(len(images), len(names), source=str(path))
    rows: dict[int | str, ImagePoints | None] = dict.fromkeys(images)
    for annotation in annotations:
        key = _hashable(path, annotation.get("image_id"))
        if key not in images:
            raise InputError(f"{path}: an annotation has the image_id {key!r}, which no image has")
        if rows[key] is not None:
            raise InputError(
                f"{path} has two objects on {images[key].get('file_name')!r}: expected one on "
                "each image, so keep one of the two"
            )
        rows[key] = _row(path, images[key], annotation, len(names))
    return assemble(
        names,
        [row or _row(path, images[key], None, len(names)) for key, row in rows.items()],
        source=str(path),
        skeleton=_pairs(path, category.get("skeleton"), len(names)),
        category=str(category.get("name", "object")),
    )


def write(path: Path, table: PointTable) -> None:
    """Write a COCO file: ids count from 1; a box that is not annotated is put around the points."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for row, name in enumerate(table.images):
        image: dict[str, Any] = {"id": row + 1, "file_name": name}
        if np.isfinite(table.sizes[row]).all():
            image |= {"width": int(table.sizes[row, 0]), "height": int(table.sizes[row, 1])}
        images.append(image)
        box = box_around(table.points[row], table.extras[row])
        if box is None:
            continue
        labelled = np.where(table.placed[row], table.visibility[row], UNLABELLED)
        triples = [
            (round(float(x), 6), round(float(y), 6), int(seen)) if seen else (0, 0, 0)
            for (x, y), seen in zip(table.points[row], labelled, strict=True)
        ]
        left, top, width, height = (round(side, 6) for side in box)
        annotations.append(
            {
                "id": len(annotations) + 1,
                "image_id": row + 1,
                "category_id": 1,
                "keypoints": [cell for triple in triples for cell in triple],
                "num_keypoints": int(np.count_nonzero(labelled)),
                "bbox": [left + 0.5, top + 0.5, width, height],
                "area": width * height,
                "iscrowd": 0,
                "segmentation": [],
            }
            | _scores_written(table, row)
        )
    category = {
        "id": 1,
        "name": table.category or "object",
        "supercategory": "",
        "keypoints": list(table.names),
        "skeleton": [[first + 1, second + 1] for first, second in table.skeleton],
    }
    write_json(path, {"images": images, "annotations": annotations, "categories": [category]})


def _scores_written(table: PointTable, row: int) -> dict[str, Any]:
    if table.scores is None:
        return {}
    scores = np.where(table.placed[row], table.scores[row], np.nan)
    known = scores[np.isfinite(scores)]
    if not known.size:
        return {}
    listed = [round(float(score), 6) if np.isfinite(score) else None for score in scores]
    return {"score": round(float(known.mean()), 6), "keypoint_scores": listed}


def _scores_read(where: str, annotation: dict[str, Any], count: int) -> np.ndarray | None:
    listed = annotation.get("keypoint_scores")
    if listed is None:
        return None
    if not isinstance(listed, list) or len(listed) != count:
        raise InputError(
            f"{where}: keypoint_scores does not have {counted(count, 'number')}: correct it"
        )
    return np.array(
        [
            np.nan if score is None else number(score, f"{where}, keypoint_scores", low=0, high=1)
            for score in listed
        ]
    )


def _row(
    path: Path, image: dict[str, Any], annotation: dict[str, Any] | None, count: int
) -> ImagePoints:
    name = image.get("file_name")
    if not isinstance(name, str) or not name:
        raise InputError(f"{path}: the image {image.get('id')!r} has no file_name: add it")
    where = f"{path}, {name!r}"
    size = None
    if image.get("width") and image.get("height"):
        size = (
            float(whole(image["width"], f"{where}, width", low=1)),
            float(whole(image["height"], f"{where}, height", low=1)),
        )
    points, visibility = empty_row(count)
    if annotation is None:
        return ImagePoints(name, points, visibility, size)
    cells = annotation["keypoints"]
    if not isinstance(cells, list) or len(cells) != 3 * count:
        found = counted(len(cells), "number") if isinstance(cells, list) else type(cells).__name__
        raise InputError(f"{where}: keypoints has {found}: expected x, y, v for {count}")
    for point in range(count):
        x, y, seen = cells[3 * point : 3 * point + 3]
        state = whole(seen, f"{where}, visibility of point {point + 1}", high=VISIBLE)
        if state != UNLABELLED:
            points[point] = number(x, where), number(y, where)
            visibility[point] = HIDDEN if state == HIDDEN else VISIBLE
    return ImagePoints(
        name,
        points,
        visibility,
        size,
        scores=_scores_read(where, annotation, count),
        extras=Extras(box=_box(where, annotation)),
    )


def _box(where: str, annotation: dict[str, Any]) -> tuple[float, float, float, float] | None:
    sides = annotation.get("bbox")
    if not sides:
        return None
    if not isinstance(sides, list) or len(sides) != 4:
        raise InputError(f"{where}: bbox is {sides!r}: expected left, top, width, height")
    left, top, width, height = (number(side, f"{where}, bbox") for side in sides)
    return left - 0.5, top - 0.5, width, height


def _category(
    path: Path, categories: dict[int | str, dict[str, Any]], annotations: list[dict[str, Any]]
) -> dict[str, Any]:
    with_points = {key: each for key, each in categories.items() if each.get("keypoints")}
    used = {
        _hashable(path, annotation.get("category_id")): True for annotation in annotations
    } or with_points
    candidates = [with_points[key] for key in used if key in with_points]
    if not candidates:
        raise InputError(f"{path} has no category with keypoints: expected {KIND}")
    first = candidates[0]
    names = first["keypoints"]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(f"{path}: keypoints of the category is no list of names")
    if other := next((each for each in candidates if each["keypoints"] != names), None):
        raise InputError(
            f"{path} has points of {first.get('name')!r} and of {other.get('name')!r}: expected "
            "one kind of object, so keep one of the two"
        )
    return first


def _pairs(path: Path, listed: Any, count: int) -> tuple[tuple[int, int], ...]:
    pairs = []
    for pair in listed if isinstance(listed, list) else [listed] if listed else []:
        if not isinstance(pair, list) or len(pair) != 2:
            raise InputError(f"{path}: skeleton has {pair!r}: expected pairs of numbers from 1")
        first, second = (whole(end, f"{path}, skeleton", low=1, high=count) - 1 for end in pair)
        pairs.append((first, second))
    return tuple(pairs)


def _by_id(path: Path, content: dict[str, Any], key: str) -> dict[int | str, dict[str, Any]]:
    found: dict[int | str, dict[str, Any]] = {}
    for entry in _list(path, content, key):
        if found.setdefault(_hashable(path, entry.get("id")), entry) is not entry:
            raise InputError(f"{path}: {key} has the id {entry.get('id')!r} twice")
    return found


def _list(path: Path, content: dict[str, Any], key: str) -> list[dict[str, Any]]:
    entries = content.get(key)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InputError(f"{path} has no list of {key}: expected {KIND}")
    return entries


def _hashable(path: Path, key: Any) -> int | str:
    if not isinstance(key, int | str):
        raise InputError(f"{path} has the id {key!r}: expected a number")
    return key
