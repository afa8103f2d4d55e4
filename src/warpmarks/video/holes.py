"""Where a damaged Matroska file was passed over: bytes that belong to no packet.

Its packets stand close together, with a few bytes of names and lengths between them. The demuxer
skips what it cannot read in silence; a camera that drops a frame leaves no bytes at all.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from operator import itemgetter
from typing import BinaryIO

from warpmarks.video.reading import Video

_BETWEEN = 32  # bytes, at most, of names and lengths between two packets
_BETWEEN_GROUPS = 64  # the same where a group of packets begins
_USUAL = 0.5  # of the frames; more holes than that are something else
_PIECE = 2**20  # bytes that are read at once
_REORDERED = 8  # frames that are stored earlier or later than they are shown, at most
_CLUSTER = bytes.fromhex("1f43b675")  # begins each group of packets
_NO_FRAMES = [  # begin parts of a file that hold no packets: index, tags and their like
    bytes.fromhex(name)
    for name in ("1c53bb6b", "1254c367", "114d9b74", "1043a770", "1941a469", "1549a966", "1654ae6b")
]


@dataclass(frozen=True)
class Holes:
    """Seconds from the beginning of the file around what was passed over.

    Attributes:
        between: from and to, of each hole that has frames before and after it, or of several that
            overlap; wide enough for frames that are stored in another order than they are shown.
            In the order of time.
        before: whether there is one before the first packet.
        after: whether there is one after the last frame.
    """

    between: tuple[tuple[float, float], ...] = ()
    before: bool = False
    after: bool = False

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.between or self.before or self.after)

    def touch(self, first: float, last: float) -> bool:
        """Whether frames may have been lost between two times for one of them."""
        index = bisect_left(self.between, last, key=itemgetter(0))
        return bool(index and first < self.between[index - 1][1])


def holes(video: Video) -> Holes:
    """Those of a file, read once more without decoding; none of a container other than Matroska."""
    if not video.packed:
        return Holes()
    times, at = array("d"), []
    place = end = -1
    before = False
    with video.path.open("rb") as file:
        for packet in video.packets():
            if packet.place is None:
                return Holes()
            if end < 0:
                before = not _begins_well(file, packet.place)
            elif packet.place - end > _BETWEEN and not _is_whole(file, end, packet.place):
                at.append(len(times))
            # Packets of one block have one place.
            end = (end if packet.place == place else packet.place) + packet.size
            place = packet.place
            if packet.time is not None:
                times.append(packet.time)
        if end >= 0 and not _ends_well(file, end):
            at.append(len(times))
    if len(at) > _USUAL * len(times):  # it is the way of this file
        return Holes()
    windows = (times[max(0, one - _REORDERED) : one + _REORDERED] for one in at if one < len(times))
    between = apart((min(window), max(window)) for window in windows)
    return Holes(between, before, bool(at) and at[-1] == len(times))


def apart(spans: Iterable[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Stretches of time in order, those that overlap as one."""
    merged: list[tuple[float, float]] = []
    for begin, end in sorted(spans):
        if merged and begin < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return tuple(merged)


def _begins_well(file: BinaryIO, first: int) -> bool:
    """Whether the first packet stands at the beginning of the first group."""
    file.seek(0)
    for begin in range(0, first, _PIECE):  # attachments may be large
        piece = file.read(min(_PIECE, first - begin) + len(_CLUSTER) - 1)
        if (found := piece.find(_CLUSTER)) >= 0:
            return first - begin - found <= _BETWEEN_GROUPS
        file.seek(begin + _PIECE)
    return False


def _is_whole(file: BinaryIO, end: int, place: int) -> bool:
    """Whether more bytes than usual between two packets are none of lost ones."""
    file.seek(end)
    near = file.read(_BETWEEN_GROUPS)
    begins = _CLUSTER in near and place - end <= _BETWEEN_GROUPS
    return begins or any(name in near for name in _NO_FRAMES)


def _ends_well(file: BinaryIO, place: int) -> bool:
    """Whether nothing but an index and its like follows."""
    file.seek(place)
    near = file.read(_BETWEEN_GROUPS)
    # What is left may be the rest of the last block: its length, padding.
    return len(near) <= _BETWEEN or any(name in near for name in _NO_FRAMES)
