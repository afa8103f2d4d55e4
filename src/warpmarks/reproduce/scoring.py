"""The figures of a cell: of a regressor, of a supervised network or of the mean shape."""

from typing import Any

import numpy as np

from warpmarks.datasets.annotated import AnnotatedSet
from warpmarks.datasets.reading import read_size
from warpmarks.detectors.detector import Detector
from warpmarks.errors import InputError
from warpmarks.evaluation.fit_on_images import fit_on_images
from warpmarks.metrics.errors import checked_lengths
from warpmarks.metrics.mean_shape import mean_shape, predict_mean_shape
from warpmarks.metrics.score import Score, score_predictions
from warpmarks.regression.examples import Examples
from warpmarks.regression.regressor import Regressor
from warpmarks.reproduce.image_sets import ImageSets
from warpmarks.reproduce.located import locate_once
from warpmarks.reproduce.plan import Cell
from warpmarks.reproduce.store import Store
from warpmarks.system.progress import Progress
from warpmarks.wording import be, counted

THRESHOLD = 0.1
"""Of the cumulative curve, which no table of the paper shows."""


class Scorer:
    """Scores cells; what a network has found on images is kept while it is asked for it.

    Args:
        sets: the images.
        store: with the networks.
        device: to detect on.
        progress: is told of detecting.
    """

    def __init__(self, sets: ImageSets, store: Store, *, device: str, progress: Progress) -> None:
        self._sets, self._store, self._device, self._progress = sets, store, device, progress
        self._run = ""
        self._examples: dict[str, tuple[AnnotatedSet, Examples]] = {}

    def located(self, run: str, part: str, normaliser: str | None) -> tuple[AnnotatedSet, Examples]:
        """The annotated images of SET/SPLIT with the landmarks of a network."""
        if run != self._run:
            self._run, self._examples = run, {}
        key = f"{part} {normaliser}"
        if key not in self._examples:
            annotated = self._sets.annotated(part, normaliser)
            examples = locate_once(
                self._store.landmarks, run, self.detector(run), annotated, self._progress
            )
            self._examples[key] = annotated, examples
        return self._examples[key]

    def detector(self, run: str) -> Detector:
        """A network."""
        return Detector.load(self._store.run(run), device=self._device)

    def fit(
        self,
        run: str,
        part: str,
        normaliser: str | None,
        method: str,
        *,
        labels: int | None = None,
        draw: int = 0,
    ) -> Regressor:
        """A regressor from a network's landmarks, on all images of SET/SPLIT or on a draw."""
        annotated, examples = self.located(run, part, normaliser)
        if labels is not None:
            rows = chosen_images(examples, labels, draw)
            annotated, examples = annotated.subset(rows), examples.subset(rows)
        return fit_on_images(
            self.detector(run),
            annotated,
            examples=examples,
            method=method,
            seed=draw,
            progress=self._progress,
        ).regressor

    def score(self, cell: Cell) -> dict[str, Any]:
        """All that is kept of a cell, as plain JSON; errors in % of the normaliser."""
        methods: list[str] = []
        if cell.run is None:
            fitted = self._sets.annotated(cell.fit, cell.normaliser)
            scored, sizes = self._sized(cell)
            shape = mean_shape(fitted.points, _sizes_of(fitted))
            scores = [_score(predict_mean_shape(shape, sizes), scored, sizes)]
            fitted_on = len(fitted.images.names)
        else:
            scored, examples = self.located(cell.run, cell.score, cell.normaliser)
            if cell.supervised:
                scores = [_score(examples.landmarks, scored, examples.sizes)]
                learned = self._sets.annotated(cell.fit, cell.normaliser)
                fitted_on = cell.labels or len(learned.images.names)
            else:
                regressors = [
                    self.fit(
                        cell.run,
                        cell.fit,
                        cell.normaliser,
                        cell.method,
                        labels=cell.labels,
                        draw=draw,
                    )
                    for draw in range(cell.draws)
                ]
                scores = [
                    _score(
                        regressor.predict(examples.landmarks, examples.sizes),
                        scored,
                        examples.sizes,
                    )
                    for regressor in regressors
                ]
                fitted_on = regressors[0].fitted_on
                methods = sorted({regressor.method for regressor in regressors})
        learned_from = self._sets.annotated(cell.fit, cell.normaliser).images.paths()
        return {
            "cell": cell.name,
            "run": cell.run,
            "errors_percent": [round(100 * score.mean, 4) for score in scores],
            "pixels": [round(score.pixels, 4) for score in scores],
            "interval_percent": _interval(scores),
            "images": len(scored.images.names),
            "fitted_on": fitted_on,
            "learned_and_scored": len(set(learned_from) & set(scored.images.paths())),
            "methods": methods,
            "normaliser": scored.scheme.normaliser.text,
            "normaliser_words": scored.scheme.normaliser.words,
        }

    def _sized(self, cell: Cell) -> tuple[AnnotatedSet, np.ndarray]:
        scored = self._sets.annotated(cell.score, cell.normaliser)
        return scored, _sizes_of(scored)


def chosen_images(examples: Examples, labels: int, draw: int) -> np.ndarray:
    """Indices of ``labels`` images with all points; with one ``draw``, fewer are among more.

    Where all images have all their points these are the images of
    `warpmarks.datasets.annotated.AnnotatedSet.draw` with the same seed.

    Raises:
        InputError: there are not so many.
    """
    complete = np.flatnonzero(np.isfinite(examples.annotations).all(axis=(1, 2)))
    if labels > len(complete):
        raise InputError(
            f"{counted(labels, 'annotated image')} {be(labels)} to be drawn, but only "
            f"{len(complete)} with all the points are there"
        )
    order = np.random.default_rng(draw).permutation(len(complete))
    return np.sort(complete[order[:labels]])


def _score(predicted: np.ndarray, annotated: AnnotatedSet, sizes: np.ndarray) -> Score:
    scheme = annotated.scheme
    lengths = checked_lengths(
        scheme.normaliser.lengths(annotated.points, sizes),
        annotated.points,
        annotated.images.names,
        normaliser=scheme.normaliser.text,
        source=str(annotated.source),
        lines=annotated.lines,
    )
    return score_predictions(
        predicted,
        annotated.points,
        lengths,
        scheme.names,
        threshold=THRESHOLD,
        generator=np.random.default_rng(0),
    )


def _interval(scores: list[Score]) -> list[float] | None:
    """95 % over images, of a figure that is not a mean over draws."""
    if len(scores) > 1:
        return None
    interval = scores[0].interval
    return [round(100 * interval.low, 4), round(100 * interval.high, 4)]


def _sizes_of(annotated: AnnotatedSet) -> np.ndarray:
    """Widths and heights, from the heads of the files."""
    sizes = [read_size(path)[::-1] for path in annotated.images.paths()]
    return np.array(sizes, dtype=np.float64)
