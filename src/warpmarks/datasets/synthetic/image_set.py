"""The synthetic category as files: an image set in the package's own layout."""

import csv
import tempfile
from collections.abc import Iterable
from pathlib import Path

from warpmarks.datasets.synthetic.anatomy import POINT_NAMES
from warpmarks.datasets.synthetic.rendering import render
from warpmarks.errors import InputError
from warpmarks.system.files import cannot_write
from warpmarks.system.progress import Progress, SilentProgress, one_by_one

SILENT = SilentProgress()


def write_image_set(
    root: Path,
    count: int,
    *,
    size: int = 128,
    seed: int = 0,
    val_fraction: float = 0.1,
    progress: Progress = SILENT,
) -> None:
    """Write the instances 0 to count - 1 as a folder, whole or not at all.

    The folder holds ``images/000000.png``, ``landmarks.csv`` (image, x1, y1, ...; exact also for
    points that are hidden), ``visibility.csv`` (image, v1, ...; 1 where a point is seen, else 0)
    and ``split.csv`` (image, split): the last ``val_fraction`` of the instances is "val", the
    rest "train".

    Raises:
        InputError: ``root`` exists and is not an empty folder, or cannot be written, or a number is
            out of range.
    """
    root = root.resolve()
    _check(root, count, val_fraction)
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root.parent, prefix=f".{root.name}.") as temporary:
            # A folder inside it has the permissions of any new folder; the temporary one has not.
            whole = Path(temporary) / root.name
            whole.mkdir()
            _fill(whole, count, size, seed, val_fraction, progress)
            if root.exists():
                root.rmdir()
            whole.replace(root)
    except OSError as error:
        raise cannot_write(root, error) from error


def read_visibility(root: Path) -> dict[str, list[bool]]:
    """Which points of each image of a written set are seen."""
    with (root / "visibility.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    return {row[0]: [cell == "1" for cell in row[1:]] for row in rows}


def _fill(
    folder: Path, count: int, size: int, seed: int, val_fraction: float, progress: Progress
) -> None:
    from PIL import Image

    (folder / "images").mkdir()
    landmarks, visibility, split = [], [], []
    train = count - round(count * val_fraction)
    for instance in one_by_one(progress, "drawing the synthetic category", range(count)):
        sample = render(instance, size=size, seed=seed)
        name = f"{instance:06d}.png"
        Image.fromarray(sample.image).save(folder / "images" / name)
        landmarks.append([name, *(f"{value:.4f}" for value in sample.annotations.ravel())])
        visibility.append([name, *(int(seen) for seen in sample.visible)])
        split.append([name, "train" if instance < train else "val"])
    numbers = range(1, len(POINT_NAMES) + 1)
    columns = [f"{axis}{number}" for number in numbers for axis in "xy"]
    _write_table(folder / "landmarks.csv", ["image", *columns], landmarks)
    _write_table(folder / "visibility.csv", ["image", *(f"v{n}" for n in numbers)], visibility)
    _write_table(folder / "split.csv", ["image", "split"], split)


def _write_table(path: Path, header: list[str], rows: Iterable[list]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _check(root: Path, count: int, val_fraction: float) -> None:
    if root.is_dir() and any(root.iterdir()):
        raise InputError(f"{root} is a folder with something in it: give a new or an empty folder")
    if root.exists() and not root.is_dir():
        raise InputError(f"{root} is a file: give a new or an empty folder")
    if count < 1:
        raise InputError(f"the number of synthetic pictures is {count}: give 1 or more")
    if not 0 <= val_fraction <= 1:
        raise InputError(f"val_fraction is {val_fraction}: give a number from 0 to 1")
