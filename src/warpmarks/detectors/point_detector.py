"""A run and a regressor together: images in, annotated points out."""

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from warpmarks.arguments import expect
from warpmarks.datasets.reading import ImageLike
from warpmarks.detectors.base import Detection, ImageDetector, ReadImage
from warpmarks.detectors.exported import ExportedDetector
from warpmarks.errors import InputError
from warpmarks.regression.regressor import Regressor, expect_regressor
from warpmarks.regression.storage import load_regressor, regressor_path


class PointDetector(ImageDetector):
    """Finds the points that a person has annotated on a few images, on any image.

    A detection's ``landmarks`` are the N points, its ``scores`` theirs, see
    `Regressor.point_scores`.

    >>> eyes = PointDetector.load("run", "eyes")            # doctest: +SKIP
    >>> eyes("cat.jpg").landmarks                           # (N, 2) pixels   # doctest: +SKIP

    Args:
        detector: finds the landmarks; of a run, or exported.
        regressor: that was fitted to them.
        name: of the regressor, for messages.

    Raises:
        InputError: the regressor belongs to another detector, or is missing from an exported file.
    """

    def __init__(
        self, detector: ImageDetector, regressor: Regressor | None, *, name: str = "that was given"
    ) -> None:
        expect(detector, ImageDetector, "detector", "what Detector.load(run) gives")
        if regressor is None:
            raise InputError(
                "this file has no regressor: export it with --regressor NAME"
                if isinstance(detector, ExportedDetector)
                else "regressor is None: expected what load_regressor(path) gives"
            )
        regressor = expect_regressor(regressor)
        super().__init__(detector.picture_size, detector.fit)
        regressor.check_detector(detector.digest, name=name)
        self.detector, self.regressor = detector, regressor

    @classmethod
    def load(
        cls,
        run: str | Path,
        regressor: str | Path,
        *,
        device: Any = "auto",
        copies: int | None = None,
    ) -> "PointDetector":
        """Of a run folder and the regressor of that name in it, or at that path.

        With ``copies`` in place of the run's, see `warpmarks.detectors.detector.Detector.load`.

        Raises:
            InputError: one of them is not there or is damaged, or they do not belong together.
        """
        from warpmarks.detectors.detector import Detector

        detector = Detector.load(run, device=device, copies=copies)
        saved = load_regressor(regressor_path(regressor, run))
        return cls(detector, saved, name=str(regressor))

    @property
    def num_landmarks(self) -> int:
        """N: what it finds are points."""
        return self.regressor.num_points

    @property
    def names(self) -> tuple[str, ...]:
        """Of the N points."""
        return self.regressor.scheme.names

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the detector's digest and the regressor's weights."""
        regressor = self.regressor
        hashed = hashlib.sha256(regressor.detector.encode())
        for part in (regressor.weights, regressor.offset):
            hashed.update(b"" if part is None else part.tobytes())
        return hashed.hexdigest()

    @property
    def made_by(self) -> str:
        """Of the detector and the regressor, see `ImageDetector.made_by`."""
        return f"{self.detector.made_by} {self.digest}"

    def search(
        self, pictures: UInt8[np.ndarray, "batch height width 3"]
    ) -> tuple[Float[np.ndarray, "batch landmarks 2"], Float[np.ndarray, "batch landmarks"]]:
        """The landmarks that the points follow from, see `ImageDetector.search`."""
        return self.detector.search(pictures)

    def points_of(self, found: Detection) -> Detection:
        """The points that follow from landmarks of this detector."""
        single = found.landmarks.ndim == 2
        landmarks = found.landmarks[None] if single else found.landmarks
        points = self.regressor.predict(landmarks, np.atleast_2d(found.size))
        scores = self.regressor.point_scores(found.scores)
        return Detection(points[0] if single else points, scores, found.size)

    def in_mirror(self, image: ImageLike) -> Detection:
        """The points that follow from landmarks of an image's mirror image, in pixels of that.

        Raises:
            InputError: the image cannot be read or is of another kind.
        """
        return self.points_of(super().in_mirror(image))

    def _detect(self, read: Sequence[ReadImage]) -> Detection:
        return self.points_of(super()._detect(read))
