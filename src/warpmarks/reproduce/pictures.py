"""The pictures of an experiment, drawn from its networks or from its finished cells."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from warpmarks.evaluation.evaluate import evaluate_predictions
from warpmarks.evaluation.pictures import draw_evaluation
from warpmarks.evaluation.predicting import predict_with
from warpmarks.evaluation.regressor_picture import draw_regressor_picture
from warpmarks.plots.deformations import draw_deformations
from warpmarks.plots.instances import draw_instances
from warpmarks.plots.label_curve import LabelSeries, draw_label_curve
from warpmarks.plots.saving import save_figure
from warpmarks.plots.themes import DARK, LIGHT
from warpmarks.report.run_report import survey
from warpmarks.reproduce.image_sets import ImageSets
from warpmarks.reproduce.plan import Drawing
from warpmarks.reproduce.protocol import Protocol
from warpmarks.reproduce.scoring import THRESHOLD, Scorer
from warpmarks.reproduce.table import TableRow
from warpmarks.system.progress import Progress
from warpmarks.wording import counted

SHOWN = 24


def draw_examples(
    folder: Path, drawing: Drawing, sets: ImageSets, scorer: Scorer, progress: Progress
) -> list[str]:
    """Landmarks on deformed images and on different ones (figs. 3 to 5); names of the files."""
    assert drawing.run is not None
    assert drawing.spec.images is not None
    detector, images = scorer.detector(drawing.run), sets.images(drawing.spec.images)
    instances, deformations, _ = survey(detector, images, progress, allow_unreadable=True)
    deformed = draw_deformations(
        deformations.images,
        deformations.landmarks,
        expected=deformations.expected,
        names=deformations.names,
    )
    save_figure(deformed, folder / "deformations.png")
    different = draw_instances(instances.images[:SHOWN], instances.landmarks[:SHOWN])
    save_figure(different, folder / "instances.png")
    return ["deformations.png", "instances.png"]


def draw_predictions(folder: Path, drawing: Drawing, scorer: Scorer) -> list[str]:
    """Predicted points beside annotated ones (fig. 6), and how the errors are distributed."""
    run, spec = drawing.run, drawing.spec
    assert run is not None
    assert spec.images is not None
    assert spec.fit is not None
    scored, examples = scorer.located(run, spec.images, drawing.normaliser)
    regressor = scorer.fit(run, spec.fit, drawing.normaliser, drawing.method)
    evaluation = evaluate_predictions(
        examples,
        scored.scheme,
        predict_with(regressor, examples, how=f"fitted on {spec.fit}"),
        set_name=scored.name,
        source=str(scored.source),
        threshold=THRESHOLD,
    )
    draw_evaluation(folder, evaluation, scored.images)
    return ["predictions.png", "error_curve.png", "point_errors.png"]


def draw_influences(folder: Path, drawing: Drawing, scorer: Scorer) -> list[str]:
    """Arrows from landmarks to the points that are regressed from them (fig. 7)."""
    run, spec = drawing.run, drawing.spec
    assert run is not None
    assert spec.images is not None
    assert spec.fit is not None
    scored, examples = scorer.located(run, spec.images, drawing.normaliser)
    regressor = scorer.fit(run, spec.fit, drawing.normaliser, drawing.method)
    draw_regressor_picture(folder, regressor, scorer.detector(run), examples, scored.images)
    return ["regressor.png"]


def draw_label_curve_picture(
    folder: Path, protocol: Protocol, rows: Sequence[TableRow], normaliser: str
) -> list[str]:
    """Error against annotated images, from a table's rows; no file where there is no such row."""
    series = label_series(protocol, rows)
    if not series:
        return []
    shape = next(
        (
            found.error
            for row, found in zip(protocol.rows, rows, strict=True)
            if row.mean_shape is not None and np.isfinite(found.error)
        ),
        None,
    )
    for theme, name in ((LIGHT, "labels.png"), (DARK, "labels_dark.png")):
        figure = draw_label_curve(series, normaliser=normaliser, mean_shape=shape, theme=theme)
        save_figure(figure, folder / name)
    return ["labels.png"]


def label_series(protocol: Protocol, rows: Sequence[TableRow]) -> list[LabelSeries]:
    """A series for each network of whose rows at least one has ``labels``, and one supervised."""
    groups: dict[str, list[TableRow]] = {}
    with_labels = set()
    for row, found in zip(protocol.rows, rows, strict=True):
        if not np.isfinite(found.error) or row.by_others or row.mean_shape is not None:
            continue
        name = (
            "supervised network"
            if row.run is None
            else f"from {counted(protocol.runs[row.run].landmarks, 'landmark')}"
        )
        groups.setdefault(name, []).append(found)
        if row.labels is not None:
            with_labels.add(name)
    return [
        LabelSeries(
            name,
            [row.fitted_on for row in ordered],
            np.array([row.error for row in ordered]),
            np.array([row.over_draws for row in ordered]),
        )
        for name, found_rows in groups.items()
        if name in with_labels
        for ordered in [sorted(found_rows, key=lambda row: row.fitted_on)]
    ]
