"""What ``warpmarks evaluate`` does when its flags are read: predict, score, draw and tell."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from warpmarks.cli.fit import Method
from warpmarks.errors import InputError
from warpmarks.wording import counted

if TYPE_CHECKING:
    from warpmarks.datasets.annotated import AnnotatedSet
    from warpmarks.detectors.detector import Detector
    from warpmarks.evaluation.evaluate import SetEvaluation
    from warpmarks.evaluation.predicting import Predictions
    from warpmarks.points import PointScheme
    from warpmarks.regression.examples import Examples
    from warpmarks.regression.regressor import Regressor
    from warpmarks.system.progress import Progress

WAYS = "--regressor NAME, --fit-split NAME or --cross-validation FOLDS"


@dataclass(frozen=True)
class Way:
    """How points are predicted, as the flags say: by one of the first three, or by detection."""

    regressor: str | None
    fit_split: str | None
    cross_validation: int | None
    method: Method
    bias: bool
    seed: int

    @property
    def is_detection(self) -> bool:
        """Whether the run's landmarks are the points, without a fit."""
        return self.regressor is None and self.fit_split is None and self.cross_validation is None

    @property
    def name(self) -> str:
        """For the name of the folder."""
        if self.regressor is not None:
            return self.regressor
        if self.fit_split is not None:
            return f"fit {self.fit_split}"
        return "found" if self.is_detection else f"{self.cross_validation} folds"

    def check(self) -> None:
        """Raise where flags do not go together."""
        given = (self.regressor, self.fit_split, self.cross_validation)
        if sum(way is not None for way in given) > 1:
            raise InputError(f"points can be predicted in one way only: give one of {WAYS}")
        if self.bias and self.regressor is not None:
            raise InputError(
                "--bias was given with --regressor, which is fitted already: leave it out"
            )
        if self.method is not Method.AUTO and self.regressor is not None:
            raise InputError(
                "--method was given with --regressor, which is fitted already: leave it out"
            )
        if self.method is Method.WARPS and self.cross_validation is not None:
            raise InputError(
                "--method warps is not known for --cross-validation: take --fit-split, or another "
                "method"
            )

    def check_detection(self, detector: "Detector") -> None:
        """Raise unless the run is supervised: only such a one finds annotated points itself."""
        if detector.record.kind != "supervised":
            raise InputError(
                "nothing says how annotated points follow from landmarks: give one of " + WAYS
            )
        if self.bias or self.method is not Method.AUTO:
            raise InputError(
                f"{'--bias' if self.bias else '--method'} was given, but a supervised run is "
                f"scored without a fit: leave it out, or give one of {WAYS}"
            )


@dataclass(frozen=True)
class Scored:
    """What is scored, on which images and in which way.

    Attributes:
        run: the run folder.
        detector: its detector.
        annotated: the images that are scored.
        scheme: of the points.
        way: how they are predicted.
        saved: the regressor, where one is named.
        fitted_on: the images to fit one on, where their split is named.
    """

    run: Path
    detector: "Detector"
    annotated: "AnnotatedSet"
    scheme: "PointScheme"
    way: Way
    saved: "Regressor | None"
    fitted_on: "AnnotatedSet | None"

    def has_offset(self) -> bool:
        """Whether points are predicted with an offset."""
        return self.way.bias if self.saved is None else self.saved.offset is not None


def score_and_tell(
    scored: Scored, *, threshold: float, pictures: Path | None, json: Path | None
) -> None:
    """Predict, score, draw into ``pictures`` or else into the run, and hand the figures over."""
    from warpmarks.cli.outputs import STDOUT, hand_over
    from warpmarks.cli.progress import terminal_progress
    from warpmarks.cli.scores import print_scores
    from warpmarks.evaluation.evaluation_folder import holds_evaluation, key_of, place_in
    from warpmarks.evaluation.record import evaluation_record, save_evaluation
    from warpmarks.report.run_report import rebuild_report

    annotated, detector = scored.annotated, scored.detector
    named = f"{annotated.name} {scored.way.name}"
    key = key_of(named, annotated.source)
    with terminal_progress() as progress:
        evaluation = _score(scored, threshold, progress)
        folder = pictures or place_in(scored.run, named, key)
        replaced = pictures is None and holds_evaluation(folder)
        progress.start("Drawing pictures", None)
        save_evaluation(folder, evaluation, annotated.images, detector=detector.digest, key=key)
        page = (
            rebuild_report(scored.run, annotated.images, detector=detector, progress=progress)
            if pictures is None
            else None
        )
    name, with_offset = scored.run.resolve().name, scored.has_offset()
    fitted = not scored.way.is_detection
    if json is None or str(json) != STDOUT:
        print_scores(evaluation, name, without_bias=fitted and not with_offset)
    about = {
        "run": name,
        "detector": detector.digest,
        "bias": with_offset if fitted else None,
        "seed": scored.way.seed,
    }
    hand_over(about | evaluation_record(evaluation), json, folder, page, replaced=replaced)


def _score(scored: Scored, threshold: float, progress: "Progress") -> "SetEvaluation":
    from warpmarks.evaluation.evaluate import evaluate_predictions
    from warpmarks.evaluation.locating import locate_annotated

    examples = locate_annotated(scored.detector, scored.annotated, progress=progress)
    predictions, training = _predict(scored, examples, progress)
    return evaluate_predictions(
        examples,
        scored.scheme,
        predictions,
        set_name=scored.annotated.name,
        source=str(scored.annotated.source),
        threshold=threshold,
        seed=scored.way.seed,
        training=training,
    )


def _predict(
    scored: Scored, examples: "Examples", progress: "Progress"
) -> "tuple[Predictions, Examples | None]":
    """The predictions, and the images that they were learned from where these are at hand."""
    from warpmarks.evaluation.predicting import points_found, predict_by_folds, predict_with
    from warpmarks.runs.folder import RunFolder

    way, saved, scheme = scored.way, scored.saved, scored.scheme
    if saved is not None:
        images = counted(saved.fitted_on, "image")
        how = f"fitted on {images} (regressor {way.regressor}, {saved.method})"
        return predict_with(saved, examples, how=how), None
    if scored.fitted_on is not None:
        return _predict_from(scored.fitted_on, scored, examples, progress)
    if way.cross_validation is None:
        return points_found(examples, RunFolder(scored.run).read_names()), None
    import numpy as np

    generator = np.random.default_rng(way.seed)
    examples.lengths(scheme.normaliser, source=str(scored.annotated.source))
    predicted = predict_by_folds(
        examples, scheme, way.cross_validation, generator, method=way.method.value, bias=way.bias
    )
    return predicted, None


def _predict_from(
    fitted_on: "AnnotatedSet", scored: Scored, examples: "Examples", progress: "Progress"
) -> "tuple[Predictions, Examples]":
    """The predictions of a regressor that is fitted on other images, and these."""
    from warpmarks.evaluation.few_labels import LabelledPool
    from warpmarks.evaluation.predicting import predict_with
    from warpmarks.regression.repeated import told_of_shared

    way = scored.way
    pool = LabelledPool(
        scored.detector,
        replace(fitted_on, scheme=scored.scheme),
        method=way.method.value,
        bias=way.bias,
        progress=progress,
    )
    pool.locate([None], [way.seed])
    drawn = pool.fit(None, way.seed, progress=progress)
    training, fitted = drawn.examples, drawn.fit.regressor
    how = f"fitted on {counted(len(training), 'image')} of {fitted_on.name} ({fitted.method})"
    predicted = predict_with(fitted, examples, how=how)
    return replace(predicted, caution=told_of_shared(examples, training)), training
