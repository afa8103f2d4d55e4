"""A video file: what it tells of itself, what it stores, and its frames.

A frame is numbered from 0 by its place among all frames that the file holds, also those that
cannot be decoded, so that numbers are those of other tools. Times are seconds from the beginning
of the file, as players show them, whatever the rate; where a file has none, frame number over
rate. Points belong to pixels as they are stored: where these are not square, a player stretches
the frame, and the points with it. Sound and further video streams are passed over.
"""

import re
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from warpmarks.datasets.reading import MAX_PIXELS
from warpmarks.errors import InputError
from warpmarks.video.decoding import VideoFrame, Walk
from warpmarks.video.library import pyav, words_of
from warpmarks.video.orientation import Orientation, from_display_matrix

_UPRIGHT = Orientation()
_DISPLAY_MATRIX = "DISPLAYMATRIX"
_FALLBACK_RATE = Fraction(25)
_LOOKED_AT = 500  # packets in which a first frame is looked for
_TOLD_LENGTH = ("matroska", "avi")  # containers whose head holds the length as it was written


@dataclass(frozen=True)
class Packet:
    """A piece of the file that belongs to one of its streams.

    Attributes:
        place: of its first byte, or of that of the block that it is in; None if that is not known.
        size: bytes.
        time: of a frame, in seconds from the beginning of the file; None of other streams.
    """

    place: int | None
    size: int
    time: float | None


@dataclass(frozen=True)
class StoredFrame:
    """What a file tells of a frame that is not decoded.

    Attributes:
        tick: when it is shown, in the video's time base; None where the file has no times.
        is_key: whether decoding can begin there.
    """

    tick: int | None
    is_key: bool


class Video:
    """A video file; opening it decodes its first frame.

    Attributes:
        path: of the file.
        rate: frames a second, on average.
        count: number of frames that its head tells of; None where it tells of none.
        announced: number of frames that an index in its head names; 0 without one.
        indexed: whether its head names each frame, so that none can be passed over.
        packed: whether its packets stand close together, so that bytes between them tell of damage.
        begin: what its own clock shows at the beginning of the file, in seconds.
        length: seconds from the beginning to the end of its pictures, as its head tells; None where
            that is not known.
        time_base: seconds per tick.
        orientation: how its stored frames are turned.
        size: width and height of the upright frames, in stored pixels.
        pixel_aspect: width over height of a pixel of the upright frames.

    Raises:
        InputError: PyAV is not installed, or the file is no video that can be shown.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._av = pyav()
        with self._opened() as (container, stream):
            self.rate: Fraction = stream.average_rate or stream.guessed_rate or _FALLBACK_RATE
            self.time_base: Fraction = stream.time_base or 1 / self.rate
            self.count: int | None = stream.frames or None
            if self.count is None and container.duration:
                self.count = max(1, round(container.duration / self._av.time_base * self.rate))
            start = container.start_time
            self._start = Fraction(start, self._av.time_base) if start is not None else Fraction(0)
            # Of other containers the number is a guess. An edit list leaves out what was cut away.
            announced = min(stream.frames, len(stream.index_entries))
            self.announced: int = announced if "mp4" in container.format.name else 0
            self.indexed = self.announced > 0
            self.packed: bool = "matroska" in container.format.name
            self.begin = float(self._start)
            self.length = self._length(container, stream)
            first = self._first_frame(container, stream)
            self.orientation = self._orientation_of(first)
            size = (first.width, first.height)
            self.size: tuple[int, int] = size[::-1] if self.orientation.transposed else size
            # 0 to something says that nobody knows.
            aspect = stream.sample_aspect_ratio or Fraction(1)
            self.pixel_aspect: Fraction = 1 / aspect if self.orientation.transposed else aspect

    @property
    def has_square_pixels(self) -> bool:
        """Whether points on stored pixels have the shape of the object."""
        return self.pixel_aspect == 1

    def __iter__(self) -> Iterator[VideoFrame]:
        """All frames, in the order in which they are shown."""
        with self._opened() as (container, stream):
            yield from Walk(self, container, stream).frames()

    def stored(self) -> list[StoredFrame]:
        """All frames in the order in which they are stored; nothing is decoded."""
        return self.stored_and_lost()[0]

    def stored_and_lost(self) -> tuple[list[StoredFrame], int]:
        """As `stored`, and how many frames more an index in the file's head names."""
        with self._opened() as (container, stream):
            found, packets = [], 0
            demuxed = container.demux(stream)
            while (packet := self._next(demuxed)) is not None:
                packets += packet.size > 0
                if packet.size and not packet.is_discard:
                    found.append(StoredFrame(packet.pts, bool(packet.is_keyframe)))
            return found, max(0, self.announced - packets)

    def end_of_all(self) -> tuple[float, float] | None:
        """Seconds to the end of what there is of all streams, and to where the head announces it.

        None where the head tells nothing, or the end cannot be found.
        """
        with self._opened() as (container, _):
            if not self._tells_length(container):
                return None
            start = max(0, container.start_time or 0) / self._av.time_base
            try:
                container.seek(container.duration)
            except self._av.error.FFmpegError:
                return None
            demuxed, end = container.demux(), 0.0
            while (packet := self._next(demuxed)) is not None:
                if packet.size and packet.pts is not None:
                    end = max(end, float((packet.pts + packet.duration) * packet.time_base))
            return (end - start, container.duration / self._av.time_base - start) if end else None

    def packets(self) -> Iterator[Packet]:
        """All packets of all streams, in the order in which they are stored; none is decoded."""
        with self._opened() as (container, stream):
            demuxed = container.demux()
            while (packet := self._next(demuxed)) is not None:
                if packet.size:
                    shown = packet.stream.index == stream.index and packet.pts is not None
                    time = self.seconds(packet.pts) if shown else None
                    yield Packet(packet.pos, packet.size, time)

    def stored_times(self) -> list[float | None]:
        """Seconds at which the frames are shown, as they are stored; None of one without a time."""
        ticks = [frame.tick for frame in self.stored()]
        return [None if tick is None else self.seconds(tick) for tick in ticks]

    def seconds(self, tick: int) -> float:
        """A tick as time from the beginning of the file."""
        return float(tick * self.time_base - self._start)

    def only(self, numbers: set[int], stored: Sequence[StoredFrame]) -> Iterator[VideoFrame]:
        """The frames of these numbers, in order; those that cannot be decoded are left out.

        Stretches from one key frame to the next that hold none of them are not decoded.

        Args:
            numbers: of the frames.
            stored: all frames of this video.
        """
        if any(frame.tick is None for frame in stored):
            yield from (
                frame for frame in self if frame.index in numbers and frame.image is not None
            )
            return
        ticks = sorted(frame.tick for frame in stored if frame.tick is not None)
        wanted = {ticks[number]: number for number in numbers if number < len(ticks)}
        needed = _groups_to_decode(stored, wanted)
        with self._opened() as (container, stream):
            walk = Walk(self, container, stream)
            for packet in self._needed(container.demux(stream), needed):
                for frame in walk.send(packet, wanted):
                    if frame.image is not None and frame.tick is not None:
                        yield replace(frame, index=wanted[frame.tick])
                if packet is None:
                    stream.codec_context.flush_buffers()

    def _needed(self, demuxed: Iterator[Any], groups: set[int]) -> Iterator[Any]:
        """Packets of the groups, with None after the last of those that follow each other."""
        group, inside = -1, 0 in groups  # a trimmed file begins with frames that are not shown
        while (packet := self._next(demuxed)) is not None and packet.size:
            if not packet.is_discard and (packet.is_keyframe or group < 0):
                group += 1
                if inside and group not in groups:
                    yield None
                inside = group in groups
            if inside:
                yield packet
        if inside:
            yield None

    @contextmanager
    def _opened(self) -> Iterator[tuple[Any, Any]]:
        if not self.path.is_file():
            raise InputError(f"{self.path} does not exist: give a video file")
        try:
            container = self._av.open(str(self.path), metadata_errors="ignore")
        except (self._av.error.FFmpegError, OSError, ValueError) as error:
            raise InputError(
                f"{self.path} cannot be read as a video ({words_of(error)}): give a file such as "
                ".mp4 that a player plays"
            ) from error
        with container:
            if not container.streams.video:
                raise InputError(f"{self.path} has no pictures, only sound: give a video")
            stream = container.streams.video[0]
            if stream.codec_context is None:
                raise InputError(
                    f"{self.path} is in a coding that PyAV cannot decode: convert it to H.264"
                )
            yield container, stream

    @staticmethod
    def _tells_length(container: Any) -> bool:
        told = any(name in container.format.name for name in _TOLD_LENGTH)
        return told and bool(container.duration)

    def _length(self, container: Any, stream: Any) -> float | None:
        """The least that the head tells, which may count from before the first frame."""
        if not self._tells_length(container):
            return None
        whole = container.duration / self._av.time_base
        start = max(0, container.start_time or 0) / self._av.time_base
        if stream.duration and stream.time_base:
            own: float | None = float(stream.duration * stream.time_base)
        else:
            own = _tagged_length(stream.metadata)
        if own is None and len(container.streams) > 1:  # the sound may be longer
            return None
        return float(min(whole, whole if own is None else own) - start)

    def _first_frame(self, container: Any, stream: Any) -> Any:
        reason = "it has no frames"
        demuxed = container.demux(stream)
        for _ in range(_LOOKED_AT):
            if (packet := self._next(demuxed)) is None:
                break
            try:
                if frames := packet.decode():
                    return frames[0]
            except self._av.error.FFmpegError as error:
                reason = words_of(error)
        raise InputError(
            f"{self.path}: no frame at its beginning can be decoded ({reason}): give a file such "
            "as .mp4 that a player plays"
        )

    def _orientation_of(self, frame: Any) -> Orientation:
        if frame.width * frame.height > MAX_PIXELS:
            raise InputError(
                f"{self.path} has frames of {frame.width} x {frame.height} pixels, where at most "
                f"{MAX_PIXELS:,} are decoded: make it smaller"
            )
        matrix = next((d for d in frame.side_data if d.type.name == _DISPLAY_MATRIX), None)
        found = _UPRIGHT if matrix is None else from_display_matrix(bytes(matrix))
        if found is None:
            raise InputError(
                f"{self.path} is to be shown turned by {frame.rotation} degrees: expected a "
                "multiple of 90, so convert it to an upright video"
            )
        return found

    def _next(self, demuxed: Iterator[Any]) -> Any:
        """The next packet; None at the end, also where the rest cannot be read."""
        try:
            return next(demuxed, None)
        except self._av.error.FFmpegError:
            return None


def _groups_to_decode(stored: Sequence[StoredFrame], ticks: Container[int | None]) -> set[int]:
    """Numbers of the groups, each from one key frame to the next, that are needed for frames.

    A frame that is stored after a key frame and shown before it may need the group before too.
    """
    needed: set[int] = set()
    group, key = -1, 0
    for frame in stored:
        if frame.is_key or group < 0:
            group, key = group + 1, frame.tick or 0
        if frame.tick is not None and frame.tick in ticks:
            needed |= {group, max(0, group - 1)} if frame.tick < key else {group}
    return needed


def _tagged_length(tags: dict[str, str]) -> float | None:
    """Seconds that Matroska's tag of a stream tells of, such as 00:00:04.800000000."""
    for name, text in tags.items():
        found = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", text.strip())
        if found and name.upper().split("-")[0] == "DURATION":
            hours, minutes, seconds = map(float, found.groups())
            return 3600 * hours + 60 * minutes + seconds
    return None
