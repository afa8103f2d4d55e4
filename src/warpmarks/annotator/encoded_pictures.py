"""Images as a browser shows them: upright, decoded and encoded anew, reduced if asked for.

What is sent is always made from pixels: a file that is no image, or holds more than one, gives
nothing of itself away.
"""

import io
import threading
from collections import OrderedDict

from PIL import Image

from warpmarks.annotator.project_images import ProjectImages
from warpmarks.datasets.reading import open_image, read_picture

MOST_PIXELS = 50_000_000
"""Of a picture that is sent; larger ones are reduced, and points lie on them all the same."""

LEAST_WIDTH, MOST_WIDTH = 16, 8192

LOSSLESS = 1_000_000
"""Pixels up to which a picture in full size is sent as PNG, for points to the pixel."""

KEPT_BYTES = 64 * 2**20
"""Of reduced pictures that are kept in memory."""


class EncodedPictures:
    """Encoded pictures of images; those that were asked for last are kept."""

    def __init__(self, images: ProjectImages) -> None:
        self._images = images
        self._kept: OrderedDict[tuple[int, int], tuple[bytes, str]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        self._one_large = threading.Lock()

    def get(self, index: int, width: int | None) -> tuple[bytes, str]:
        """The bytes of a picture and their media type.

        Args:
            index: of the image.
            width: of the picture in pixels, never more than the image's; its own if None.

        Raises:
            UnreadableImage: the image cannot be read.
        """
        full_width, full_height = (int(side) for side in self._images.sizes[index])
        wanted = min(full_width, max(LEAST_WIDTH, width or full_width), MOST_WIDTH)
        wanted = min(
            wanted, int(full_width * (MOST_PIXELS / (full_width * full_height)) ** 0.5) or 1
        )
        key = (index, wanted)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        path = self._images.path(index)
        if wanted == full_width:
            with self._one_large:
                made = _encoded(open_image(path), lossless=full_width * full_height <= LOSSLESS)
        else:
            height = max(1, round(full_height * wanted / full_width))
            made = _encoded(Image.fromarray(read_picture(path, height, wanted)[0]), lossless=False)
        self._keep(key, made)
        return made

    def _keep(self, key: tuple[int, int], made: tuple[bytes, str]) -> None:
        with self._lock:
            if len(made[0]) > KEPT_BYTES // 8 or key in self._kept:
                return
            self._kept[key] = made
            self._bytes += len(made[0])
            while self._bytes > KEPT_BYTES:
                _, (dropped, _) = self._kept.popitem(last=False)
                self._bytes -= len(dropped)


def _encoded(image: Image.Image, *, lossless: bool) -> tuple[bytes, str]:
    file = io.BytesIO()
    # Built from bare pixels: neither EXIF nor a profile of the original goes with it.
    bare = Image.frombytes(image.mode, image.size, image.tobytes())
    if lossless:
        bare.save(file, "PNG", compress_level=1)
        return file.getvalue(), "image/png"
    bare.save(file, "JPEG", quality=90)
    return file.getvalue(), "image/jpeg"
