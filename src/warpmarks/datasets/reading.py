"""Reading one image: any file that Pillow knows, a Pillow image or an array, upright, in RGB.

A file may be given as its bytes; its first frame counts where it has several. Colour profiles are
ignored. What pixel values mean, in deep, transparent or unusual modes, is told in
`warpmarks.datasets.rgb`.
"""

import errno
import io
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from warpmarks.datasets.decoders import decoding, identify, orientation_of, quiet_pillow
from warpmarks.datasets.deep import load_deep
from warpmarks.datasets.placement import Placement, place
from warpmarks.datasets.rgb import array_to_image, deep_to_rgb, image_to_rgb
from warpmarks.errors import InputError

READING_VERSION = 3
"""Part of the key of every cache: raise it when the same file would give other pixels."""

MAX_PIXELS = 100_000_000
"""Largest image decoded in full, 400 MB: beyond it a small file could eat the memory."""

MAX_DRAFT_PIXELS = 1_000_000_000
"""Largest JPEG decoded at a reduced size, itself within `MAX_PIXELS`; 30,000 x 30,000 passes."""

ImageLike = str | Path | bytes | bytearray | Image.Image | np.ndarray
"""A path, the bytes of an image file, an image or an array."""

_DRAFTED = {"JPEG", "MPO"}
_TO_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIDES_SWAPPED = frozenset({5, 6, 7, 8})
"""Orientations whose stored width is the upright image's height."""
_ENDS_LEFT = {2, 3, 6, 7}  # orientations whose upright left is where a stored row or column ends
_ENDS_TOP = {3, 4, 7, 8}

# Threads decode small images side by side, and large ones one at a time, for the sake of memory.
_LARGE_PIXELS = 16_000_000
_one_large_image = threading.Lock()


class UnreadableImage(InputError):  # noqa: N818
    """A file or object that holds no image that can be read.

    Attributes:
        reason: why, without the name, in a few words.
        system: whether the system could not read it, whatever its bytes are.
    """

    def __init__(self, name: str, reason: str, *, system: bool = False) -> None:
        super().__init__(f"{name} cannot be read as an image: {reason}")
        self.reason, self.system = reason, system


def open_image(source: ImageLike) -> Image.Image:
    """The whole image in RGB, upright, in its full size.

    Raises:
        UnreadableImage: it cannot be read, with the reason.
        InputError: an array of a shape, type or range that is no image.
    """
    with _reasons(source), _opened(source, None) as opened:
        return opened.image


def open_stored(path: str | Path) -> Image.Image:
    """The whole image in RGB as its pixels are stored: not turned as its EXIF says.

    Points that people marked with tools that know nothing of EXIF belong to these pixels.

    Raises:
        UnreadableImage: it cannot be read, with the reason.
    """
    with _reasons(path), Path(path).open("rb") as file:
        with decoding():
            image = identify(file)
        _check_pixels(image, image.size)
        return _loaded(image, file)


def read_picture(
    source: ImageLike, height: int, width: int, fit: str = "stretch"
) -> tuple[UInt8[np.ndarray, "{height} {width} 3"], tuple[int, int]]:
    """The image laid into a picture (see `warpmarks.datasets.placement`), and its (height, width).

    The size is that of the upright original. Reduced with an antialiasing filter; a large JPEG is
    decoded at an eighth, a quarter or half of its size where that is still twice the picture's.

    Raises:
        UnreadableImage: it cannot be read, with the reason.
        InputError: an array of a shape, type or range that is no image, or no such fit.
    """
    place((1, 1), (height, width), fit)
    with _reasons(source), _opened(source, (height, width, fit)) as opened:
        placement = place(opened.original_size, (height, width), fit)
        return _laid_in(opened, placement), opened.original_size


def read_size(path: str | Path) -> tuple[int, int]:
    """(height, width) of the upright original, from the head of its file; nothing is decoded.

    Raises:
        UnreadableImage: it is no image, with the reason.
    """
    (height, width), orientation = read_stored_size(path)
    return (width, height) if orientation in SIDES_SWAPPED else (height, width)


def read_stored_size(path: str | Path) -> tuple[tuple[int, int], int]:
    """(height, width) of the pixels as they are stored, and how EXIF turns them upright.

    From the head of the file; nothing is decoded. The turn is as EXIF counts it: 1 to 8, where 1 is
    none.

    Raises:
        UnreadableImage: it is no image, with the reason.
    """
    with _reasons(path), Path(path).open("rb") as file, decoding():
        image = identify(file)
        width, height = image.size
        if image.format == "TIFF":  # its plugin may have swapped the sides in advance
            width, height = image.tag_v2[256], image.tag_v2[257]  # type: ignore[attr-defined]
        # Asked for an orientation that its head does not tell, a PNG would be decoded.
        told = image.format != "PNG" or "exif" in image.info
        orientation = orientation_of(image) if told else 1
        return (height, width), orientation if orientation in _TO_UPRIGHT else 1


@dataclass(frozen=True)
class _Opened:
    """An upright RGB image, where (x, y) of the original's plane is at (x, y) / scale + offset."""

    image: Image.Image
    original_size: tuple[int, int]
    scale: int = 1
    offset: tuple[float, float] = (0.0, 0.0)


def _laid_in(opened: _Opened, placement: Placement) -> np.ndarray:
    height, width = placement.original_size
    left, top, right, bottom = placement.content
    shown = (
        max(placement.box[0], 0),
        max(placement.box[1], 0),
        min(placement.box[2], width),
        min(placement.box[3], height),
    )
    (x, y), scale = opened.offset, opened.scale
    box = (shown[0] / scale + x, shown[1] / scale + y, shown[2] / scale + x, shown[3] / scale + y)
    size = (right - left, bottom - top)
    image = opened.image
    if image.size != size or box != (0, 0, *size):
        image = image.resize(size, Image.Resampling.BICUBIC, box=box, reducing_gap=2.0)
    rows, columns = placement.picture_size
    if size == (columns, rows):
        return np.array(image)
    margins = ((top, rows - bottom), (left, columns - right), (0, 0))
    return np.pad(np.asarray(image), margins, mode="edge")


@contextmanager
def _opened(source: ImageLike, target: tuple[int, int, str] | None) -> Iterator[_Opened]:
    if isinstance(source, np.ndarray):
        image = array_to_image(source)
        yield _Opened(image, (image.height, image.width))
    elif isinstance(source, Image.Image):
        _check_pixels(source, source.size)
        yield _upright(source, source.size)
    elif isinstance(source, str | Path | bytes | bytearray):
        with _opened_file(source) as file:
            with decoding():
                image = identify(file)
                full_size = image.size
                scale = _draft(image, target) if target is not None else 1
            _check_pixels(image, full_size)
            with _one_large_image if _pixels(image) > _LARGE_PIXELS else nullcontext():
                yield _upright(image, full_size, scale, file)
    else:
        raise InputError(
            f"an image of type {type(source).__name__} cannot be read: expected a path, the bytes "
            f"of a file, a Pillow image or a numpy array{_how_to_come_by_it(source)}"
        )


def _opened_file(source: str | Path | bytes | bytearray) -> BinaryIO | io.BytesIO:
    return Path(source).open("rb") if isinstance(source, str | Path) else io.BytesIO(source)


def _how_to_come_by_it(source: object) -> str:
    """What makes an image of an object that holds one, to end a sentence."""
    if hasattr(source, "read"):
        return ": file.read() gives the bytes"
    if hasattr(source, "numpy"):
        return ": tensor.numpy() gives an array, whose channels come last"
    return ""


def _loaded(image: Image.Image, file: BinaryIO | io.BytesIO | None) -> Image.Image:
    """The pixels in RGB; of an image that is given without its file, as Pillow has them."""
    deep = None
    with decoding():
        if file is None:
            image.load()
        else:
            deep = load_deep(image, file)
    if deep is None:
        return image_to_rgb(image)
    return deep_to_rgb(deep, image.info.get("transparency"))


def _upright(
    image: Image.Image,
    full_size: tuple[int, int],
    scale: int = 1,
    file: BinaryIO | io.BytesIO | None = None,
) -> _Opened:
    """Decode and turn an image stored at (width, height) ``full_size`` divided by ``scale``."""
    upright = _loaded(image, file)
    orientation = orientation_of(image)  # as it is after the decoding, which may have turned it
    if orientation in _TO_UPRIGHT:
        upright = upright.transpose(_TO_UPRIGHT[orientation])
    if scale == 1:
        return _Opened(upright, (upright.height, upright.width))
    width, height = reversed(full_size) if orientation in SIDES_SWAPPED else full_size
    # A draft has whole pixels: its stored last ones may reach beyond the end of the original.
    x = upright.width - width / scale if orientation in _ENDS_LEFT else 0.0
    y = upright.height - height / scale if orientation in _ENDS_TOP else 0.0
    return _Opened(upright, (height, width), scale, (x, y))


def _draft(image: Image.Image, target: tuple[int, int, str]) -> int:
    """Have a JPEG decoded at a part of its size, still twice the picture's; the divisor."""
    # A progressive one holds all its coefficients in memory whatever the draft.
    if image.format not in _DRAFTED or image.info.get("progressive"):
        return 1
    if _pixels(image) > MAX_DRAFT_PIXELS:
        return 1
    stored_width, (height, width, fit) = image.width, target
    if orientation_of(image) in SIDES_SWAPPED:
        height, width = width, height
    left, top, right, bottom = place((image.height, image.width), (height, width), fit).box
    wanted = (2 * width * image.width / (right - left), 2 * height * image.height / (bottom - top))
    drafted = image.draft("", (math.ceil(wanted[0]), math.ceil(wanted[1])))
    return 1 if drafted is None else round(stored_width / drafted[1][2])


def _pixels(image: Image.Image) -> int:
    return image.width * image.height


def _check_pixels(image: Image.Image, full_size: tuple[int, int]) -> None:
    if _pixels(image) > MAX_PIXELS:
        width, height = full_size
        raise ValueError(
            f"{width} x {height} pixels are too many, as at most {MAX_PIXELS:,} are decoded: "
            "make it smaller"
        )


@contextmanager
def _reasons(source: ImageLike) -> Iterator[None]:
    """What is wrong with the source becomes one sentence that names it."""
    name = str(source) if isinstance(source, str | Path) else "the image"
    try:
        with quiet_pillow:
            yield
    except InputError:
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        # Decoders raise errors of their own without a number; damaged ones seek to nowhere.
        number = error.errno if isinstance(error, OSError) else None
        system = number not in {None, errno.EINVAL}
        raise UnreadableImage(name, reason, system=system) from error
