"""The whole method on the built-in synthetic category: images, training, detection, proof.

The category's points are known exactly, so it can be said how good the landmarks are: a linear map
without bias (sec. 4.2), fitted on some training images, predicts the known points of images that
nobody has trained on.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from PIL import Image

from warpmarks.datasets.image_set import ImageSet, find_images
from warpmarks.datasets.layout import read_landmarks, write_landmarks
from warpmarks.datasets.synthetic import EYES, read_visibility, render, write_image_set
from warpmarks.detectors.detector import Detector
from warpmarks.errors import InputError
from warpmarks.recipe_reading import build_config, load_recipe, override
from warpmarks.report.run_report import report_run
from warpmarks.runs.weights import build_network
from warpmarks.system.progress import Progress, SilentProgress
from warpmarks.training import Evaluation, PairMeasures, TrainingResult, train
from warpmarks.training.schedule import Budget

IMAGE_SIZE = 128
VIEW_SIZE = 64
"""Smaller than the recipe's: half as many steps again in the same minutes."""

FITTED = 1000
"""Training images, at most, that the linear maps are fitted on."""


@dataclass(frozen=True)
class DemoResult:
    """What came out; errors are mean distances to the known visible points over the eye distance.

    Attributes:
        images: folder of the image set.
        landmarks: CSV file of what the detector finds on the images of ``val``.
        report: page with the pictures.
        training: of the run.
        error: of the trained detector on ``val``; 0 is perfect.
        untrained_error: of the same network with its first random weights.
        mean_error: of the mean of the training annotations, which looks at no image.
        scored: images of ``val``.
    """

    images: Path
    landmarks: Path
    report: Path
    training: TrainingResult[PairMeasures]
    error: float
    untrained_error: float
    mean_error: float
    scored: int


def run_demo(
    output: Path,
    *,
    count: int = 2000,
    num_landmarks: int = 10,
    minutes: float | None = 6.0,
    steps: int | None = None,
    settings: list[str] | None = None,
    device: str = "auto",
    threads: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    on_evaluation: Callable[[Evaluation[PairMeasures]], None] | None = None,
) -> DemoResult:
    """Make ``output`` with heads/ (the images), run/ (the detector) and landmarks.csv.

    Args:
        output: folder; what an earlier demo left in it is replaced if ``overwrite`` is set.
        count: images, a tenth of which is kept for ``val``.
        num_landmarks: K.
        minutes: of training; or
        steps: of training.
        settings: further changes of the default recipe, as ``key=value``.
        device: auto, cpu or cuda.
        threads: of CPU arithmetic; torch's own choice if not given.
        overwrite: replace an earlier demo.
        progress: told of everything.
        on_evaluation: called with each evaluation of the training.

    Raises:
        InputError: there is something in ``output`` that may not be replaced, or it cannot be
            written.
    """
    progress = progress or SilentProgress()
    Budget(steps, minutes)  # one that cannot be is told before anything is rendered
    config = override(load_recipe("default"), [f"image.size={VIEW_SIZE}", *(settings or [])])
    config = build_config(
        {**config.model_dump(), "num_landmarks": num_landmarks}, source="--landmarks"
    )
    heads, run, table = output / "heads", output / "run", output / "landmarks.csv"
    if output.is_dir() and any(output.iterdir()) and not overwrite:
        raise InputError(f"{output} is not empty: replace what is in it with --overwrite")
    _provide_heads(heads, count, progress)
    training_images = find_images(heads, split="train")
    result = train(
        training_images,
        run,
        config,
        steps=steps,
        minutes=None if steps is not None else minutes,
        overwrite=overwrite,
        device=device,
        threads=threads,
        progress=progress,
        on_evaluation=on_evaluation,
    )
    detector = Detector.load(run, device=device)
    untrained = Detector(
        build_network(config, torch.Generator().manual_seed(0)), detector.record, device=device
    )
    fitted = training_images.subset(training_images.names[:FITTED])
    scored = find_images(heads, split="val")
    known = _Known.read(heads)
    found = _detect(detector, scored, progress)
    write_landmarks(table, scored.names, found)
    return DemoResult(
        images=heads / "images",
        landmarks=table,
        report=report_run(
            run,
            scored,
            detector=detector,
            advice=result.advice,
            ending=f"its budget of {minutes:g} min was used up"
            if steps is None
            else "as asked for",
            progress=progress,
        ),
        training=result,
        error=known.error_of_map((fitted, _detect(detector, fitted, progress)), (scored, found)),
        untrained_error=known.error_of_map(
            (fitted, _detect(untrained, fitted, progress)),
            (scored, _detect(untrained, scored, progress)),
        ),
        mean_error=known.error_of_mean(fitted, scored),
        scored=len(scored.names),
    )


@dataclass(frozen=True)
class _Known:
    """The category's own points."""

    row_of: dict[str, int]
    points: Float[np.ndarray, "images points 2"]
    visible: Bool[np.ndarray, "images points"]

    @classmethod
    def read(cls, heads: Path) -> "_Known":
        table = read_landmarks(heads / "landmarks.csv")
        visible = read_visibility(heads)
        row_of = {name: row for row, name in enumerate(table.images)}
        return cls(row_of, table.points, np.array([visible[name] for name in table.images]))

    def error_of_map(
        self,
        fitted: tuple[ImageSet, Float[np.ndarray, "fitted landmarks 2"]],
        scored: tuple[ImageSet, Float[np.ndarray, "scored landmarks 2"]],
    ) -> float:
        """Of the least-squares map from landmarks to known points, about the images' centre."""
        centre = (IMAGE_SIZE - 1) / 2
        wanted = self._points(fitted[0]) - centre
        weights, *_ = np.linalg.lstsq(
            (fitted[1] - centre).reshape(len(wanted), -1), wanted.reshape(len(wanted), -1)
        )
        predicted = (scored[1] - centre).reshape(len(scored[1]), -1) @ weights
        return self._error(scored[0], predicted.reshape(len(predicted), -1, 2) + centre)

    def error_of_mean(self, fitted: ImageSet, scored: ImageSet) -> float:
        """Of saying the same points for every image."""
        mean = self._points(fitted).mean(axis=0)
        return self._error(scored, np.broadcast_to(mean, self._points(scored).shape))

    def _points(self, images: ImageSet) -> Float[np.ndarray, "images points 2"]:
        return self.points[[self.row_of[name] for name in images.names]]

    def _error(self, images: ImageSet, predicted: Float[np.ndarray, "images points 2"]) -> float:
        points = self._points(images)
        visible = self.visible[[self.row_of[name] for name in images.names]]
        eyes = np.linalg.norm(points[:, EYES[0]] - points[:, EYES[1]], axis=-1, keepdims=True)
        distances = np.linalg.norm(predicted - points, axis=-1) / eyes
        return float(distances[visible].mean())


def _provide_heads(heads: Path, count: int, progress: Progress) -> None:
    """The image set, unless an earlier demo has left just the same."""
    if (heads / "visibility.csv").is_file():
        with Image.open(heads / "images" / "000000.png") as image:
            first = np.asarray(image)
        if len(read_landmarks(heads / "landmarks.csv").images) == count and np.array_equal(
            first, render(0, size=IMAGE_SIZE).image
        ):
            return
        shutil.rmtree(heads)
    write_image_set(heads, count, size=IMAGE_SIZE, progress=progress)


def _detect(
    detector: Detector, images: ImageSet, progress: Progress
) -> Float[np.ndarray, "images landmarks 2"]:
    found = detector.detect_images(images, progress=progress)
    return np.stack([one.detection.landmarks for one in found if one.detection is not None])
