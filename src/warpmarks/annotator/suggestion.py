"""Which image to label next, and why."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from warpmarks.annotator.doubt import distances
from warpmarks.centred import pixels_to_centred
from warpmarks.wording import counted

MOST_CANDIDATES, MOST_OTHERS = 1500, 3000
"""Images, at most, that are weighed against each other: 18 MB of distances."""


@dataclass(frozen=True)
class Suggestion:
    """An image by number, or none where there is nothing left, and the reason in words."""

    index: int | None
    reason: str


class Suggester:
    """Suggests the image that stands for the most others that no labelled image is like.

    Images are as far apart as their landmarks are in the frame of the regression (centred
    coordinates). The suggestion is the image that lowers the sum of all images' distances to their
    nearest labelled one the most: a greedy k-medians design. docs/annotation_projects.md has what
    this and other rules bring.

    Args:
        landmarks: of all images, in pixels; nan where they are not known.
        sizes: of the images.
    """

    def __init__(
        self,
        landmarks: Float[np.ndarray, "images landmarks 2"],
        sizes: Float[np.ndarray, "images 2"],
    ) -> None:
        known = np.flatnonzero(np.isfinite(landmarks).all(axis=(1, 2)))
        generator = np.random.default_rng(0)
        self.known = known
        self._row = {int(index): row for row, index in enumerate(known)}
        centred = pixels_to_centred(landmarks[known], sizes[known])
        self._features = centred.reshape(len(known), 2 * landmarks.shape[1]).astype(np.float32)
        self._others = _some(len(known), MOST_OTHERS, generator)
        self._candidates = _some(len(known), MOST_CANDIDATES, generator)
        self._distances = distances(self._features[self._others], self._features[self._candidates])

    def suggest(
        self,
        begun: Bool[np.ndarray, " images"],
        skip: Collection[int],
        incomplete: Sequence[int] = (),
    ) -> Suggestion:
        """The next image.

        Args:
            begun: which images have points, or need none.
            skip: images that the person does not want now.
            incomplete: those of them that lack some points.
        """
        if begun.all():
            return _to_complete(incomplete, skip)
        candidates = self.known[self._candidates]
        free = ~begun[candidates] & ~np.isin(candidates, list(skip))
        open_to = np.flatnonzero(free)
        if not len(open_to):
            rest = [index for index in np.flatnonzero(~begun) if int(index) not in skip]
            if not rest:
                return Suggestion(None, "Every image that is left was set aside.")
            return Suggestion(int(rest[0]), "It is the next one without points.")
        there = [
            self._row[int(index)] for index in np.flatnonzero(begun) if int(index) in self._row
        ]
        nearest = self.nearest(there)
        gains = np.maximum(nearest[:, None] - self._distances[:, open_to], 0).sum(axis=0)
        best = int(np.argmax(gains))
        index = int(self.known[self._candidates[open_to[best]]])
        if not there:
            return Suggestion(index, "It looks most like all the others: a good one to begin with.")
        closer = (self._distances[:, open_to[best]] < nearest).mean()
        share = f"{100 * closer:.0f} %" if closer >= 0.01 else "few"
        return Suggestion(
            index,
            f"It stands for {share} of the images, which are more like it than like any that is "
            "labelled.",
        )

    def nearest(self, labelled_rows: list[int]) -> Float[np.ndarray, " others"]:
        """Distance of each of the others to its nearest labelled image."""
        if not labelled_rows:
            return np.full(len(self._others), self._distances.max(initial=0.0))
        between = distances(self._features[self._others], self._features[labelled_rows])
        return between.min(axis=1)


def _to_complete(incomplete: Sequence[int], skip: Collection[int]) -> Suggestion:
    """What to do once every image has points."""
    if not incomplete:
        return Suggestion(None, "Every image is labelled: look through the gallery, then export.")
    rest = [index for index in incomplete if index not in skip]
    if rest:
        return Suggestion(rest[0], "Some of its points are still to be placed.")
    lack = "lacks" if len(incomplete) == 1 else "lack"
    images = counted(len(incomplete), "image")
    return Suggestion(None, f"{images} still {lack} points, and no others do.")


def _some(count: int, most: int, generator: np.random.Generator) -> np.ndarray:
    if count <= most:
        return np.arange(count)
    return np.sort(generator.choice(count, most, replace=False))
