"""What a regression is fitted and scored on: landmarks and annotated points of images."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float

from warpmarks.metrics.errors import checked_lengths
from warpmarks.points import Normaliser


@dataclass(frozen=True, eq=False)
class Examples:
    """Landmarks and annotations of n images, in pixels of the original images.

    Attributes:
        names: of the images.
        landmarks: discovered.
        scores: of the landmarks, in [0, 1].
        annotations: nan where a point is not annotated.
        sizes: width and height of each image.
        lines: of the table of the annotations, for messages: where each image is; none where they
            are from elsewhere.
        pictures: what tells the images' pictures apart, one text for each image; none where nobody
            has compared them.
        accepted: points that were accepted as a map suggested them: they are fitted on, but say
            nothing of its error; None where there are none.
    """

    names: tuple[str, ...] = field(repr=False)
    landmarks: Float[np.ndarray, "images landmarks 2"]
    scores: Float[np.ndarray, "images landmarks"]
    annotations: Float[np.ndarray, "images points 2"]
    sizes: Float[np.ndarray, "images 2"]
    lines: tuple[int, ...] = field(default=(), kw_only=True, repr=False)
    pictures: tuple[str, ...] = field(default=(), kw_only=True, repr=False)
    accepted: Bool[np.ndarray, "images points"] | None = field(default=None, kw_only=True)

    def __len__(self) -> int:
        """Number of images."""
        return len(self.names)

    @property
    def by_hand(self) -> Bool[np.ndarray, "images points"]:
        """Where a point is annotated and was not accepted as suggested."""
        placed = np.isfinite(self.annotations).all(axis=-1)
        return placed if self.accepted is None else placed & ~self.accepted

    @property
    def measured(self) -> Bool[np.ndarray, "images points"]:
        """Where a left-out error says something: by hand, here and on another image.

        Points that were accepted follow from those that were placed by hand: where that is one,
        leaving it out would leave all that it has said.
        """
        return self.by_hand & (self.by_hand.sum(axis=0) > 1)

    def lengths(
        self,
        normaliser: Normaliser,
        *,
        source: str,
        scored: Float[np.ndarray, "images points 2"] | None = None,
    ) -> Float[np.ndarray, " images"]:
        """What errors are divided by, see `checked_lengths`.

        Args:
            normaliser: of the annotations.
            source: where they are from, for the message.
            scored: those that errors are measured on; all if not given.

        Raises:
            InputError: a length is zero; or no image has both a length and a point.
        """
        return checked_lengths(
            normaliser.lengths(self.annotations, self.sizes),
            self.annotations if scored is None else scored,
            self.names,
            normaliser=normaliser.text,
            source=source,
            lines=self.lines,
        )

    def subset(self, indices: np.ndarray) -> "Examples":
        """The images at ``indices``, in that order."""
        return Examples(
            tuple(self.names[index] for index in indices),
            self.landmarks[indices],
            self.scores[indices],
            self.annotations[indices],
            self.sizes[indices],
            lines=tuple(self.lines[index] for index in indices) if self.lines else (),
            pictures=tuple(self.pictures[index] for index in indices) if self.pictures else (),
            accepted=None if self.accepted is None else self.accepted[indices],
        )
