"""Pillow's decoders, asked in our way: which formats, no global limit, no warnings."""

import functools
import io
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from PIL import Image

# Not pictures, or only read by starting another program (EPS starts Ghostscript).
_NOT_READ = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"}
# What phones and cameras write, not all of which can be read; of cameras, what the sensor saw.
_OF_PHONES = ".heic .heif .hif .avif .jxl"
_OF_CAMERAS = (
    ".arw .cr2 .cr3 .crw .dng .erf .iiq .mrw .nef .nrw .orf .pef .raf .rw2 .rwl .sr2 .srf .srw .x3f"
)
_TRIED_FIRST = ("JPEG", "PNG")
_ORIENTATION_TAG = 0x0112


@functools.cache
def readable_extensions() -> frozenset[str]:
    """Extensions of the image files that can be read, in lower case with their dot."""
    formats = set(_formats())
    return frozenset(end for end, name in Image.registered_extensions().items() if name in formats)


@functools.cache
def unreadable_extensions() -> frozenset[str]:
    """Extensions of photographs that cannot be read, in lower case with their dot."""
    return frozenset(_OF_PHONES.split() + _OF_CAMERAS.split()) - readable_extensions()


def identify(file: BinaryIO | io.BytesIO) -> Image.Image:
    """The image in a file, not yet decoded: `PIL.Image.open` for our formats, of any size.

    Pillow's limit of pixels is a global of the process, and warns or refuses before a draft can be
    asked for; the caller has its own.

    Raises:
        ValueError: the file is empty, or in no format that can be read.
    """
    prefix = file.read(16)
    if not prefix:
        raise ValueError("the file is empty")
    missing = ""
    for name in _formats():
        factory, accept = Image.OPEN[name]
        try:
            accepted = accept is None or accept(prefix)
            if isinstance(accepted, str):  # a format of which this Pillow lacks the decoder
                missing = f": {accepted}"
            elif accepted:
                file.seek(0)
                return factory(file, "")
        except (SyntaxError, IndexError, TypeError, struct.error):
            continue  # the ways in which plugins say that a file is not theirs
    raise ValueError(f"not an image in a format that can be read{missing}")


@contextmanager
def decoding() -> Iterator[None]:
    """Decoders raise nearly every type on damaged data: inside, it becomes a ValueError.

    An OSError stays one, and a lack of memory says nothing of the data.
    """
    try:
        yield
    except (OSError, ValueError, MemoryError):
        raise
    except Exception as error:
        raise ValueError(str(error) or type(error).__name__) from error


def holds_several_pages(path: Path) -> bool:
    """Whether an image file has a second page or frame; False where it cannot be read."""
    try:
        with quiet_pillow, path.open("rb") as file:
            return bool(getattr(identify(file), "is_animated", False))
    except Exception:  # a damaged file raises anything; it is told of when it is read
        return False


def orientation_of(image: Image.Image) -> int:
    """How the image is to be turned, as EXIF counts it: 1 to 8, where 1 is upright."""
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # a damaged EXIF block raises anything; the pixels are good all the same
        return 1


@functools.cache
def _formats() -> tuple[str, ...]:
    Image.init()
    others = (name for name in Image.ID if name not in _NOT_READ and name not in _TRIED_FIRST)
    return (*_TRIED_FIRST, *others)


class _QuietPillow:
    """Pillow's warnings are ignored inside: odd metadata is no news, and no reason to fail.

    The filters belong to the whole process, so the first thread to enter sets them and the last to
    leave sets them back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._filters = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._filters = warnings.catch_warnings()
                self._filters.__enter__()
                warnings.filterwarnings("ignore", module="PIL")
            self._inside += 1

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._filters.__exit__(None, None, None)


quiet_pillow = _QuietPillow()
