"""The networks of an experiment: trained, or gone on with where an earlier process was stopped."""

from pathlib import Path
from typing import Any

from warpmarks.reproduce.image_sets import ImageSets
from warpmarks.reproduce.plan import Training
from warpmarks.reproduce.settings import Settings
from warpmarks.runs.folder import RunFolder
from warpmarks.training import Conduct, TrainingResult, finetune, supervise, train


def carry_out_training(
    training: Training,
    run: Path,
    begin: Path | None,
    sets: ImageSets,
    settings: Settings,
    conduct: Conduct,
) -> dict[str, Any]:
    """Train into ``run``; what is kept of it as plain JSON.

    Raises:
        InputError: see its sentence.
        KeyboardInterrupt: Ctrl-C, after a checkpoint.
    """
    folder = RunFolder(run)
    begun = folder.state_path.is_file()
    asked: Conduct = {
        **conduct,
        "steps": settings.budget.steps,
        "minutes": settings.budget.minutes,
        "resume": begun,
        "overwrite": not begun and folder.exists(),
        "allow_unreadable": True,
    }
    result: TrainingResult[Any]
    if training.annotated:
        annotated = sets.annotated(training.images, training.normaliser)
        result = supervise(
            annotated,
            run,
            training.config,
            labels=training.labels,
            recipe=settings.recipe,
            **asked,
        )
    elif begin is not None:
        result = finetune(begin, sets.images(training.images), run, training.config, **asked)
    else:
        images = sets.images(training.images)
        result = train(images, run, training.config, recipe=settings.recipe, **asked)
    return {
        "training": training.name,
        "run": run.name,
        "steps": result.steps,
        "seconds": round(result.seconds, 1),
        "images": folder.record().images.count,
        "problems": list(result.problems),
    }
