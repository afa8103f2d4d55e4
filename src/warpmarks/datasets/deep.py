"""Colours with 16 bits a channel, of which Pillow keeps the high bytes: their low bytes as well.

Pillow unpacks such pixels in a raw mode that takes the first or the second byte of each value, by
the order of their bytes. Asked for the other order, it hands out the low bytes. So a file is
decoded twice; TIFF, PNG and compressed SGI hold such pixels. PPM and plain SGI are read as what
they are, numbers in a row, and of JPEG 2000 only the high bytes can be had.
"""

import io
import re
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np
from jaxtyping import UInt16
from PIL import Image

from warpmarks.datasets.decoders import identify

_DEEP = re.compile(r"((?:RGB|RGBA|RGBX|R|G|B|A|L);16)([LBN])")
_GREY_WITH_ALPHA = "LA;16B"
_OTHER_ORDER = {"L": "B", "B": "L", "N": "B" if sys.byteorder == "little" else "L"}
_BITS_TAG, _PLANES_TAG = 258, 284
_HEAD = 65_536  # bytes in which the codestream of JPEG 2000 begins
_FULL_RANGE = 64  # a high byte from which on white is the end of 16 bits, whatever the low byte


def load_deep(
    image: Image.Image, file: BinaryIO | io.BytesIO
) -> UInt16[np.ndarray, "height width channels"] | None:
    """Decode an image that was identified in a file; the values of one of 16 bits a channel.

    The channels are RGB, RGB and alpha, or grey and alpha. The image itself then holds no pixels
    of use.

    Returns:
        None for any other image, which is decoded all the same.

    Raises:
        ValueError: the low bytes are needed and cannot be had.
    """
    match image.format, _tiles(image):
        case "PPM", [(_, _, _, ("RGB", 65535))]:
            return _ppm(image)
        case "SGI", [("SGI16", _, start, _)]:
            file.seek(start)
            return _plain_sgi(image, file)
        case "JPEG2000", _ if len(image.getbands()) >= 3 and _jpeg_2000_bits(file) == 16:
            image.load()
            return _of_high_bytes(np.asarray(image), "in JPEG 2000", "save it as TIFF or PNG")
    return _decoded_twice(image, file)


def _decoded_twice(image: Image.Image, file: BinaryIO | io.BytesIO) -> np.ndarray | None:
    if _raw_modes(image) == {_GREY_WITH_ALPHA}:
        _ask(image, lambda _: "RGBA")  # four bytes as they are
        image.load()
        return _joined(np.asarray(image)[..., 0::2], np.asarray(image)[..., 1::2])
    _ask_for_planes(image)
    modes = _raw_modes(image)
    if not modes or not all(map(_DEEP.fullmatch, modes)):
        image.load()
        return None
    in_planes = _tag(image, _PLANES_TAG) == 2 and _tiles(image)[0][0] == "libtiff"
    image.load()
    high = np.asarray(image)
    if in_planes:  # unpacked plane by plane, whatever the raw mode
        advice = "save it with the channels of each pixel side by side, or without compression"
        return _of_high_bytes(high, "in compressed planes", advice)
    file.seek(0)
    again = identify(file)
    _ask_for_planes(again)
    _ask(again, _low)
    again.load()
    return _joined(high, np.asarray(again))


def _ppm(image: Image.Image) -> np.ndarray:
    """Decoded as grey, of which Pillow keeps 16 bits, with the channels side by side."""
    (codec, _, start, arguments), (width, height) = _tiles(image)[0], image.size
    box = (0, 0, 3 * width, height)
    in_bytes = codec == "ppm"  # otherwise in words
    tile = ("raw", box, start, "I;16B") if in_bytes else (codec, box, start, arguments)
    image.tile = [tile]  # type: ignore[attr-defined]
    image._mode, image._size = "I", (3 * width, height)
    image.load()
    return np.asarray(image).astype(np.uint16).reshape(height, width, 3)


def _plain_sgi(image: Image.Image, file: BinaryIO | io.BytesIO) -> np.ndarray:
    """Planes one after the other, from the lowest row upwards."""
    (width, height), channels = image.size, len(image.getbands())
    content = file.read(2 * width * height * channels)
    if len(content) < 2 * width * height * channels:
        raise ValueError("the file is truncated")
    planes = np.frombuffer(content, ">u2").reshape(channels, height, width)[:, ::-1]
    return _in_colours(planes.transpose(1, 2, 0).astype(np.uint16))


def _jpeg_2000_bits(file: BinaryIO | io.BytesIO) -> int:
    """Bits of the first channel, from the head of the codestream; 0 where it is not found."""
    file.seek(0)
    head = file.read(_HEAD)
    offset = head.find(b"\xff\x4f\xff\x51") + 42
    return (head[offset] & 0x7F) + 1 if 42 <= offset < len(head) else 0


def _of_high_bytes(high: np.ndarray, where: str, advice: str) -> np.ndarray:
    if high[..., :3].max() < _FULL_RANGE:
        raise ValueError(
            f"its channels of 16 bits lie {where}, of which only the high bytes can be read, and "
            f"these are nearly black: {advice}"
        )
    return _joined(high, high)


def _in_colours(values: np.ndarray) -> np.ndarray:
    """Grey as RGB."""
    grey = values.ndim == 2 or values.shape[2] == 1
    return np.repeat(values.reshape(*values.shape[:2], 1), 3, axis=2) if grey else values


def _joined(high: np.ndarray, low: np.ndarray) -> np.ndarray:
    values: np.ndarray = (high.astype(np.uint16) << 8) | low
    return _in_colours(values)


def _low(mode: str) -> str:
    found = _DEEP.fullmatch(mode)
    assert found is not None
    if found[1] == "L;16":
        return found[1]
    return found[1] + _OTHER_ORDER[found[2]]


def _ask_for_planes(image: Image.Image) -> None:
    """Planes that are not compressed are read by Pillow as if they had 8 bits."""
    bits = _tag(image, _BITS_TAG)
    if (
        _tag(image, _PLANES_TAG) == 2
        and bits == (16,) * len(image.getbands())
        and _raw_modes(image) == set(image.getbands())
    ):
        order = "L" if image.tag_v2.prefix == b"II" else "B"  # type: ignore[attr-defined]
        _ask(image, lambda band: f"{band};16{order}")


def _tag(image: Image.Image, tag: int) -> Any:
    return getattr(image, "tag_v2", {}).get(tag)


def _tiles(image: Image.Image) -> list[Any]:
    return getattr(image, "tile", [])


def _raw_mode(tile: Any) -> str:
    arguments = tile[3]
    return str(arguments[0] if isinstance(arguments, tuple) and arguments else arguments)


def _raw_modes(image: Image.Image) -> set[str]:
    return {_raw_mode(tile) for tile in _tiles(image)}


def _ask(image: Image.Image, for_mode: Callable[[str], str]) -> None:
    """Have each tile decoded in another raw mode."""
    asked = []
    for tile in _tiles(image):
        mode, arguments = for_mode(_raw_mode(tile)), tile[3]
        arguments = (mode, *arguments[1:]) if isinstance(arguments, tuple) else mode
        asked.append(
            tile._replace(args=arguments) if hasattr(tile, "_replace") else (*tile[:3], arguments)
        )
    image.tile = asked  # type: ignore[attr-defined]
