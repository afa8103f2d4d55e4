"""Reading other people's files with care: limits, encodings, numbers, names that become paths."""

import json
import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from warpmarks.datasets.layout import MISSING
from warpmarks.datasets.videos import frame_of
from warpmarks.errors import InputError

MAX_BYTES = 512 * 2**20
"""Largest file that is read: beyond it, it holds no annotations by hand."""

BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Line breaks, control characters and bytes that are no text."""


def read_bytes(path: Path) -> bytes:
    """The whole file.

    Raises:
        InputError: it cannot be read or is too large.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise InputError(
                f"{path} has {size / 2**20:.0f} MiB: expected at most {MAX_BYTES // 2**20}: "
                "split it"
            )
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error})") from error


def read_text(path: Path, kind: str) -> str:
    """The whole file as text: UTF-8, else Latin-1, which old programs on Windows write.

    Raises:
        InputError: it cannot be read, is too large or no text; ``kind`` says what was expected.
    """
    content = read_bytes(path)
    if b"\0" in content:
        raise InputError(f"{path} is no text file: expected {kind}")
    return decode(content)


def decode(content: bytes) -> str:
    """Bytes as UTF-8 if they are that, else as Latin-1."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def read_json(path: Path, kind: str) -> Any:
    """The content of a JSON file.

    Raises:
        InputError: it is no JSON.
    """
    try:
        return json.loads(read_text(path, kind))
    except RecursionError as error:
        raise InputError(f"{path} is nested too deeply: expected {kind}") from error
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is damaged ({error}): expected {kind}") from error


def number(value: object, where: str, *, low: float = -math.inf, high: float = math.inf) -> float:
    """A finite number from text or JSON.

    Raises:
        InputError: it is none, or not between ``low`` and ``high``; ``where`` names file and place.
    """
    result = math.nan
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            result = float(value)
        except (ValueError, OverflowError):
            result = math.nan
    if not math.isfinite(result) or (isinstance(value, str) and "_" in value):
        raise InputError(f"{where}: {_short(value)} is not a number: expected one such as 48.25")
    if not low <= result <= high:
        raise InputError(f"{where}: {_short(value)} is not between {low:g} and {high:g}")
    return result


def filled(cell: str) -> str:
    """What a cell of a table says; nothing where a program writes that there is nothing."""
    text = cell.strip()
    return "" if text.lower() in MISSING else text


def whole(value: object, where: str, *, low: int = 0, high: int = 1_000_000_000) -> int:
    """A whole number from text or JSON.

    Raises:
        InputError: it is none, or not between ``low`` and ``high``.
    """
    result = number(value, where, low=low, high=high)
    if result != int(result):
        raise InputError(f"{where}: {_short(value)} is not a whole number")
    return int(result)


def check_texts(
    texts: Iterable[str], *, what: str, kind: str, refuse: re.Pattern[str] = BREAKS
) -> None:
    """Raise where a text cannot be written in a format without breaking.

    Raises:
        InputError: one matches ``refuse``, or begins or ends with a space; ``what`` is the thing
            named, ``kind`` the format.
    """
    for text in texts:
        found = refuse.search(text)
        if found:
            raise InputError(
                f"the {what} {_short(text)} has the character {found[0]!r}, which {kind} cannot "
                "hold: rename it or choose another format"
            )
        if text != text.strip():
            raise InputError(
                f"the {what} {_short(text)} begins or ends with a space, which {kind} does not "
                "keep: rename it or choose another format"
            )


def path_within(folder: Path, name: str, suffix: str) -> Path:
    """Where the file of an image goes: ``a/b.jpg`` becomes ``folder/a/b`` and ``suffix``.

    The frames of a video have one each: ``a.mkv#12`` becomes ``folder/a.mkv#12`` and ``suffix``.

    Raises:
        InputError: the name would lead out of the folder.
    """
    pure = PurePosixPath(name)
    if pure.is_absolute() or PureWindowsPath(name).drive or ".." in pure.parts or not pure.stem:
        raise InputError(
            f"the image {_short(name)} lies outside of the folder of images: a file of its own "
            "for it would too, so take another format, or put the list of images into a folder "
            "that holds them all and name them from there"
        )
    return folder / pure.parent / f"{pure.name if frame_of(name) else pure.stem}{suffix}"


def slashes(name: str) -> str:
    """An image's name with "/" between folders, where Windows wrote a backslash."""
    return name.replace("\\", "/")


def check_slashes(images: Sequence[str], kind: str) -> None:
    """Raise where a backslash would be taken for a folder of Windows.

    Raises:
        InputError: a name has one.
    """
    for name in images:
        if "\\" in name:
            raise InputError(
                f"the image {name!r} has a backslash, which {kind} takes for a folder: rename it"
            )


def decimal(value: float, digits: int = 6) -> str:
    """A number as text, without needless zeros."""
    text = f"{value:.{digits}f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:40]}...{text[-12:]}"
