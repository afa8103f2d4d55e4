"""Which image to label next, and why."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from warpmarks.annotator.shapes import align

MOST_CANDIDATES, MOST_OTHERS = 1500, 3000
"""Images, at most, that are weighed against each other: 18 MB of distances."""


@dataclass(frozen=True)
class Suggestion:
    """An image by number, or none where there is nothing left, and the reason in words."""

    index: int | None
    reason: str


class Suggester:
    """Suggests the image that stands for the most others that no labelled image is like.

    Images are as far apart as their landmark configurations are, apart from place, size and turn.
    The suggestion is the image that lowers the sum of all images' distances to their nearest
    labelled one the most: a greedy k-medians design, in which images whose landmarks are sure count
    more. docs/annotating.md has what this and other rules bring.

    Args:
        landmarks: of all images; nan where they are not known.
        scores: of the landmarks, in [0, 1].
    """

    def __init__(
        self,
        landmarks: Float[np.ndarray, "images landmarks 2"],
        scores: Float[np.ndarray, "images landmarks"],
    ) -> None:
        known = np.flatnonzero(np.isfinite(landmarks).all(axis=(1, 2)))
        generator = np.random.default_rng(0)
        self.known = known
        self._row = {int(index): row for row, index in enumerate(known)}
        self._features = configurations(landmarks[known])
        self._others = _some(len(known), MOST_OTHERS, generator)
        self._candidates = _some(len(known), MOST_CANDIDATES, generator)
        self._distances = _distances(self._features[self._others], self._features[self._candidates])
        self._weights = scores[known][self._others].mean(axis=1).astype(np.float32)

    def suggest(self, labelled: Bool[np.ndarray, " images"], skip: Collection[int]) -> Suggestion:
        """The next image.

        Args:
            labelled: which images have points, or need none.
            skip: images that the person does not want now.
        """
        if labelled.all():
            return Suggestion(None, "Every image is labelled.")
        open_to = [
            column
            for column, candidate in enumerate(self.known[self._candidates])
            if not labelled[candidate] and int(candidate) not in skip
        ]
        if not open_to:
            rest = [index for index in np.flatnonzero(~labelled) if int(index) not in skip]
            if not rest:
                return Suggestion(None, "Every image that is left was set aside.")
            return Suggestion(int(rest[0]), "It is the next one without points.")
        there = [
            self._row[int(index)] for index in np.flatnonzero(labelled) if int(index) in self._row
        ]
        nearest = self.nearest(there)
        gains = self._weights @ np.maximum(nearest[:, None] - self._distances[:, open_to], 0)
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
        between = _distances(self._features[self._others], self._features[labelled_rows])
        return between.min(axis=1)


def configurations(
    landmarks: Float[np.ndarray, "images landmarks 2"],
) -> Float[np.ndarray, "images coordinates"]:
    """The landmarks of each image apart from place, size and turn, as one row."""
    shapes = align(landmarks).shapes
    return shapes.reshape(len(shapes), 2 * landmarks.shape[1]).astype(np.float32)


def _some(count: int, most: int, generator: np.random.Generator) -> np.ndarray:
    if count <= most:
        return np.arange(count)
    return np.sort(generator.choice(count, most, replace=False))


def _distances(
    first: Float[np.ndarray, "first features"], second: Float[np.ndarray, "second features"]
) -> Float[np.ndarray, "first second"]:
    squares = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1)[None]
    return np.sqrt(np.maximum(squares - 2 * first @ second.T, 0))
