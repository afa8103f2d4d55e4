"""A video with the points drawn on its frames.

H.264 in yuv420p, which every player and browser plays. It needs even sides, so that an odd frame
is repeated by a row or column at its right or lower edge; no pixel moves. Times are those of the
video, also where its rate varies; a frame that cannot be decoded is missing, and the one before is
shown for longer. There is no sound.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from warpmarks.errors import InputError
from warpmarks.system.files import atomic_path
from warpmarks.video.detecting import FramePoints
from warpmarks.video.drawing import dot_diameter, draw_dots, draw_trails
from warpmarks.video.library import pyav
from warpmarks.video.reading import Video

EXTENSIONS = (".mp4", ".mkv", ".mov")
_QUALITY = {"crf": "18", "preset": "veryfast"}
_BT709, _LIMITED_RANGE = 1, 1


class OverlayWriter:
    """Draws and encodes one frame after the other.

    Args:
        container: PyAV's, open to be written.
        video: that the frames are of.
        trails: number of frames that a point's trail reaches back; none if 0.
    """

    def __init__(self, container: Any, video: Video, trails: int = 0) -> None:
        self._av = pyav()
        self._container, self._video = container, video
        self._stream: Any = None
        self._size = (0, 0)
        self._history: deque[np.ndarray | None] = deque(maxlen=trails + 1)
        self._origin: int | None = None
        self._last = -1

    def write(self, frame: FramePoints) -> None:
        """Add a frame, with its smoothed points where it has them.

        Raises:
            InputError: the frames change their size.
        """
        points = frame.points if frame.smoothed is None else frame.smoothed
        self._history.append(points)
        if frame.image is None or points is None:
            return
        if self._stream is None:
            self._start(frame.image)
        if frame.image.shape[:2] != self._size:
            raise InputError(
                f"{self._video.path}: its frames change their size at frame {frame.index}, which "
                "an overlay cannot: leave --overlay out"
            )
        image = frame.image.copy()
        diameter = dot_diameter(*self._size, len(points))
        draw_trails(image, self._history, diameter)
        draw_dots(image, points, diameter)
        self._encode(image, frame)

    def close(self) -> None:
        """Encode what is left."""
        if self._stream is not None:
            self._container.mux(self._stream.encode(None))

    def _start(self, image: np.ndarray) -> None:
        self._size = image.shape[:2]
        height, width = self._size
        codec = "libx264" if "libx264" in self._av.codecs_available else "mpeg4"
        stream = self._container.add_stream(
            codec, rate=self._video.rate, options=_QUALITY if codec == "libx264" else {}
        )
        stream.width, stream.height = width + width % 2, height + height % 2
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = self._video.time_base
        context.sample_aspect_ratio = self._video.pixel_aspect
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = _LIMITED_RANGE
        self._stream = stream

    def _encode(self, image: np.ndarray, frame: FramePoints) -> None:
        height, width = self._size
        even = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        picture = self._av.VideoFrame.from_ndarray(even, format="rgb24").reformat(
            format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG"
        )
        base = self._video.time_base
        tick = round(frame.time / base) if frame.tick is None else frame.tick
        # An encoder takes rising times only, and broken files have others.
        self._origin = tick if self._origin is None else self._origin
        self._last = max(self._last + 1, tick - self._origin)
        picture.pts, picture.time_base = self._last, base
        self._container.mux(self._stream.encode(picture))


@contextmanager
def overlay_writer(path: Path, video: Video, *, trails: int = 0) -> Iterator[OverlayWriter]:
    """A video file that is there when the block ends well, and not before.

    Raises:
        InputError: its name is not that of a video we write, or it cannot be written.
    """
    av = pyav()
    if path.suffix.lower() not in EXTENSIONS:
        raise InputError(
            f"--overlay {path} has no name of a video: expected one that ends in .mp4, .mkv or .mov"
        )
    with atomic_path(path) as temporary, av.open(str(temporary), "w") as container:
        writer = OverlayWriter(container, video, trails)
        yield writer
        writer.close()
