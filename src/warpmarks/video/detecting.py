"""Points on every frame of a video, one frame after the other."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from warpmarks.arguments import expect_path, expect_whole
from warpmarks.detectors.base import ImageDetector
from warpmarks.system.prefetch import ahead
from warpmarks.system.progress import Progress, SilentProgress
from warpmarks.video.decoding import VideoFrame
from warpmarks.video.reading import Video
from warpmarks.video.smoothing import Smoother

_MEMORY = 200_000_000  # bytes of decoded frames in a batch, at most


@dataclass(frozen=True, eq=False)
class FramePoints:
    """One frame of a video and its points, in stored pixels of the upright frame.

    Attributes:
        index: number of the frame, from 0; broken frames are counted.
        time: in seconds from the beginning of the file.
        points: that the detector finds; None where the frame cannot be decoded.
        scores: of the points, from 0 to 1.
        smoothed: the points after smoothing; None where that was not asked for.
        reason: why the frame cannot be decoded.
        image: the frame; None unless images were asked for.
        tick: its time in the video's time base.
    """

    index: int
    time: float
    points: Float[np.ndarray, "points 2"] | None
    scores: Float[np.ndarray, " points"] | None = None
    smoothed: Float[np.ndarray, "points 2"] | None = None
    reason: str | None = None
    image: UInt8[np.ndarray, "height width 3"] | None = None
    tick: int | None = None


def detect_video(
    detector: ImageDetector,
    video: str | Path | Video,
    *,
    smooth: int | None = None,
    images: bool = False,
    batch_size: int = 32,
    progress: Progress | None = None,
) -> Iterator[FramePoints]:
    """The points of every frame, in order; frames that cannot be decoded come without.

    >>> detector = Detector.load("run")                             # doctest: +SKIP
    >>> for frame in detect_video(detector, "clip.mp4", smooth=7):  # doctest: +SKIP
    ...     print(frame.time, frame.points[0], frame.smoothed[0])

    Args:
        detector: of a run, or of annotated points (`warpmarks.detectors.point_detector`).
        video: a file.
        smooth: number of frames, odd, that points are smoothed over (see
            `warpmarks.video.smoothing`); not at all if None.
        images: give the decoded frames as well.
        batch_size: frames that the network sees at a time; fewer where they are large.
        progress: told of the frames.

    Raises:
        InputError: the file is no video, or the smoothing or the size of batches cannot be.
    """
    expect_whole(batch_size, "batch_size")
    if not isinstance(video, Video):
        video = Video(expect_path(video, "video", "the path of a video"))
    smoother = None if smooth is None else Smoother(smooth, float(1 / video.rate))
    return _detected(detector, video, smoother, images, batch_size, progress or SilentProgress())


def _detected(
    detector: ImageDetector,
    video: Video,
    smoother: Smoother | None,
    images: bool,
    batch_size: int,
    progress: Progress,
) -> Iterator[FramePoints]:
    progress.start(f"Detecting in {video.path.name}", video.count)
    found = _raw(detector, video, images, batch_size)
    if smoother is None:
        smoothed = found
    else:
        smoothed = (replace(frame, smoothed=points) for frame, points in smoother(found))
    for frame in smoothed:
        yield frame
        progress.advance()
    progress.finish()


def _raw(
    detector: ImageDetector,
    video: Video,
    images: bool,
    batch_size: int,
) -> Iterator[FramePoints]:
    for batch in _batches(video, batch_size):
        decoded = [frame.image for frame in batch if frame.image is not None]
        found = detector(decoded) if decoded else None
        position = 0
        for frame in batch:
            points = scores = None
            if frame.image is not None:
                assert found is not None
                points, scores = found.landmarks[position], found.scores[position]
                position += 1
            yield FramePoints(
                index=frame.index,
                time=frame.time,
                points=points,
                scores=scores,
                reason=frame.reason,
                image=frame.image if images else None,
                tick=frame.tick,
            )


def _batches(video: Video, batch_size: int) -> Iterator[list[VideoFrame]]:
    """Frames in batches, decoded ahead; their size by that of the first frame that is whole."""
    frames = ahead(video, 4)
    first = list(islice(frames, 1))
    while first and first[-1].image is None and len(first) < batch_size:
        first += islice(frames, 1)
    if first and (image := first[-1].image) is not None:
        batch_size = max(1, min(batch_size, _MEMORY // image.nbytes))
    batch = first
    while batch:
        yield batch
        batch = list(islice(frames, batch_size))
