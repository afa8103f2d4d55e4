"""Pixels of every kind to RGB with 8 bits: what is white, what is black, what shines through.

Eight bits stay as they are. Alpha is laid over white. Deeper pixels are scaled, never cut off:

* 16 bits (and 32-bit integers that fit into them): black is 0, and white is the end of the smallest
  of the ranges of 8, 10, 12, 14 and 16 bits that holds the image's brightest pixel. Most such files
  come from cameras and scopes of 10 to 14 bits, and would be all but black on the full range.
* float from 0 to 1: black is 0, white is 1.
* any other float or 32-bit integer: black and white are the image's own smallest and largest value,
  as no range can be known; values that are not finite count as the smallest.
"""

import math

import numpy as np
from jaxtyping import UInt16
from PIL import Image, ImageCms

from warpmarks.errors import InputError

ROUNDING = 1e-3
"""What a float may be below black or above white: a filter or a resampling leaves as much."""

WHITE_LEVELS = (255, 1023, 4095, 16383, 65535)
_WITH_ALPHA = {"LA", "La", "PA", "RGBA", "RGBa"}


def image_to_rgb(image: Image.Image) -> Image.Image:
    """An image of any Pillow mode in mode RGB; one that has it already is returned as it is."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I;16"):
        return Image.fromarray(_scaled_16_bit(np.asarray(image).astype(np.uint16))).convert("RGB")
    if image.mode in {"I", "F"}:
        return Image.fromarray(_scaled(np.asarray(image))).convert("RGB")
    if image.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
        assert converted is not None  # only an in-place conversion returns nothing
        return converted
    if image.mode in _WITH_ALPHA or "transparency" in image.info:
        with_alpha = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(with_alpha, mask=with_alpha.getchannel("A"))
        return white
    return image.convert("RGB")


def deep_to_rgb(
    values: UInt16[np.ndarray, "height width channels"],
    transparent: tuple[int, ...] | None = None,
) -> Image.Image:
    """Colours of 16 bits a channel as an RGB image.

    Args:
        values: RGB, RGB and alpha, or grey and alpha.
        transparent: the RGB that is transparent, if one is.
    """
    if transparent is not None and values.shape[-1] == len(transparent):
        alpha = (values != np.array(transparent, np.uint16)).any(axis=-1, keepdims=True)
        values = np.concatenate([values, alpha.astype(np.uint16) * WHITE_LEVELS[-1]], axis=-1)
    return image_to_rgb(Image.fromarray(_scaled_channels(values)))


def array_to_image(array: np.ndarray) -> Image.Image:
    """An array of height x width (x 1, 3 or 4 channels: grey, RGB, RGBA) as an RGB image.

    uint8 is taken as it is, bool as black and white, uint16 on the ranges above, float from 0 to 1,
    where what is beyond by less than `ROUNDING` is black or white.

    Raises:
        InputError: another shape, type or range of values.
    """
    channels = 1 if array.ndim == 2 else array.shape[-1] if array.ndim else 0
    if array.size == 0:
        raise InputError(f"an image array of shape {array.shape} is empty: expected pixels in it")
    if array.ndim not in {2, 3} or channels not in {1, 3, 4}:
        first = array.ndim == 3 and len(array) in {1, 3, 4}
        advice = "; channels come last, as in array.transpose(1, 2, 0)" if first else ""
        raise InputError(
            f"an image array of shape {array.shape} cannot be read: expected height x width, "
            f"or height x width x 1, 3 or 4{advice}"
        )
    pixels = _to_8_bit(array)
    if channels == 1:
        pixels = pixels.reshape(array.shape[:2])
    return image_to_rgb(Image.fromarray(np.ascontiguousarray(pixels)))


def _to_8_bit(array: np.ndarray) -> np.ndarray:
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * 255
    if array.dtype == np.uint16:
        return _scaled_channels(array.astype(np.uint16))
    if np.issubdtype(array.dtype, np.floating):
        smallest, largest = float(array.min()), float(array.max())
        if math.isnan(smallest):
            raise InputError(
                "an image array of floats holds values that are not a number (nan): expected 0 to "
                "1, such as np.nan_to_num(array) has them"
            )
        if smallest < -ROUNDING or largest > 1 + ROUNDING:
            raise InputError(
                f"an image array of floats has values from {smallest:.6g} to {largest:.6g}: "
                "expected 0 to 1, so divide by the value of white, or pass uint8"
            )
        return np.round(np.clip(array, 0, 1) * 255).astype(np.uint8)
    raise InputError(
        f"an image array of type {array.dtype} cannot be read: "
        "expected uint8, uint16, bool or float in [0, 1]"
    )


def _scaled_channels(values: np.ndarray) -> np.ndarray:
    if values.ndim == 2 or values.shape[-1] not in {2, 4}:
        return _scaled_16_bit(values)
    colours, alpha = values[..., :-1], values[..., -1:]
    return np.concatenate([_scaled_16_bit(colours), _scaled_16_bit(alpha)], axis=-1)


def _scaled_16_bit(values: np.ndarray) -> np.ndarray:
    largest = int(values.max())
    white = next(level for level in WHITE_LEVELS if level >= largest)
    table = np.minimum(np.round(np.arange(WHITE_LEVELS[-1] + 1) * (255 / white)), 255)
    scaled: np.ndarray = table.astype(np.uint8)[values]
    return scaled


def _scaled(values: np.ndarray) -> np.ndarray:
    if (
        np.issubdtype(values.dtype, np.integer)
        and 0 <= values.min() <= values.max() <= WHITE_LEVELS[-1]
    ):
        return _scaled_16_bit(values.astype(np.uint16))
    finite = np.isfinite(values)
    smallest, largest = 0.0, 1.0
    if finite.any():
        smallest, largest = float(values[finite].min()), float(values[finite].max())
    if np.issubdtype(values.dtype, np.floating) and smallest >= 0 and largest <= 1:
        smallest, largest = 0.0, 1.0
    levels = (np.where(finite, values, smallest) - smallest) * (
        255 / max(largest - smallest, 1e-30)
    )
    return np.clip(np.round(levels), 0, 255).astype(np.uint8)
