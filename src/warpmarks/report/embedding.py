"""Drawn files as data URIs, small enough that a whole report can be mailed."""

import base64
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from warpmarks.errors import InputError

_WIDEST = 1800  # pixels; beyond what a page shows even when a picture is opened
_TALLEST = 16383  # pixels; WebP holds no more
_COLOURS_OF_A_DRAWING = 1 << 14  # photographs have more, and would be large without loss
_QUALITY = 82


@dataclass(frozen=True)
class EmbeddedImage:
    """An image as part of a page, with its size in pixels, so that nothing jumps on loading."""

    uri: str
    width: int
    height: int


def embed_image(path: Path) -> EmbeddedImage:
    """Encode a picture as WebP: line drawings without loss, photographs with a little.

    What is larger than a page shows, or than WebP holds, is made smaller.

    Raises:
        InputError: the file is not there or not a picture.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as opened:
            image = opened.convert("RGBA" if "A" in opened.getbands() else "RGB")
    except (OSError, UnidentifiedImageError) as error:
        raise InputError(
            f"{path} cannot be put into the report ({error}): draw the pictures again"
        ) from error
    scale = min(_WIDEST / image.width, _TALLEST / image.height)
    if scale < 1:
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.LANCZOS)
    drawn = image.getcolors(_COLOURS_OF_A_DRAWING) is not None
    buffer = BytesIO()
    image.save(buffer, format="WEBP", lossless=drawn, quality=_QUALITY, method=2)
    uri = "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
    return EmbeddedImage(uri, image.width, image.height)
