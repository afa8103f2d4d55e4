"""stdin, stdout and stderr as a program is started with: closed, full, or read by nobody any more.

Whoever reads, as ``head`` does, may have enough, and that is no error. What cannot be written for
another reason is lost, and no work with it: whether that matters is asked for when it is done.
"""

import io
import os
import sys
from typing import Any, BinaryIO, cast

from warpmarks.errors import InputError


class _Patient(io.RawIOBase):
    """Writes to a descriptor until it fails, and from then on nowhere.

    Attributes:
        trouble: why it failed; None where it did not, or nobody reads any more.
    """

    name = "<patient>"
    mode = "wb"

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._over = False
        self.trouble: OSError | None = None

    def write(self, data: bytes) -> int | None:  # type: ignore[override]
        if self._over:
            return len(data)
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:
            return None
        except OSError as error:
            self._over = True
            self.trouble = None if isinstance(error, BrokenPipeError) else error
            return len(data)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)


def prepare_streams() -> None:
    """Make stdout and stderr such that writing to them does not fail."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:  # else the next file would become stdout or stderr
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is None:
            nowhere = open(os.devnull, "w", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115, PTH123
            setattr(sys, name, nowhere)
            continue
        stream.flush()
        raw = _Patient(descriptor)
        buffered = isinstance(stream.buffer, io.BufferedWriter)  # else by python -u
        patient = io.TextIOWrapper(
            cast("BinaryIO", io.BufferedWriter(cast("Any", raw)) if buffered else raw),
            encoding=stream.encoding,
            errors=stream.errors,
            line_buffering=stream.line_buffering,
            write_through=stream.write_through,
        )
        setattr(sys, name, patient)


def check_stdout(flag: str) -> None:
    """Raise where results cannot go to stdout.

    Raises:
        InputError: it was closed when the program was started.
    """
    if sys.__stdout__ is None:
        raise InputError(f"{flag} - is stdout, which is closed: name a file, or leave stdout open")


def check_written() -> None:
    """Raise where something on stdout is lost.

    Raises:
        InputError: it could not be written, though somebody reads it.
    """
    sys.stdout.flush()
    buffer = getattr(sys.stdout, "buffer", None)
    raw = getattr(buffer, "raw", buffer)
    if isinstance(raw, _Patient) and (error := raw.trouble) is not None:
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"stdout cannot be written ({reason}): send it to another place")
