"""Error against the number of annotated images, saved as figures and a picture (table 4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from warpmarks.datasets.annotated import AnnotatedSet
from warpmarks.datasets.results import LABEL_CURVE
from warpmarks.detectors.detector import Detector
from warpmarks.errors import InputError
from warpmarks.evaluation.few_labels import LabelCount, Spread
from warpmarks.evaluation.locating import locate_annotated
from warpmarks.evaluation.predicting import seen_in_training
from warpmarks.evaluation.record import begin_anew
from warpmarks.metrics.errors import mean_error, point_distances, relative_errors
from warpmarks.plots.label_curve import LabelSeries, draw_label_curve
from warpmarks.plots.saving import save_figure
from warpmarks.plots.themes import DARK, LIGHT
from warpmarks.runs.folder import RunFolder
from warpmarks.system.files import write_json
from warpmarks.system.progress import Progress
from warpmarks.wording import counted

CURVE, RECORD = "label_curve", LABEL_CURVE


@dataclass(frozen=True)
class SupervisedError:
    """What a network that was trained on annotations comes to on the same images.

    Attributes:
        run: name of its folder.
        labels: annotated images that it was trained on.
        error: mean over the normaliser.
        caution: a sentence on scored images that it was trained on, if there are any.
    """

    run: str
    labels: int
    error: float
    caution: str = ""


@dataclass(frozen=True)
class LabelCurve:
    """Errors of fits on several numbers of annotated images, and of others to compare them with.

    Attributes:
        set_name: what was scored.
        fit_name: what was drawn from.
        images: how many were scored.
        normaliser, normaliser_words: what errors are divided by.
        counts: the fits.
        supervised: networks that were trained on annotations.
        caution: a sentence on what the errors of the fits may hide, if there is one.
    """

    set_name: str
    fit_name: str
    images: int
    normaliser: str
    normaliser_words: str
    counts: tuple[LabelCount, ...]
    supervised: tuple[SupervisedError, ...] = ()
    caution: str = ""

    def record(self) -> dict[str, Any]:
        """All figures, in %, by name."""
        return {
            "set": self.set_name,
            "fitted_on": self.fit_name,
            "images": self.images,
            "normaliser": self.normaliser,
            "normaliser_words": self.normaliser_words,
            "labels": [
                {
                    "labels": one.labels,
                    "draws": len(one.errors),
                    "methods": {name: one.methods.count(name) for name in sorted(set(one.methods))},
                    "errors_percent": [round(100 * float(error), 6) for error in one.errors],
                    "landmarks": Spread.of(100 * one.errors).record(),
                    "mean_shape": Spread.of(100 * one.mean_shape).record(),
                }
                for one in self.counts
            ],
            "supervised": [
                {
                    "run": one.run,
                    "labels": one.labels,
                    "error_percent": round(100 * one.error, 6),
                    "caution": one.caution or None,
                }
                for one in self.supervised
            ],
            "caution": self.caution or None,
        }


def score_supervised(
    run: Path, annotated: AnnotatedSet, *, device: str, progress: Progress | None = None
) -> SupervisedError:
    """The error of a supervised run, whose landmarks are the points themselves.

    Raises:
        InputError: it is no supervised run, or one of other points.
    """
    detector = Detector.load(run, device=device)
    record = detector.record
    if record.kind != "supervised":
        raise InputError(
            f"--supervised {run} is a run without annotations: give one of `warpmarks supervise`"
        )
    if detector.num_landmarks != annotated.scheme.count:
        raise InputError(
            f"--supervised {run} finds {counted(detector.num_landmarks, 'point')}, but "
            f"{annotated.source} has {annotated.scheme.count}: give a run that was trained on "
            "these points"
        )
    examples = locate_annotated(detector, annotated, progress=progress)
    lengths = examples.lengths(annotated.scheme.normaliser, source=str(annotated.source))
    distances = point_distances(examples.landmarks, examples.annotations)
    labels = record.annotations.labels if record.annotations is not None else None
    return SupervisedError(
        run.resolve().name,
        labels or record.images.count,
        mean_error(relative_errors(distances, lengths)),
        seen_in_training(examples.names, RunFolder(run).read_names()),
    )


def save_label_curve(folder: Path, curve: LabelCurve, *, detector: str, key: str) -> None:
    """Draw label_curve.png, also for dark, into a folder, made if need be, and write the figures.

    Args:
        folder: for the picture and figures.
        curve: what is told.
        detector: its digest.
        key: see `place.key_of`.

    Raises:
        InputError: the folder cannot be made or written.
    """
    begin_anew(folder, RECORD)
    series = [_series("from the landmarks", {one.labels: one.errors for one in curve.counts})]
    if curve.supervised:
        series.append(_supervised_series(curve.supervised))
    mean_shape = _series("mean shape", {one.labels: one.mean_shape for one in curve.counts})
    for theme, ending in ((LIGHT, ""), (DARK, "_dark")):
        figure = draw_label_curve(
            series, normaliser=curve.normaliser_words, mean_shape=mean_shape, theme=theme
        )
        save_figure(figure, folder / f"{CURVE}{ending}.png")
    about = {"detector": detector, "key": key}
    write_json(folder / RECORD, about | curve.record())


def _supervised_series(runs: Sequence[SupervisedError]) -> LabelSeries:
    """Runs on one number of images are drawn as their mean and spread."""
    labels = sorted({one.labels for one in runs})
    return _series(
        "supervised network",
        {count: np.array([one.error for one in runs if one.labels == count]) for count in labels},
    )


def _series(name: str, errors: Mapping[int, np.ndarray]) -> LabelSeries:
    """Mean and spread, in %, of the errors for each number of annotated images."""
    spreads = [Spread.of(100 * of_count) for of_count in errors.values()]
    return LabelSeries(
        name,
        list(errors),
        np.array([spread.mean for spread in spreads]),
        np.array([spread.deviation for spread in spreads]),
    )
