"""A run and a regressor together: images in, annotated points out."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from warpmarks.datasets.image_set import ImageSet
from warpmarks.detector import Detection, Detector, NamedDetection, Source
from warpmarks.progress import Progress
from warpmarks.regression.regressor import Regressor
from warpmarks.regression.storage import load_regressor, regressor_path


class PointDetector:
    """Finds the points that a person has annotated on a few images, on any image.

    >>> eyes = PointDetector.load("run", "eyes")            # doctest: +SKIP
    >>> eyes("cat.jpg").landmarks                           # (N, 2) pixels   # doctest: +SKIP

    Args:
        detector: finds the landmarks.
        regressor: that was fitted to them.
        name: of the regressor, for messages.

    Raises:
        InputError: the regressor belongs to another detector.
    """

    def __init__(
        self, detector: Detector, regressor: Regressor, *, name: str = "that was given"
    ) -> None:
        regressor.check_detector(detector.digest, name=name)
        self.detector, self.regressor = detector, regressor

    @classmethod
    def load(
        cls, run: str | Path, regressor: str | Path, *, device: str | torch.device = "auto"
    ) -> "PointDetector":
        """Of a run folder and the regressor of that name in it, or at that path.

        Raises:
            InputError: one of them is not there or is damaged, or they do not belong together.
        """
        detector = Detector.load(run, device=device)
        saved = load_regressor(regressor_path(regressor, run))
        return cls(detector, saved, name=str(regressor))

    @property
    def names(self) -> tuple[str, ...]:
        """Of the N points."""
        return self.regressor.scheme.names

    def __call__(self, images: Source | Sequence[Source]) -> Detection:
        """Points of an image, or of a list or array of them, see `Detector.__call__`.

        The detection's ``landmarks`` are the N points. The score of a point is the mean of those of
        its landmarks, each by its share in the point: low where the landmarks that decide it are
        hidden or were not found.
        """
        return self.points_of(self.detector(images))

    def detect_images(
        self,
        images: ImageSet,
        *,
        batch_size: int = 32,
        workers: int = 2,
        allow_unreadable: bool = False,
        progress: Progress | None = None,
    ) -> Iterator[NamedDetection]:
        """Points of every image of a set, see `Detector.detect_images`."""
        for found in self.detector.detect_images(
            images,
            batch_size=batch_size,
            workers=workers,
            allow_unreadable=allow_unreadable,
            progress=progress,
        ):
            if found.detection is None:
                yield found
            else:
                yield replace(found, detection=self.points_of(found.detection))

    def points_of(self, found: Detection) -> Detection:
        """The points that follow from landmarks of this detector."""
        single = found.landmarks.ndim == 2
        landmarks = found.landmarks[None] if single else found.landmarks
        points = self.regressor.predict(landmarks, np.atleast_2d(found.size))
        scores = found.scores @ self.regressor.influences().T
        return Detection(points[0] if single else points, scores, found.size)
