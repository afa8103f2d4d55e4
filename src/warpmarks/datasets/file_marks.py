"""Whether a file is what it was, for the price of asking the file system for its size and time.

A file whose size and time are as they were is taken for the same. One of the same size and another
time, as a copy or a backup that was put back, is read, and is the same if its checksum is.
"""

import zlib
from pathlib import Path

_CHUNK = 1 << 20


def size_and_time(path: str | Path, *, missing: str) -> str:
    """Size and time of the last change of a file, as text; ``missing`` if it cannot be told."""
    try:
        status = Path(path).stat()
    except OSError:
        return missing
    return f"{status.st_size} {status.st_mtime_ns}"


def mark_of(path: Path) -> str:
    """Size, time of the last change and checksum of a file, as text; empty if it cannot be read."""
    try:
        status = path.stat()
        return f"{status.st_size}-{status.st_mtime_ns}-{_checksum(path)}"
    except OSError:
        return ""


def is_as_marked(path: Path, mark: str) -> bool:
    """Whether a file is what it was when `mark_of` gave this mark of it."""
    size, _, rest = mark.partition("-")
    time, _, checksum = rest.partition("-")
    try:
        status = path.stat()
        if str(status.st_size) != size:
            return False
        return str(status.st_mtime_ns) == time or _checksum(path) == checksum
    except OSError:
        return False


def _checksum(path: Path) -> str:
    checksum = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            checksum = zlib.crc32(chunk, checksum)
    return f"{checksum:08x}"
