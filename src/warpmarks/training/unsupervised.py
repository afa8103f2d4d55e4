"""Runs without annotations: from scratch, and from a run on other images."""

from pathlib import Path
from typing import Unpack

from torch import Tensor

from warpmarks.configuration import TrainingConfig
from warpmarks.datasets.image_set import ImageSet, as_images
from warpmarks.errors import InputError
from warpmarks.recipe_reading import asked_for, first_difference, load_recipe
from warpmarks.runs.folder import RunFolder
from warpmarks.runs.record import SourceRun
from warpmarks.runs.weights import build_network, read_tensors, tensors_digest
from warpmarks.training.conduct import Conduct
from warpmarks.training.randomness import generator_for
from warpmarks.training.start import Materials, RunPlan, Start, TrainingResult
from warpmarks.training.unsupervised_task import Discovery, PairMeasures
from warpmarks.training.widening import widen

FEWEST_IMAGES = 2

FINETUNING_RATE = 0.3
"""Learning rate of a fine-tuning over that of the run it begins from."""


def train(
    images: ImageSet | str | Path,
    run: str | Path,
    config: TrainingConfig | str | Path | None = None,
    *,
    recipe: str = "default",
    **conduct: Unpack[Conduct],
) -> TrainingResult[PairMeasures]:
    """Learn landmarks from images alone and leave a run folder.

    Without a budget training goes on until the schedule says that it has converged.

    Args:
        images: what to learn from; a path stands for what `find_images` finds there.
        run: the folder to make, or with ``resume`` to go on in.
        config: all settings, or a recipe's name; those of ``recipe`` if not given, and with
            ``resume`` the run's own.
        recipe: name for the record.
        **conduct: ``steps``, ``minutes``, ``resume``, ``overwrite``, ``device``, ``progress`` and
            more, see `warpmarks.training.Conduct`.

    Raises:
        InputError: see its sentence; nothing that was there before has been lost.
        KeyboardInterrupt: Ctrl-C, after a checkpoint.
    """
    images = as_images(images)
    asked, recipe = asked_for(config, recipe)
    start = Start(run, conduct)
    if start.record is not None and start.record.kind != "unsupervised":
        raise InputError(
            f"{run} was trained on annotations: go on with warpmarks supervise --resume"
        )
    settings = start.settings(asked, lambda: load_recipe(recipe))
    return start.carry_out(RunPlan(images, settings, recipe, discovery_on, FEWEST_IMAGES))


def finetune(
    source: str | Path,
    images: ImageSet | str | Path,
    run: str | Path,
    config: TrainingConfig | str | Path | None = None,
    **conduct: Unpack[Conduct],
) -> TrainingResult[PairMeasures]:
    """Go on with a run's network on other images, without annotations, in a run folder of its own.

    The view has the aspect of the new images, as if they had been trained on from scratch, unless
    ``image.aspect`` is a number: the network knows the object in its own proportions, and images
    that were squeezed into the source's view would not have them.

    Args:
        source: the run to begin from; it is only read. Not needed to ``resume`` from a checkpoint.
        images: what to adapt to; a path stands for what `find_images` finds there.
        run: the folder to make, or with ``resume`` to go on in.
        config: all settings, or a recipe's name; ``finetuning_config`` of the source if not given,
            and with ``resume`` the run's own. Its network is the source's, but may have more
            landmarks, which begin with random weights; all are kept, whatever ``candidates`` says.
        **conduct: ``steps``, ``minutes``, ``resume``, ``overwrite``, ``device``, ``progress`` and
            more, see `warpmarks.training.Conduct`.

    Raises:
        InputError: see its sentence; nothing that was there before has been lost.
        KeyboardInterrupt: Ctrl-C, after a checkpoint.
    """
    images, (asked, _) = as_images(images), asked_for(config)
    start = Start(run, conduct)
    record = start.record
    if record is not None and record.source is None:
        raise InputError(
            f"{run} was not made by warpmarks finetune: go on with the verb it is from"
        )
    if asked is not None:
        asked = asked.model_copy(update={"candidates": 0})
    settings = start.settings(asked, lambda: finetuning_config(source))
    began = record.source if record is not None else None
    weights = None
    if not (began and start.folder.state_path.exists()):
        began, weights = _source_of(RunFolder(source), start.folder, settings, began)
    plan = RunPlan(
        images,
        settings,
        f"fine-tuning of {began.name}",
        discovery_on,
        FEWEST_IMAGES,
        weights,
        about={"source": began},
    )
    return start.carry_out(plan)


def finetuning_config(source: str | Path) -> TrainingConfig:
    """The settings of the run at ``source``, with a lower learning rate.

    Raises:
        InputError: no run, or one that was trained on annotations.
    """
    record = RunFolder(source).record()
    if record.kind != "unsupervised":
        raise InputError(
            f"{source} was trained on annotations: expected a run of warpmarks train or finetune"
        )
    optimiser = record.config.optimiser
    slower = {"learning_rate": FINETUNING_RATE * optimiser.learning_rate}
    return record.config.model_copy(
        update={"candidates": 0, "optimiser": optimiser.model_copy(update=slower)}
    )


def _source_of(
    source: RunFolder, target: RunFolder, settings: TrainingConfig, began: SourceRun | None
) -> tuple[SourceRun, tuple[dict[str, Tensor], Path]]:
    """What is to be recorded of the source run, and its weights.

    Raises:
        InputError: it is not the run that ``target`` began from, or has another network.
    """
    if source.path.resolve() == target.path.resolve():
        raise InputError(f"--run {target.path} is the run to begin from: choose another folder")
    theirs = finetuning_config(source.path)
    count = max(theirs.num_landmarks, settings.num_landmarks)
    network = {"num_landmarks": count, "network": theirs.network}
    same = settings.model_copy(update=network)
    if settings != same:
        raise InputError(
            f"{source.path} has another network ({first_difference(settings, same)}): leave it as "
            "it is, but for more landmarks, or train from scratch"
        )
    weights, about = read_tensors(source.weights_path)
    found = SourceRun(
        name=source.path.resolve().name,
        digest=tensors_digest(weights),
        steps=about.get("step", 0),
    )
    if began is not None and began.digest != found.digest:
        raise InputError(
            f"{target.path} was stopped before its first checkpoint and began from other weights "
            f"than those of {source.path}: start anew with --overwrite"
        )
    fresh = build_network(settings, generator_for(settings.seed, "weights", 0)).state_dict()
    # Where landmarks usually are is found anew on the new images, if at all.
    weights.pop("reference", None)
    if "reference" in fresh:
        weights["reference"] = fresh["reference"]
    return began or found, (widen(weights, fresh), source.weights_path)


def discovery_on(materials: Materials) -> Discovery:
    """The task of a run without annotations."""
    return Discovery(
        materials.cache.pictures,
        materials.config,
        materials.geometry,
        device=materials.device,
        share=materials.share,
    )
