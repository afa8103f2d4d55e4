"""Which format a file is in: from what it holds when it is read, from its name when written."""

import csv
import io
import re
from pathlib import Path

from warpmarks.datasets.layout import (
    A_LINE_AN_IMAGE,
    told_of_foreign_columns,
    told_of_separator,
)
from warpmarks.errors import InputError
from warpmarks.formats.own_csv import TABLE
from warpmarks.formats.pts import is_pts_name
from warpmarks.formats.sources import decode, read_json
from warpmarks.formats.video_csv import is_of_frames
from warpmarks.formats.yolo import find_yaml
from warpmarks.system.files import files_below

_HEAD = 65_536
_BY_EXTENSION = {
    ".pts": "pts",
    ".slp": "sleap",
    ".tps": "tps",
    ".xml": "dlib",
    ".yaml": "yolo",
    ".yml": "yolo",
}


def recognise(path: Path, *, flag: str) -> str:
    """The format of a file or folder that exists.

    Raises:
        InputError: it is none that is known, or a folder holds several; ``flag`` names the format.
    """
    if not path.exists():
        raise InputError(f"{path} does not exist: give a file or folder with points on images")
    if path.is_dir():
        return _folder(path, flag)
    extension = path.suffix.lower()
    if extension in _BY_EXTENSION:
        return _BY_EXTENSION[extension]
    found = {".json": _json, ".csv": _csv}.get(extension, lambda _: None)(path)
    if found is None:
        raise InputError(f"{path} {_unknown(path, flag)}")
    return found


def _unknown(path: Path, flag: str) -> str:
    """What a file seems to be that is in none of the formats, and what to do; ends a sentence."""
    if path.suffix.lower() in (".h5", ".hdf5"):
        beside = path.with_suffix(".csv")
        csv_file = f"{beside.name}, which lies beside it" if beside.is_file() else "the CSV file"
        return f"is an HDF5 file, as DeepLabCut writes beside its CSV: give {csv_file}"
    if path.suffix.lower() == ".json" and _is_json_min(read_json(path, "JSON")):
        return "is Label Studio's JSON-MIN, which says too little: export as JSON there"
    if path.suffix.lower() == ".csv":
        return _foreign(path) or (
            f"has the first columns of no table of points: {A_LINE_AN_IMAGE}, frame,time,x1,y1,..."
            f", or scorer as in DeepLabCut; if it is one of these, name the format with {flag}"
        )
    if path.suffix.lower() in (".xls", ".tsv", ".txt") and (told := _foreign(path)):
        return told
    if path.suffix.lower() in (".xlsx", ".ods"):
        return "is a workbook: save its table as CSV with commas, and give that"
    return (
        "is in no format that is recognised: if it is in one that `warpmarks convert --help` "
        f"lists, name it there with {flag}"
    )


def _foreign(path: Path) -> str | None:
    """What another program has written into the first line of a table; ends a sentence."""
    with path.open("rb") as file:
        line = decode(file.readline(_HEAD)).strip("\r\n")
    if line.lower().startswith(("scorer;", "scorer\t")):
        return told_of_separator([line], "as DeepLabCut writes")
    separator = "\t" if "\t" in line else ","
    header = [cell.strip() for cell in next(csv.reader([line], delimiter=separator), [""])]
    return told_of_foreign_columns(header)


def _is_json_min(content: object) -> bool:
    """Whether these are tasks of Label Studio without their data: labels beside the image."""
    return isinstance(content, list) and any(
        isinstance(item, dict) and "keypointlabels" in item
        for task in content
        if isinstance(task, dict)
        for value in task.values()
        if isinstance(value, list)
        for item in value
    )


def recognise_target(path: Path, *, flag: str) -> str:
    """The format that a name to be written stands for.

    Raises:
        InputError: several formats are written under such a name; ``flag`` names one.
    """
    extension = path.suffix.lower()
    if extension in _BY_EXTENSION and extension not in (".yaml", ".yml"):
        return _BY_EXTENSION[extension]
    if path.name == TABLE:
        return "warpmarks"
    if path.name.startswith("CollectedData_") and extension == ".csv":
        return "deeplabcut"
    choices = {
        ".json": "coco or label-studio",
        ".csv": "deeplabcut or lightning-pose",
        "": "warpmarks, pts or yolo",
    }.get(extension)
    if choices is None:
        raise InputError(f"{path} has the name of no format: name one with {flag}")
    ours = f", or write our {TABLE} or a folder of it" if extension == ".csv" else ""
    raise InputError(f"{path} could be {choices}: name the format with {flag}{ours}")


def _folder(path: Path, flag: str) -> str:
    found = []
    if (path / TABLE).is_file():
        found.append("warpmarks")
    if find_yaml(path) is not None:
        found.append("yolo")
    if next(files_below(path, is_pts_name), None) is not None:
        found.append("pts")
    if len(found) > 1:
        raise InputError(f"{path} holds {' and '.join(found)}: name one of them with {flag}")
    if not found:
        raise InputError(
            f"{path} holds no {TABLE}, no data.yaml of YOLO and no .pts files: name the file "
            "with the points"
        )
    return found[0]


def _json(path: Path) -> str | None:
    content = read_json(path, "JSON")
    if isinstance(content, dict) and {"annotations", "categories"} <= content.keys():
        return "coco"
    if (
        isinstance(content, list)
        and content
        and all(isinstance(task, dict) and "data" in task for task in content)
    ):
        return "label-studio"
    return None


def _csv(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            head = decode(file.read(_HEAD))
        rows = list(csv.reader(io.StringIO(head, newline="")))[:4]
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error})") from error
    except csv.Error:
        return None
    firsts = [row[0].strip() if row else "" for row in rows]
    if not any(cell.strip() for row in rows for cell in row):
        raise InputError(f"{path} is empty: expected a table of points on images")
    # Also in capitals, with other separators or in UTF-16: whoever reads it says what is wrong.
    ours = re.match(
        r"[^a-z]*(images?\s*([;\t]|$)|frame\s*[;\t])", firsts[0].replace("\0", "").lower()
    )
    if ours or is_of_frames([cell.strip() for cell in rows[0]]):
        return "warpmarks"
    if firsts[:1] != ["scorer"]:
        return None
    coords = next((row for row in rows if row[:1] == ["coords"]), [])
    return "lightning-pose" if "visible" in coords else "deeplabcut"
