"""Which frames of a video to learn from: evenly, or those that differ most."""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from jaxtyping import Float
from PIL import Image

from warpmarks.video.reading import StoredFrame, Video

CANDIDATES = 10  # frames looked at for each that is chosen by difference
_SIDE = 24  # of the small pictures that are compared


class FrameChoice(StrEnum):
    """How frames are chosen."""

    EVEN = "even"
    DIFFERENCE = "difference"


def choose_frames(
    video: Video, stored: Sequence[StoredFrame], count: int, choice: FrameChoice
) -> list[int]:
    """Numbers of at most ``count`` frames, rising.

    *even*: from the middle of as many equal stretches. *difference*: of ten times as many spread
    evenly, first the one nearest to their mean, then again and again the one least like all that
    are chosen (k-center of Gonzalez), compared as pictures of 24 x 24; long stretches in which
    nothing happens give few.
    """
    if choice is FrameChoice.EVEN or len(stored) <= count:
        return evenly(len(stored), count)
    numbers, small = [], []
    for frame in video.only(set(evenly(len(stored), CANDIDATES * count)), stored):
        assert frame.image is not None
        numbers.append(frame.index)
        small.append(_small(frame.image))
    return sorted(numbers[index] for index in most_different(small, count))


def evenly(total: int, count: int) -> list[int]:
    """``count`` numbers below ``total``, from the middle of equal stretches; all if more."""
    if total <= count:
        return list(range(total))
    return [int((index + 0.5) * total / count) for index in range(count)]


def most_different(vectors: Sequence[Float[np.ndarray, " values"]], count: int) -> list[int]:
    """Pictures of which each is the farthest from all before it, beginning with the most usual.

    Fewer than ``count`` where all others are equal to one of them.
    """
    if not vectors:
        return []
    pictures = np.stack(vectors)
    chosen = [int(np.argmin(((pictures - pictures.mean(axis=0)) ** 2).sum(axis=1)))]
    nearest = np.full(len(pictures), np.inf)
    while True:
        nearest = np.minimum(nearest, ((pictures - pictures[chosen[-1]]) ** 2).sum(axis=1))
        farthest = int(np.argmax(nearest))
        if len(chosen) == count or nearest[farthest] == 0:
            return chosen
        chosen.append(farthest)


def _small(image: np.ndarray) -> np.ndarray:
    reduced = Image.fromarray(image).resize(
        (_SIDE, _SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0
    )
    return np.asarray(reduced, dtype=np.float32).ravel() / 255
