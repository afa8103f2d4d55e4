"""Colours with 16 bits a channel, of which Pillow keeps the high bytes: their low bytes as well.

Pillow unpacks such pixels in a raw mode that takes the first or the second byte of each value, by
the order of their bytes. Asked for the other order, it hands out the low bytes. So a file is
decoded twice, if it is TIFF or PNG; of any other the high bytes are read.
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

_DEEP = re.compile(r"((?:RGB|RGBA|RGBX|R|G|B|A);16)([LBN])")
_GREY_WITH_ALPHA = "LA;16B"
_OTHER_ORDER = {"L": "B", "B": "L", "N": "B" if sys.byteorder == "little" else "L"}
_BITS_TAG, _PLANES_TAG = 258, 284
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
    if image.format not in {"TIFF", "PNG"}:
        image.load()
        return None
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
        if high[..., :3].max() < _FULL_RANGE:
            raise ValueError(
                "its channels of 16 bits lie in compressed planes, of which only the high bytes "
                "can be read, and these are nearly black: save it with the channels of each pixel "
                "side by side, or without compression"
            )
        return _joined(high, high)
    file.seek(0)
    again = identify(file)
    _ask_for_planes(again)
    _ask(again, _low)
    again.load()
    return _joined(high, np.asarray(again))


def _joined(high: np.ndarray, low: np.ndarray) -> np.ndarray:
    values: np.ndarray = (high.astype(np.uint16) << 8) | low
    return values


def _low(mode: str) -> str:
    found = _DEEP.fullmatch(mode)
    assert found is not None
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
