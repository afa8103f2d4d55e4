"""Small videos with a creature whose two points are known, and a detector that is right on them."""

from collections.abc import Callable, Container
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from warpmarks.coordinates import pixel_centres
from warpmarks.detectors.base import ImageDetector

HEIGHT, WIDTH = 48, 80
RATE = 25


def place(frame: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Where the creature's red head and green tail are on a frame, in pixels: (2, 2)."""
    angle = 0.15 * frame
    middle = np.array([width / 2 + 0.2 * width * np.cos(angle), height / 2 + 6 * np.sin(angle)])
    return middle + np.array([[9, 3], [-9, -4]])


def picture(points: np.ndarray, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """A red blob and a green one on dark blue."""
    y, x = np.mgrid[0:height, 0:width]
    image = np.full((height, width, 3), (20.0, 20.0, 70.0))
    for (px, py), colour in zip(points, ((230, 20, 20), (20, 220, 20)), strict=True):
        blob = np.exp(-((x - px) ** 2 + (y - py) ** 2) / 18)[..., None]
        image += blob * (np.array(colour) - image)
    return image.round().astype(np.uint8)


def write_video(
    path: Path,
    frames: int = 30,
    *,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    ticks: Callable[[int], int] | None = None,
    start: Callable[[Any, Any], None] | None = None,
    options: dict[str, str] | None = None,
    draw: Callable[[int], np.ndarray] | None = None,
    sound: bool = False,
    container_options: dict[str, str] | None = None,
) -> Path:
    """A film of the creature, with a key frame every ten frames.

    Args:
        path: its extension says what container it is.
        frames: how many.
        size: width and height.
        codec: of FFmpeg.
        pix_fmt: of FFmpeg.
        ticks: times of the frames in hundredths of a second; every 1/25 s if not given.
        start: told of the container and the stream before the first frame.
        options: of the codec.
        draw: the picture of a frame, in place of the creature.
        sound: whether there is a second stream, of silence, before that of the pictures.
        container_options: of FFmpeg.
    """
    import av

    width, height = size
    with av.open(str(path), "w", options=container_options or {}) as container:
        audio: Any = container.add_stream("aac", rate=8000, layout="mono") if sound else None
        fine = {"crf": "12"} if codec == "libx264" else {}
        stream: Any = container.add_stream(codec, rate=RATE, options=fine | (options or {}))
        stream.codec_context.thread_count = 1  # several have other pictures each time
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        stream.codec_context.gop_size = 10
        if ticks is not None:
            stream.codec_context.time_base = Fraction(1, 100)
        if start is not None:
            start(container, stream)
        for index in range(frames):
            pixels = draw(index) if draw else picture(place(index, width, height), width, height)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            if ticks is not None:
                frame.pts, frame.time_base = ticks(index), Fraction(1, 100)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if audio is not None:
            quiet = av.AudioFrame.from_ndarray(
                np.zeros((1, 1024), dtype=np.float32), format="fltp", layout="mono"
            )
            quiet.sample_rate = 8000
            for index in range(8):
                quiet.pts = 1024 * index
                container.mux(audio.encode(quiet))
            container.mux(audio.encode(None))
    return path


def spoil(path: Path, number: int) -> Path:
    """Overwrite the data of one frame, counted as they are stored."""
    import av

    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        place, size = packets[number].pos, packets[number].size
    content = bytearray(path.read_bytes())
    content[place + 4 : place + size] = bytes(size - 4)
    path.write_bytes(content)
    return path


def hide(path: Path, numbers: Container[int]) -> Path:
    """Make blanks of some stored frames of a Matroska file, which a demuxer passes over."""
    import av

    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        places = [packet.pos for number, packet in enumerate(packets) if number in numbers]
    content = bytearray(path.read_bytes())
    for place in places:
        content[content.rindex(0xA3, 0, place)] = 0xEC
    path.write_bytes(content)
    return path


def without(path: Path, numbers: Container[int]) -> Path:
    """The file again, of which some stored frames are lost."""
    import av

    other = path.with_stem("lost")
    with av.open(str(path)) as source, av.open(str(other), "w") as target:
        stream: Any = target.add_stream_from_template(source.streams.video[0])
        packets = [packet for packet in source.demux(video=0) if packet.size]
        for number, packet in enumerate(packets):
            packet.stream = stream
            if number not in numbers:
                target.mux(packet)
    return other


class ColourDetector(ImageDetector):
    """Finds the middle of what is red and of what is green; no network, no training."""

    digest, num_landmarks = "colours", 2

    def __init__(self) -> None:
        super().__init__((HEIGHT, WIDTH), "stretch")

    def search(self, pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        blue = pictures[..., 2:].astype(float)
        excess = np.maximum(pictures[..., :2].astype(float) - blue - 60, 0) ** 2
        shares = excess / np.maximum(excess.sum(axis=(1, 2), keepdims=True), 1e-9)
        centres = pixel_centres(*pictures.shape[1:3]).double().numpy()
        return np.einsum("bhwk,hwc->bkc", shares, centres), np.full((len(pictures), 2), 0.5)
