"""Carrying out an experiment: step by step, each kept as soon as it is finished."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warpmarks.datasets.results import DRAWING
from warpmarks.errors import InputError
from warpmarks.reproduce.copies import Copy
from warpmarks.reproduce.image_sets import ImageSets
from warpmarks.reproduce.notes import make_notes
from warpmarks.reproduce.pictures import (
    draw_examples,
    draw_influences,
    draw_label_curve_picture,
    draw_predictions,
)
from warpmarks.reproduce.plan import Cell, Drawing, Plan, Step, Training, make_plan, network_of
from warpmarks.reproduce.protocol import Protocol
from warpmarks.reproduce.record import save_table, stem
from warpmarks.reproduce.scoring import Scorer
from warpmarks.reproduce.settings import Settings
from warpmarks.reproduce.store import Store
from warpmarks.reproduce.table import TableRow, make_rows
from warpmarks.reproduce.trainings import carry_out_training
from warpmarks.reproduce.wordless import WordlessProgress
from warpmarks.runs.folder import RunFolder
from warpmarks.system.files import fresh_folder, write_json
from warpmarks.system.parallel import processors
from warpmarks.system.progress import Progress, SilentProgress
from warpmarks.training import Conduct


@dataclass(frozen=True)
class Outcome:
    """What has come of an experiment so far.

    Attributes:
        rows: of its table.
        notes: what has to be said beside it.
        pictures: paths in the output folder.
        normaliser: what errors are shares of, for people; empty where there is no figure.
        failures: of steps, a sentence each.
    """

    rows: tuple[TableRow, ...]
    notes: tuple[str, ...]
    pictures: tuple[str, ...]
    normaliser: str
    failures: tuple[str, ...] = ()


class NothingToDo(InputError):  # noqa: N818
    """Nothing of an experiment can be done with the images that are there."""


def carry_out(
    protocol: Protocol,
    settings: Settings,
    copies: Mapping[str, Copy],
    output: Path,
    *,
    conduct: Conduct,
    on_step: Callable[[int, int, Step], None] | None = None,
) -> Outcome:
    """Do what is left to do of an experiment; NAME.json and NAME.md are written after each step.

    A step that fails, as a training whose loss explodes, does not keep others from being done.

    Args:
        protocol: of the experiment.
        settings: the rest of what decides its figures.
        copies: of its image sets, by the name of their source.
        output: the folder; what an earlier process has finished in it is used.
        conduct: how networks are trained: device, threads, progress and more.
        on_step: told of each step before it is done: its number, of how many, and which.

    Raises:
        NothingToDo: the images of all of it are missing.
        InputError: the output cannot be written.
        KeyboardInterrupt: Ctrl-C; the same call goes on.
    """
    plan = make_plan(protocol, settings, copies)
    figures = any(not row.by_others for row in protocol.rows)
    if not plan.cells if figures else not plan.steps:
        raise NothingToDo(
            f"nothing of {protocol.name} can be done: {next(iter(plan.missing.values()))}"
        )
    work = _Work(protocol, settings, copies, plan, Store(output), conduct)
    work.save()
    left = plan.left(work.found)
    for number, step in enumerate(left, start=1):
        if work.doomed(step):
            continue
        if on_step is not None:
            on_step(number, len(left), step)
        work.do(step)
        work.save()
    return work.outcome()


class _Work:
    def __init__(
        self,
        protocol: Protocol,
        settings: Settings,
        copies: Mapping[str, Copy],
        plan: Plan,
        store: Store,
        conduct: Conduct,
    ) -> None:
        self.protocol, self.settings, self.copies, self.plan = protocol, settings, copies, plan
        self.store, self.conduct = store, conduct
        self.progress: Progress = conduct.get("progress") or SilentProgress()
        if settings.quick:
            self.progress = WordlessProgress(self.progress)
            self.conduct = {**conduct, "progress": self.progress}
        self.sets = ImageSets(
            copies,
            store.sets,
            limit=settings.limit,
            threads=conduct.get("threads") or processors(),
            progress=self.progress,
        )
        self.scorer = Scorer(
            self.sets, store, device=conduct.get("device", "auto"), progress=self.progress
        )
        self.failed: dict[str, str] = {}
        self.found: dict[str, dict[str, Any]] = {
            step.key: record
            for step in plan.steps
            if (record := store.found(step.key)) is not None and self._stands(step, record)
        }

    def doomed(self, step: Step) -> bool:
        """Whether the network that it needs has failed."""
        network = network_of(step)
        if network in self.failed:
            self.failed[step.key] = self.failed[network]
        return step.key in self.failed

    def do(self, step: Step) -> None:
        """Do a step and keep what it has found, or why it has failed."""
        try:
            if isinstance(step, Training):
                record = self._train(step)
            elif isinstance(step, Cell):
                record = self.scorer.score(step)
            else:
                record = {"pictures": self._draw(step)}
        except InputError as error:
            self.failed[step.key] = str(error)
            self.progress.message(f"{step.name}: {error}")
            return
        self.store.keep(step.key, record)
        self.found[step.key] = record

    def save(self) -> None:
        """Write the table as far as it has come."""
        so_far = self.outcome()
        save_table(
            self.store.output,
            self.protocol,
            self.settings,
            self.copies,
            so_far.rows,
            so_far.notes,
            so_far.pictures,
            so_far.normaliser,
        )

    def outcome(self) -> Outcome:
        """What has come of it so far."""
        names = [record["normaliser_words"] for record in self.found.values() if "cell" in record]
        plan = self.plan.without(self.failed)
        return Outcome(
            make_rows(self.protocol, plan, self.found),
            make_notes(self.protocol, self.settings, self.copies, plan, self.found),
            tuple(
                picture
                for step in self.plan.steps
                for picture in self.found.get(step.key, {}).get("pictures", ())
            ),
            names[0] if names else "",
            tuple(dict.fromkeys(self.failed.values())),
        )

    def _stands(self, step: Step, record: Mapping[str, Any]) -> bool:
        """Whether the files that a finished step has left are still there."""
        if isinstance(step, Training):
            return RunFolder(self.store.run(step.key)).weights_path.is_file()
        return all((self.store.output / name).is_file() for name in record.get("pictures", ()))

    def _train(self, step: Training) -> dict[str, Any]:
        begin = None if step.begin is None else self.store.run(step.begin)
        return carry_out_training(
            step, self.store.run(step.key), begin, self.sets, self.settings, self.conduct
        )

    def _draw(self, step: Drawing) -> list[str]:
        """Draw into a folder that takes its place at the end; paths of the pictures."""
        home = stem(self.protocol, self.settings)
        folder = self.store.output / home / step.spec.kind
        with fresh_folder(folder) as fresh:
            names = self._draw_into(fresh, step)
            write_json(fresh / DRAWING, {"drawing": step.name, "pictures": names})
        return [f"{home}/{step.spec.kind}/{name}" for name in names]

    def _draw_into(self, folder: Path, step: Drawing) -> list[str]:
        """Draw; names of the pictures."""
        match step.spec.kind:
            case "examples":
                return draw_examples(folder, step, self.sets, self.scorer, self.progress)
            case "predictions":
                return draw_predictions(folder, step, self.scorer)
            case "influences":
                return draw_influences(folder, step, self.scorer)
            case "label_curve":
                so_far = self.outcome()
                return draw_label_curve_picture(
                    folder, self.protocol, so_far.rows, so_far.normaliser
                )
