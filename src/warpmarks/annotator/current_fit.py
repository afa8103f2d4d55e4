"""The fit on what is labelled and what it says of all images, kept until either changes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from warpmarks.annotator.annotations import Annotations, Scheme, accepted, places
from warpmarks.annotator.doubt import doubts
from warpmarks.annotator.locating import Locations
from warpmarks.annotator.predicting import Fitted, fit_placed
from warpmarks.annotator.project_images import ProjectImages
from warpmarks.detectors.detector import Detection, Detector
from warpmarks.evaluation.fit_on_images import takes_mirrored
from warpmarks.evaluation.mirrored_images import mirrored_examples
from warpmarks.regression.examples import Examples
from warpmarks.regression.repeated import count_pictures, first_alike

MIRRORED_WORK = 1700
"""Labelled pictures times their points, of which each group that is placed on images of its own
counts for two more: with more a fit on the mirror too would keep the page waiting at each click."""


@dataclass(frozen=True)
class Predicted:
    """What a fit says of all images; nan where landmarks are not known or a point is not placed.

    Attributes:
        points: in pixels.
        scores: of the landmarks that a point is predicted from, in [0, 1].
        doubt: of each image, in [0, 1], see `warpmarks.annotator.doubt`.
    """

    points: Float[np.ndarray, "images points 2"]
    scores: Float[np.ndarray, "images points"]
    doubt: Float[np.ndarray, " images"]


class _State(NamedTuple):
    """Of the annotations, and of how many images are looked at, plain and in the mirror."""

    version: int
    located: int
    mirrored: int


@dataclass(frozen=True)
class Known:
    """What follows from one state of the annotations and landmarks."""

    state: _State
    located: Int[np.ndarray, " located"]
    examples: Examples
    fitted: Fitted | None
    predicted: Predicted | None


class CurrentFit:
    """What was fitted last; who uses it sees to it that nobody else does meanwhile.

    Args:
        images: of the project.
        locations: landmarks of those that were looked at.
        detector: that finds them.
    """

    def __init__(self, images: ProjectImages, locations: Locations, detector: Detector) -> None:
        self.images, self.locations, self.detector = images, locations, detector
        self._latest: Known | None = None

    def after(
        self, version: int, annotations: Annotations, labelled: Callable[[], Sequence[int]]
    ) -> Known:
        """Fitted anew where annotations or landmarks have changed.

        Args:
            version: of the project.
            annotations: of its images as they are.
            labelled: gives the images with points, in the order in which they were first labelled.
        """
        located = np.flatnonzero(self.locations.located)
        mirrored = self.locations.mirrored.copy()
        state = _State(version, len(located), len(mirrored))
        before, scheme = self._latest, annotations.scheme
        if before is not None and before.state == state:
            return before
        known = set(located.tolist())
        rows = [index for index in labelled() if index in known]
        names = tuple(self.images.names[row] for row in rows)
        if (
            before is not None
            and before.state._replace(located=state.located) == state
            and before.examples.names == names
        ):  # only images without labels have been looked at since
            examples, fitted = before.examples, before.fitted
        else:
            examples = self._examples(names, rows, annotations)
            fitted = fit_placed(
                examples,
                self.detector.digest,
                mirrored=self._in_mirror(examples, [mirrored.get(row) for row in rows], scheme),
                pairs=scheme.mirror,
            )
        predicted = None
        if fitted is not None:
            predicted = self._predict_all(fitted, examples, located)
        self._latest = Known(state, located, examples, fitted, predicted)
        return self._latest

    def _in_mirror(
        self, examples: Examples, found: Sequence[Detection | None], scheme: Scheme
    ) -> Examples | None:
        """The labelled images in the mirror, where a fit is better for them.

        No point is annotated on those whose mirror images have not been looked at, under any name.
        """
        alike = first_alike(examples).tolist()
        seen_as = {alike[row]: one for row, one in enumerate(found) if one is not None}
        known = {row: seen_as[first] for row, first in enumerate(alike) if first in seen_as}
        pictures = count_pictures(examples)
        if not known or not takes_mirrored(self.detector, "auto", pictures):
            return None
        placed = np.isfinite(examples.annotations[..., 0]).any(axis=0)
        if not scheme.mirror and not placed.all():
            return None  # the partner of a point may be the one that is placed nowhere yet
        groups = len(np.unique(np.isfinite(examples.annotations[..., 0]), axis=1).T)
        work = pictures * (scheme.count + 2 * groups)
        if work > MIRRORED_WORK:
            return None
        rows = np.array(list(known))
        names = tuple(examples.names[row] for row in rows)
        seen = mirrored_examples(names, examples.annotations[rows], list(known.values()))
        landmarks = examples.landmarks.copy()
        landmarks[rows] = seen.landmarks
        annotations = np.full(examples.annotations.shape, np.nan)
        annotations[rows] = seen.annotations
        return replace(examples, landmarks=landmarks, annotations=annotations)

    def _predict_all(
        self, fitted: Fitted, examples: Examples, located: Int[np.ndarray, " located"]
    ) -> Predicted:
        count, points = len(self.images), examples.annotations.shape[1]
        landmarks, scores = self.locations.landmarks[located], self.locations.scores[located]
        sizes = self.images.sizes[located]
        predicted = Predicted(
            np.full((count, points, 2), np.nan),
            np.full((count, points), np.nan),
            np.full(count, np.nan),
        )
        predicted.points[located] = fitted.predict(landmarks, sizes)
        predicted.scores[located] = fitted.confidences(scores)
        predicted.doubt[located] = doubts(landmarks, examples.landmarks)
        return predicted

    def _examples(
        self, names: tuple[str, ...], rows: Sequence[int], annotations: Annotations
    ) -> Examples:
        labels = [annotations.of(name) for name in names]
        marks = np.zeros((len(rows), annotations.scheme.count), dtype=bool)
        for row, of_image in enumerate(labels):
            marks[row, accepted(of_image)] = True
        chosen = np.array(rows, dtype=int)
        return Examples(
            names,
            self.locations.landmarks[chosen],
            self.locations.scores[chosen],
            np.array([places(each) for each in labels]).reshape(*marks.shape, 2),
            self.images.sizes[chosen],
            accepted=marks,
            pictures=tuple(self.locations.picture(row) for row in rows),
        )
