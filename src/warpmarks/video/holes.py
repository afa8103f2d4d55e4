"""Where a damaged Matroska file was passed over: bytes that belong to no packet.

Its packets stand close together, with a few bytes of names and lengths between them. The demuxer
skips what it cannot read in silence; a camera that drops a frame leaves no bytes at all.
"""

from array import array
from dataclasses import dataclass
from typing import BinaryIO

from warpmarks.video.reading import Video

_BETWEEN = 32  # bytes, at most, of names and lengths between two packets
_BETWEEN_GROUPS = 64  # the same where a group of packets begins
_USUAL = 0.5  # of the frames; more holes than that are something else
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
        between: from and to, of each hole that has frames before and after it; wide enough for
            frames that are stored in another order than they are shown.
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
        return any(begin < last and first < end for begin, end in self.between)


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
    windows = [times[max(0, one - _REORDERED) : one + _REORDERED] for one in at if one < len(times)]
    between = tuple((min(window), max(window)) for window in windows)
    return Holes(between, before, len(times) in at)


def _begins_well(file: BinaryIO, first: int) -> bool:
    """Whether the first packet stands at the beginning of the first group."""
    file.seek(0)
    head = file.read(first)
    return _CLUSTER in head and first - head.find(_CLUSTER) <= _BETWEEN_GROUPS


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
