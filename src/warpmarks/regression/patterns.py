"""Points grouped by the images that show them: each group is one regression of many targets."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True, eq=False)
class Pattern:
    """Points that are annotated on just the same images.

    Attributes:
        points: their indices.
        images: indices of those images.
        targets: x and y of each of the points on each of the images.
    """

    points: Int[np.ndarray, " points"]
    images: Int[np.ndarray, " images"]
    targets: Float[np.ndarray, "images coordinates"]

    def put(
        self,
        into: Float[np.ndarray, "all_images all_points 2"],
        values: Float[np.ndarray, "images coordinates"],
    ) -> None:
        """Write values of the targets to their places."""
        into[np.ix_(self.images, self.points)] = values.reshape(
            len(self.images), len(self.points), 2
        )


def patterns_of(annotations: Float[np.ndarray, "images points 2"]) -> list[Pattern]:
    """The patterns of all points; one, where nothing is missing."""
    shown = np.isfinite(annotations).all(axis=-1)
    if shown.all():
        count, points = annotations.shape[:2]
        return [Pattern(np.arange(points), np.arange(count), annotations.reshape(count, -1))]
    by_images: dict[bytes, list[int]] = {}
    for point, column in enumerate(shown.T):
        by_images.setdefault(column.tobytes(), []).append(point)
    patterns = []
    for points_of_it in by_images.values():
        points_array = np.array(points_of_it)
        images = np.flatnonzero(shown[:, points_array[0]])
        targets = annotations[np.ix_(images, points_array)].reshape(len(images), -1)
        patterns.append(Pattern(points_array, images, targets))
    return patterns
