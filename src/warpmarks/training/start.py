"""From an image set to a run folder: what is checked and made before the loop goes round."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from warpmarks.configuration import TrainingConfig, load_recipe
from warpmarks.datasets.aspect import middle_aspect
from warpmarks.datasets.cache import PictureCache, load_pictures
from warpmarks.datasets.image_set import ImageSet
from warpmarks.errors import InputError
from warpmarks.geometry import Geometry, plan_geometry
from warpmarks.memory import keep_freed_memory
from warpmarks.progress import Progress, SilentProgress
from warpmarks.run_folder import ImageSource, RunFolder, RunRecord, provenance
from warpmarks.training.health import diagnose
from warpmarks.training.loop import Evaluation, TrainingLoop
from warpmarks.training.schedule import Budget, Schedule

if TYPE_CHECKING:
    from lightning_fabric import Fabric

FEWEST_IMAGES = 2


@dataclass(frozen=True)
class TrainingResult:
    """What training did.

    Attributes:
        run: the run folder.
        steps: steps in all, those before a resume included.
        seconds: time in training and evaluation in all.
        evaluation: the last one.
        problems: a sentence for each way in which the run has collapsed; empty for a healthy one.
        unreadable: images left out, with reasons.
    """

    run: Path
    steps: int
    seconds: float
    evaluation: Evaluation
    problems: tuple[str, ...]
    unreadable: tuple[tuple[str, str], ...]


def train(
    images: ImageSet,
    run: str | Path,
    config: TrainingConfig | None = None,
    *,
    recipe: str = "default",
    steps: int | None = None,
    minutes: float | None = None,
    resume: bool = False,
    overwrite: bool = False,
    devices: int = 1,
    device: str = "auto",
    threads: int | None = None,
    cache_dir: Path | None = None,
    allow_unreadable: bool = False,
    checkpoint_seconds: float = 60.0,
    evaluate_every: int = 100,
    progress: Progress | None = None,
    on_evaluation: Callable[[Evaluation], None] | None = None,
) -> TrainingResult:
    """Learn landmarks from images alone and leave a run folder.

    Args:
        images: what to learn from.
        run: the folder to make, or with ``resume`` to go on in.
        config: all settings; those of ``recipe`` if not given, and with ``resume`` the run's own.
        recipe: name for the record.
        steps: stop after so many steps in all.
        minutes: stop after so many minutes of training in all. Without a budget training goes on
            until the schedule says that it has converged.
        resume: go on from the run's last checkpoint. On a CPU, with the same number of threads and
            the same budget in steps or none, the weights end as those of an unbroken run, bit for
            bit.
        overwrite: replace a run that is there.
        devices: processes, each on its own device; a step's batch is divided among them.
        device: auto, cpu or cuda.
        threads: of each process's CPU arithmetic; torch's own choice if not given.
        cache_dir: where decoded pictures are kept.
        allow_unreadable: go on however many images cannot be read.
        checkpoint_seconds: at most so much work is lost when the run is killed.
        evaluate_every: steps between evaluations.
        progress: who is told how far it is.
        on_evaluation: called with each evaluation.

    Raises:
        InputError: see its sentence; nothing that was there before has been lost.
        KeyboardInterrupt: Ctrl-C, after a checkpoint.
    """
    progress = progress or SilentProgress()
    budget = _checked_budget(steps, minutes)
    _check_counts(devices=devices, threads=threads, evaluate_every=evaluate_every)
    if resume and overwrite:
        raise InputError("resume and overwrite were both asked for: one goes on, one starts anew")
    folder = RunFolder(run)
    record = folder.record() if resume else None
    if record is None:
        folder.refuse_existing(overwrite=overwrite)
    elif config is not None and config != record.config:
        raise InputError(
            f"{run} was made with other settings ({_first_difference(config, record.config)}): "
            "leave them out to go on with --resume, or start anew with --overwrite"
        )
    config = record.config if record else config or load_recipe(recipe)
    if config.batch_size % devices:
        raise InputError(
            f"batch_size {config.batch_size} cannot be divided among {devices} devices"
        )
    geometry = (
        Geometry(
            (record.picture_height, record.picture_width), (record.view_height, record.view_width)
        )
        if record
        else plan_geometry(config.image, _aspect(images, config))
    )
    cache = load_pictures(
        images,
        height=geometry.picture[0],
        width=geometry.picture[1],
        fit=config.image.fit,
        cache_dir=cache_dir,
        max_unreadable=1.0 if allow_unreadable else 0.05,
        progress=progress,
    )
    if len(cache.names) < FEWEST_IMAGES:
        raise InputError(
            f"{images.root}: found {len(cache.names)} readable image, expected at least "
            f"{FEWEST_IMAGES}, and better some hundreds, of one kind of object"
        )
    if record is not None and record.images.digest != cache.key:
        raise InputError(
            f"{images.root}: these are not the {record.images.count} images that {run} was trained "
            "on: give the same images to go on with --resume"
        )

    keep_freed_memory()
    fabric = _launch(device, devices)
    if threads is not None:
        torch.set_num_threads(threads)
    if fabric.is_global_zero and record is None:
        folder.create(_new_record(config, recipe, geometry, images, cache), overwrite=overwrite)
        folder.write_unreadable(cache.unreadable)
    fabric.barrier()
    try:
        loop = TrainingLoop(
            fabric, folder, config, geometry, cache.pictures, Schedule(config.schedule, budget)
        )
        if record is not None:
            loop.resume()
        evaluation = loop.run(
            checkpoint_seconds=checkpoint_seconds,
            evaluate_every=evaluate_every,
            progress=progress if fabric.is_global_zero else SilentProgress(),
            on_evaluation=on_evaluation if fabric.is_global_zero else None,
        )
    except Exception:
        if fabric.is_global_zero and record is None:
            folder.bring_back_replaced()
        raise
    return TrainingResult(
        run=folder.path,
        steps=loop.progressed.step,
        seconds=loop.progressed.seconds,
        evaluation=evaluation,
        problems=tuple(diagnose(evaluation.health)),
        unreadable=cache.unreadable,
    )


def _checked_budget(steps: int | None, minutes: float | None) -> Budget:
    if steps is not None and steps < 1:
        raise InputError(f"--steps is {steps}: expected at least 1")
    if minutes is not None and not 0 < minutes < math.inf:
        raise InputError(f"--minutes is {minutes}: expected more than 0")
    return Budget(steps, minutes)


def _check_counts(**counts: int | None) -> None:
    for name, count in counts.items():
        if count is not None and count < 1:
            raise InputError(f"{name} is {count}: expected at least 1")


def _aspect(images: ImageSet, config: TrainingConfig) -> float:
    return middle_aspect(images) if config.image.aspect == "auto" else config.image.aspect


def _launch(device: str, devices: int) -> "Fabric":
    """Lightning Fabric takes seconds to import: only training pays for it."""
    from lightning_fabric import Fabric

    if device not in {"auto", "cpu", "cuda"}:
        raise InputError(f"--device is {device}: expected auto, cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("--device is cuda, but torch sees no CUDA device: use --device cpu")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and devices > torch.cuda.device_count():
        raise InputError(f"--devices is {devices}, but there are {torch.cuda.device_count()}")
    fabric = Fabric(accelerator=device, devices=devices, strategy="ddp" if devices > 1 else "auto")
    fabric.launch()
    return fabric


def _new_record(
    config: TrainingConfig,
    recipe: str,
    geometry: Geometry,
    images: ImageSet,
    cache: PictureCache,
) -> RunRecord:
    created, versions, commit = provenance()
    return RunRecord(
        config=config,
        recipe=recipe,
        view_height=geometry.view[0],
        view_width=geometry.view[1],
        picture_height=geometry.picture[0],
        picture_width=geometry.picture[1],
        images=ImageSource(
            name=_source_name(images.root),
            digest=cache.key,
            count=len(cache.names),
            unreadable=len(cache.unreadable),
        ),
        created=created,
        versions=versions,
        git_commit=commit,
    )


def _source_name(root: Path) -> str:
    """The folder's name; in our layout that of the whole set, whose images/ the root is."""
    root = root.absolute()
    return root.parent.name if root.name == "images" else root.name


def _first_difference(given: TrainingConfig, run: TrainingConfig) -> str:
    def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
        pairs: dict[str, Any] = {}
        for key, value in values.items():
            name = f"{prefix}{key}"
            pairs |= flat(value, f"{name}.") if isinstance(value, dict) else {name: value}
        return pairs

    one, other = flat(given.model_dump()), flat(run.model_dump())
    name = next(name for name in one if one[name] != other[name])
    return f"{name} is {one[name]} now and was {other[name]}"
