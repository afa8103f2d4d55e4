"""The frames of a video one after the other, upright, in RGB; broken ones in their place."""

from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import UInt8

from warpmarks.video.library import words_of

if TYPE_CHECKING:
    from warpmarks.video.reading import Video

_KEYLESS = "the frames that it builds on cannot be decoded"


@dataclass(frozen=True, eq=False)
class VideoFrame:
    """One frame.

    Attributes:
        index: its number, from 0.
        time: in seconds from the beginning of the file.
        tick: the same in the video's time base; None where the file has no times.
        image: upright, in stored pixels; None where it cannot be decoded.
        reason: why it cannot be, in a few words.
    """

    index: int
    time: float
    tick: int | None
    image: UInt8[np.ndarray, "height width 3"] | None
    reason: str | None = None


class Walk:
    """One pass through the file."""

    def __init__(self, video: "Video", container: Any, stream: Any) -> None:
        self.video, self.container, self.stream = video, container, stream
        # Decoding several frames side by side would tell of an error with a later frame.
        stream.thread_type = "SLICE"
        self.errors = video._av.error.FFmpegError
        self.index = 0
        self.trouble = ""
        self.pending: set[int] = set()  # sent to the decoder, and not yet shown
        self.failed: set[int] = set()  # of these, refused by it
        self.keyless = False  # what the next frames build on is gone

    def frames(self) -> Iterator[VideoFrame]:
        """All frames, in the order in which they are shown."""
        demuxed, packets = self.container.demux(self.stream), 0
        while True:
            try:
                packet = next(demuxed, None)
            except self.errors as error:
                self.trouble, packet = words_of(error), None
            if packet is None:
                break
            packets += packet.size > 0
            yield from self.send(packet)
        if self.trouble:
            yield from self._lost(None)
        if packets < self.video.announced:
            yield self._broken(
                None,
                f"the file ends here, where its head announces {self.video.announced} frames",
            )

    def send(
        self, packet: Any, converted: Container[int | None] | None = None
    ) -> Iterator[VideoFrame]:
        """What can be shown after a packet; after the empty one at the end, all that is left.

        Args:
            packet: in stored order; None in place of the empty one.
            converted: ticks of the frames that come with an image; all if None.
        """
        full = packet is not None and packet.size > 0
        sent = full and not packet.is_discard
        if sent and packet.pts is not None:
            self.pending.add(packet.pts)
        try:
            decoded = self.stream.codec_context.decode(packet if full else None)
        except self.errors as error:
            self.trouble = words_of(error)
            if sent and packet.pts is not None:
                self.failed.add(packet.pts)
            elif sent:
                yield self._broken(None, self.trouble)
            return
        for frame in decoded:
            if self.trouble:
                yield from self._lost(frame.pts)
            if frame.pts is None:
                self.pending.clear()
            else:
                self.pending = {tick for tick in self.pending if tick > frame.pts}
            self.keyless = self.keyless and not frame.key_frame
            if frame.is_corrupt or self.keyless:
                yield self._broken(frame.pts, _KEYLESS if self.keyless else "its data are damaged")
                continue
            image = None
            if converted is None or frame.pts in converted:
                image = self.video.orientation.upright(frame.to_ndarray(format="rgb24"))
            yield VideoFrame(self.index, self._time(frame.pts), frame.pts, image)
            self.index += 1

    def _lost(self, before: int | None) -> Iterator[VideoFrame]:
        """Frames that were sent and should have been shown by now.

        The decoder refuses a frame whose data are damaged; others it leaves out in silence, because
        what they build on is gone, and then shows guesses until the next key frame.
        """
        lost = sorted(tick for tick in self.pending if before is None or tick < before)
        for tick in lost:
            refused = tick in self.failed
            self.keyless = self.keyless or not refused
            yield self._broken(tick, self.trouble if refused else _KEYLESS)
        self.pending.difference_update(lost)
        self.failed.difference_update(lost)

    def _broken(self, tick: int | None, reason: str) -> VideoFrame:
        broken = VideoFrame(self.index, self._time(tick), tick, None, reason)
        self.index += 1
        return broken

    def _time(self, tick: int | None) -> float:
        if tick is None:
            return float(self.index / self.video.rate)
        return self.video.seconds(tick)
