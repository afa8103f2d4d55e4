"""One training and its figures: made, gone on with or read again, and scored as is asked for.

The run says itself what it was trained with. Beside it lies cell.json: ``trained``, with the images
that it was trained on and how it did; ``scored``, with what its errors were measured on; and these
errors. What decides a training must agree with what is asked for; a run of which only the scoring
does not is scored anew.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

import warpmarks
from ablation.plan import Cell, Scoring, digest_of
from warpmarks.datasets.annotated import AnnotatedSet
from warpmarks.errors import InputError
from warpmarks.evaluation.few_labels import LabelledPool, errors_by_labels
from warpmarks.evaluation.locating import locate_annotated
from warpmarks.recipe_reading import first_difference
from warpmarks.runs.folder import RunFolder
from warpmarks.system.files import write_json
from warpmarks.system.progress import Progress

CELL = "cell.json"

ALL = "all"
"""Key of the errors of fits on all annotated images."""


def refuse_other(cell: Cell) -> None:
    """Raise where the folder of a cell holds what was not made as is asked for now.

    Raises:
        InputError: see above, with what differs.
    """
    run, written = RunFolder(cell.folder), read_figures(cell.folder)
    if not run.exists():
        if cell.folder.is_file() or (cell.folder.is_dir() and any(cell.folder.iterdir())):
            raise InputError(
                f"{cell.folder} holds something else than a run: choose another --output"
            )
        return
    if differs := _difference(cell, run, written):
        raise InputError(
            f"{cell.folder} was trained otherwise ({differs}): choose another --output, or remove "
            "this folder to train anew"
        )


def finished(cell: Cell, draws: int, threads: int | None, progress: Progress) -> dict[str, Any]:
    """The figures of a cell, which is trained and scored first as far as it is not.

    Raises:
        InputError: see its sentence.
        KeyboardInterrupt: Ctrl-C; the same call goes on.
    """
    figures = read_figures(cell.folder)
    if figures is None:
        trained = {"images": cell.of.digest, **_train(cell, threads, progress)}
        figures = {"trained": trained, "scored": None, "errors": {}}
        write_json(cell.folder / CELL, figures)
    scoring, labels = cell.of.scoring, cell.of.entry.labels
    if scoring is None:
        return figures | {"errors": {}}
    asked = about_scoring(scoring, draws)
    if figures["scored"] != asked:
        if figures["scored"] is not None:
            progress.message(f"{cell.title}: scored anew, on other images or in another way")
        figures = figures | {"scored": asked, "errors": {}}
    wanted = [ALL, *map(str, labels)]
    missing = [key for key in wanted if key not in figures["errors"]]
    if missing:
        found = score(cell.folder, scoring, missing, draws, progress)
        figures["errors"] |= found
        write_json(cell.folder / CELL, figures)
    return figures | {"errors": {key: figures["errors"][key] for key in wanted}}


def about_scoring(scoring: Scoring, draws: int) -> dict[str, Any]:
    """What decides errors, but for the number of labels."""
    return {
        "draws": draws,
        "method": "auto",
        "normaliser": scoring.held_out.scheme.normaliser.text,
        "fit": digest_of(_content(scoring.fitted)),
        "score": digest_of(_content(scoring.held_out)),
    }


def score(
    run: Path, scoring: Scoring, wanted: list[str], draws: int, progress: Progress
) -> dict[str, list[float]]:
    """Errors in % of the normaliser by number of annotated images, one for each draw.

    Those of `warpmarks evaluate --labels`.
    """
    detector = warpmarks.Detector.load(run)
    held_out = locate_annotated(detector, scoring.held_out, progress=progress)
    pool = LabelledPool(detector, scoring.fitted, progress=progress)
    counts = [None if key == ALL else int(key) for key in wanted]
    found = errors_by_labels(pool, held_out, counts, draws=draws, progress=progress)
    return {key: (100 * one.errors).tolist() for key, one in zip(wanted, found, strict=True)}


def read_figures(folder: Path) -> dict[str, Any] | None:
    """What cell.json says; None where there is none.

    Raises:
        InputError: it is damaged.
    """
    path = folder / CELL
    try:
        written: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return {key: written[key] for key in ("trained", "scored", "errors")}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"{path} is damaged ({error}): remove this file, and the run is scored anew"
        ) from error


def _train(cell: Cell, threads: int | None, progress: Progress) -> dict[str, Any]:
    begun = RunFolder(cell.folder).exists()
    result = warpmarks.train(
        cell.of.images,
        cell.folder,
        cell.config,
        recipe=cell.recipe,
        resume=begun,
        steps=cell.budget.steps,
        minutes=cell.budget.minutes,
        threads=threads,
        progress=progress,
    )
    health, pairs = result.evaluation.measures.health, result.steps * cell.config.batch_size
    return {
        "equivariance": health.equivariance_error_percent,
        "dead": len(health.dead),
        "nailed": len(health.nailed),
        "doubled": len(health.doubled),
        "pairs": pairs,
        "pairs/s": pairs / result.seconds,
    }


def _difference(cell: Cell, run: RunFolder, written: dict[str, Any] | None) -> str:
    record, images = run.record(), cell.of.images
    if record.config != cell.config:
        return first_difference(cell.config, record.config)
    for unit in ("steps", "minutes"):
        before, now = getattr(record.budget, unit), getattr(cell.budget, unit)
        if before != now:
            return f"the budget is {_some(now, unit)} now and was {_some(before, unit)}"
    known = set(run.read_names() or ())
    others = record.images.count + record.images.unreadable != len(images.names)
    if written is not None:
        others = written["trained"]["images"] != cell.of.digest
    if others or not known <= set(images.names):
        return f"on other images than now lie in {cell.of.entry.path}, split {cell.of.entry.train}"
    return ""


def _some(number: float | None, unit: str) -> str:
    return f"without {unit}" if number is None else f"{number:g} {unit}"


def _content(annotated: AnnotatedSet) -> list[bytes]:
    points = np.ascontiguousarray(annotated.points, dtype="<f8").tobytes()
    accepted = b"" if annotated.accepted is None else annotated.accepted.tobytes()
    names = [name.encode(errors="surrogateescape") for name in annotated.images.names]
    return [points, accepted, *names]
