"""Runs on annotations, from scratch."""

import hashlib
from functools import partial
from pathlib import Path
from typing import Unpack

import numpy as np

from warpmarks.arguments import expect
from warpmarks.configuration import TrainingConfig, for_annotations
from warpmarks.datasets.annotated import ANNOTATED, AnnotatedSet
from warpmarks.errors import InputError
from warpmarks.recipe_reading import asked_for, load_recipe
from warpmarks.runs.record import AnnotationSource
from warpmarks.training.annotated_batches import AnnotatedPictures
from warpmarks.training.conduct import Conduct
from warpmarks.training.schedule import Budget
from warpmarks.training.start import Materials, RunPlan, Start, TrainingResult
from warpmarks.training.supervised_task import PointMeasures, Supervision
from warpmarks.wording import counted

DEFAULT_STEPS = 3000
"""Budget of a run that is given none: no image is held out, so nothing says that it is enough."""


def supervise(
    annotated: AnnotatedSet,
    run: str | Path,
    config: TrainingConfig | str | Path | None = None,
    *,
    labels: int | None = None,
    recipe: str = "default",
    **conduct: Unpack[Conduct],
) -> TrainingResult[PointMeasures]:
    """Learn a set's annotated points and leave a run folder whose landmarks are these points.

    The images are all trained on, none is held out: without a budget it is ``DEFAULT_STEPS`` steps.

    Args:
        annotated: images and annotations, as `read_annotated` gives them.
        run: the folder to make, or with ``resume`` to go on in.
        config: all settings, with a landmark for each point, or a recipe's name; those of
            ``recipe`` if not given, and with ``resume`` the run's own. Its seed also draws the
            ``labels``. There are neither candidates nor exchange of descriptors nor self-training,
            whatever it says.
        labels: so many of the annotated images, drawn at random; all of them if not given, and with
            ``resume`` as many as before.
        recipe: name for the record.
        **conduct: ``steps``, ``minutes``, ``resume``, ``overwrite``, ``device``, ``progress`` and
            more, see `warpmarks.training.Conduct`.

    Raises:
        InputError: see its sentence; nothing that was there before has been lost.
        KeyboardInterrupt: Ctrl-C, after a checkpoint.
    """
    expect(annotated, AnnotatedSet, "annotated", ANNOTATED)
    count = annotated.scheme.count

    def with_points(name: str | Path) -> TrainingConfig:
        settings = for_annotations(load_recipe(name)).model_dump()
        return TrainingConfig.model_validate(settings | {"num_landmarks": count})

    asked, recipe = asked_for(config, recipe, load=with_points)
    start = Start(run, conduct)
    record = start.record
    if record is not None:
        if record.annotations is None:
            raise InputError(
                f"{run} was trained without annotations: go on with warpmarks train --resume"
            )
        labels = record.annotations.labels if labels is None else labels
    settings = start.settings(
        None if asked is None else for_annotations(asked),
        lambda: with_points(recipe),
    )
    if settings.num_landmarks != count:
        raise InputError(
            f"num_landmarks is {settings.num_landmarks}, but {annotated.source} has "
            f"{counted(count, 'point')}: leave it out, each point is a landmark"
        )
    if labels is not None:
        annotated = annotated.draw(labels, settings.seed)
    digest = _digest(annotated)
    if record is not None and record.annotations != AnnotationSource(digest=digest, labels=labels):
        raise InputError(
            f"{annotated.source}: these are not the annotations that {run} was trained on: "
            "give the same set, split and labels to go on with --resume"
        )
    plan = RunPlan(
        annotated.images,
        settings,
        recipe,
        partial(_supervision_on, annotated),
        fewest_images=1,
        about={
            "kind": "supervised",
            "scheme": annotated.scheme,
            "annotations": AnnotationSource(digest=digest, labels=labels),
        },
    )
    return start.carry_out(plan, default_budget=Budget(steps=DEFAULT_STEPS))


def _supervision_on(annotated: AnnotatedSet, materials: Materials) -> Supervision:
    rows = {name: row for row, name in enumerate(annotated.images.names)}
    cache = materials.cache
    pictures = AnnotatedPictures(
        cache.pictures,
        annotated.points[[rows[name] for name in cache.names]],
        cache.sizes,
        annotated.scheme,
    )
    if not np.isfinite(pictures.lengths()).any():
        raise InputError(
            f"{annotated.source}: the normaliser {annotated.scheme.normaliser.text} has no length "
            f"on any of the images ({counted(len(cache.names), 'image')}), so that errors cannot "
            "be told in % of it: give another with --normaliser"
        )
    return Supervision(
        pictures,
        materials.config,
        materials.geometry,
        device=materials.device,
        share=materials.share,
    )


def _digest(annotated: AnnotatedSet) -> str:
    whole = hashlib.blake2b(digest_size=16)
    for name, points in zip(annotated.images.names, annotated.points, strict=True):
        whole.update(f"{name}\0".encode(errors="surrogateescape"))
        whole.update(np.ascontiguousarray(points, dtype="<f8").tobytes())
    return whole.hexdigest()
