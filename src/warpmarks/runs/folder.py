"""A run on disk: plain JSON and safetensors, each file whole or not there.

run.json                      what the run is: settings, versions, images, geometry
log.jsonl                     one line per evaluation
weights.safetensors           the network, for detection
training_state.safetensors    network, optimiser and schedule, to go on from
images.csv                    names of the images that it is trained on
unreadable.csv                images left out, with reasons
tensorboard/                  the log's numbers as curves, where they were asked for
pictures/, report.html        what there is to look at
"""

import csv
import json
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from warpmarks.arguments import expect_path
from warpmarks.datasets.results import RUN
from warpmarks.errors import InputError
from warpmarks.pydantic_reasons import first_reason
from warpmarks.runs.record import FORMAT, RunRecord
from warpmarks.system.files import refuse_other_format, replace_folder, write_csv, write_text
from warpmarks.system.locks import held
from warpmarks.system.machine import version_of


class RunFolder:
    """Reads and writes the files of one run."""

    def __init__(self, path: str | Path) -> None:
        self.path = expect_path(path, "run", "the path of a run")

    @property
    def log_path(self) -> Path:
        """One JSON line per evaluation."""
        return self.path / "log.jsonl"

    @property
    def weights_path(self) -> Path:
        """The network's weights."""
        return self.path / "weights.safetensors"

    @property
    def state_path(self) -> Path:
        """Everything that training goes on from."""
        return self.path / "training_state.safetensors"

    @property
    def replaced_path(self) -> Path:
        """Where a run that this one replaces waits for this one's first checkpoint."""
        target = self.path.resolve()
        return target.with_name(f".{target.name}.replaced")

    def exists(self) -> bool:
        """Whether there is a run here."""
        return (self.path / RUN).is_file()

    @contextmanager
    def written_alone(self) -> Iterator[None]:
        """While it lasts no other process can train a run here, whether there is one or not yet.

        The lock lies beside the folder, which may be replaced.

        Raises:
            InputError: another process does.
        """
        target = self.path.resolve()
        made = [folder for folder in target.parents if not folder.exists()]
        with suppress(OSError):  # whoever writes the run will tell
            target.parent.mkdir(parents=True, exist_ok=True)
        busy = (
            f"{self.path} is being trained by another process: wait for it or stop it, or choose "
            "another --run"
        )
        try:
            with held(target.with_name(f".{target.name}.lock"), busy):
                yield
        finally:
            for folder in made:
                with suppress(OSError):  # there is something in it
                    folder.rmdir()

    def refuse_existing(self, *, overwrite: bool) -> None:
        """Raise if ``create`` would.

        Raises:
            InputError: something is there and may not be replaced.
        """
        if not self.path.exists() or (self.path.is_dir() and not any(self.path.iterdir())):
            return
        if not self.exists():
            raise InputError(f"{self.path} exists and is no run: choose another --run")
        if not overwrite:
            raise InputError(
                f"{self.path} holds a run already: go on with --resume, replace it with "
                "--overwrite, or choose another --run"
            )

    def create(self, record: RunRecord, *, overwrite: bool = False) -> None:
        """Make the folder with its record, whole or not at all.

        A run that it replaces is kept beside it, hidden, until ``drop_replaced``.

        Raises:
            InputError: a run is there and ``overwrite`` is not set, something else is there, or the
                place cannot be written; what was there is as it was.
        """
        self.refuse_existing(overwrite=overwrite)
        text = _as_text(record)
        target = self.path.resolve()
        if target.is_dir() and not self.exists():
            # An empty folder may be a mounted disk or where we stand, which cannot be renamed.
            write_text(target / RUN, text)
            return
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            made = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
            try:
                (made / "new").mkdir()
                write_text(made / "new" / RUN, text)
                _replace_run(made / "new", target, self.replaced_path)
            finally:
                shutil.rmtree(made, ignore_errors=True)
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(
                f"--run {self.path} cannot be written ({reason}): choose another place or make room"
            ) from error

    def drop_replaced(self) -> None:
        """Delete the run that this one replaced, now that this one has come to something."""
        shutil.rmtree(self.replaced_path, ignore_errors=True)

    def bring_back_replaced(self) -> None:
        """Put the replaced run back, unless this one has come to a checkpoint."""
        if self.replaced_path.is_dir() and not self.state_path.exists():
            target = self.path.resolve()
            shutil.rmtree(target)
            self.replaced_path.rename(target)

    def record(self) -> RunRecord:
        """What the run is.

        Raises:
            InputError: no run here, a damaged record, or one of another format.
        """
        path = self.path / RUN
        if not path.is_file():
            raise InputError(self._no_run())
        try:
            written = json.loads(path.read_text(encoding="utf-8"))
            refuse_other_format(written, FORMAT, path, "train again")
            return RunRecord.model_validate(written)
        except ValidationError as error:
            if unknown := _unknown_settings(error):
                raise InputError(
                    f"{path} has {unknown[0]}, which this warpmarks "
                    f"{version_of('warpmarks')} does not know: the run is of another "
                    "version, read it with that one"
                ) from error
            raise InputError(f"{path} is damaged ({first_reason(error)}): train again") from error
        except (ValueError, TypeError, OSError) as error:
            if isinstance(error, InputError):
                raise
            reason = " ".join(str(error).split())[:200]
            raise InputError(f"{path} is damaged ({reason}): train again") from error

    def _no_run(self) -> str:
        if self.path.is_dir():
            return f"{self.path} is no run: there is no run.json in it"
        if not self.path.exists():
            return f"{self.path} does not exist: expected the folder of a run"
        expected = "expected the folder of a run"
        if self.path.suffix.lower() == ".onnx":
            expected += ", the one that this was exported from"
        return f"{self.path} is a file: {expected}"

    def update(self, record: RunRecord) -> None:
        """Write the record of the run that is there anew, whole or not at all."""
        write_text(self.path / RUN, _as_text(record))

    def append_log(self, line: Mapping[str, Any]) -> None:
        """Add one evaluation.

        Raises:
            InputError: it cannot be written.
        """
        try:
            with self.log_path.open("a", encoding="utf-8") as log:
                log.write(json.dumps(line) + "\n")
                log.flush()
                os.fsync(log.fileno())
        except OSError as error:
            raise InputError(
                f"{self.log_path} cannot be written ({error.strerror}): make room, then go on with "
                "--resume"
            ) from error

    def read_log(self) -> list[dict[str, Any]]:
        """All evaluations; a last line that was cut off in the middle is left out.

        Raises:
            InputError: another line is no evaluation.
        """
        if not self.log_path.is_file():
            return []
        lines: list[dict[str, Any]] = []
        texts = self.log_path.read_text("utf-8", errors="replace").splitlines()
        for number, text in enumerate(texts, start=1):
            line = _evaluation(text)
            if line is not None:
                lines.append(line)
            elif number < len(texts):
                raise InputError(
                    f"{self.log_path}, line {number}: expected an evaluation as JSON, found "
                    f"{text[:40]!r}: remove that line"
                )
        return lines

    def usual_score(self) -> float | None:
        """Mean score on held-out warps of the run's own images; None where none was kept."""
        try:
            return float(self.read_log()[-1]["mean_concentration"])
        except (OSError, InputError, IndexError, KeyError, TypeError, ValueError):
            return None

    def truncate_log(self, step: int) -> list[dict[str, Any]]:
        """Forget evaluations after ``step``: training goes on from there and repeats them."""
        kept = [line for line in self.read_log() if line["step"] <= step]
        write_text(self.log_path, "".join(json.dumps(line) + "\n" for line in kept))
        return kept

    def write_unreadable(self, unreadable: Sequence[tuple[str, str]]) -> None:
        """The images that were left out, if any."""
        if unreadable:
            write_csv(self.path / "unreadable.csv", [("image", "reason"), *unreadable])

    def write_names(self, names: Iterable[str]) -> None:
        """The names of the images that the run is trained on."""
        write_csv(self.path / "images.csv", [("image",), *((name,) for name in names)])

    def read_names(self) -> tuple[str, ...] | None:
        """What ``write_names`` wrote; None where the file is missing or damaged."""
        try:
            with (self.path / "images.csv").open(
                encoding="utf-8", errors="surrogateescape", newline=""
            ) as lines:
                header, *names = (row[0] for row in csv.reader(lines))
        except (OSError, ValueError, csv.Error, IndexError):
            return None
        return tuple(names) if header == "image" and names else None


def provenance() -> tuple[str, dict[str, str], str | None]:
    """Time, versions and, where there is one, the git commit of the package's checkout."""
    names = ("warpmarks", "torch", "numpy", "pillow", "lightning-fabric", "safetensors")
    versions = {name: version_of(name) for name in names}
    versions["python"] = platform.python_version()
    versions["platform"] = platform.platform()
    return datetime.now(UTC).isoformat(timespec="seconds"), versions, _git_commit()


def _unknown_settings(error: ValidationError) -> list[str]:
    """The keys that another version wrote, where a record has nothing else against it."""
    found = error.errors(include_url=False)
    if any(one["type"] != "extra_forbidden" for one in found):
        return []
    return [".".join(map(str, one["loc"])) for one in found]


def _as_text(record: RunRecord) -> str:
    return record.model_dump_json(indent=2) + "\n"


def _replace_run(fresh: Path, target: Path, replaced: Path) -> None:
    """Put a folder at ``target``, and a run that was there at ``replaced``."""
    trained = (target / "training_state.safetensors").exists()
    if target.exists() and replaced.is_dir() and not trained:
        # An earlier replacement never came to a checkpoint: what it replaced still waits.
        replace_folder(fresh, target)
        return
    if trained:  # what it replaced has been of no use since
        shutil.rmtree(replaced, ignore_errors=True)
    replace_folder(fresh, target, old=replaced)


def _evaluation(text: str) -> dict[str, Any] | None:
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) and type(line.get("step")) is int else None


def _git_commit() -> str | None:
    """The commit of the package's own checkout, where it is run from one."""
    git, here = shutil.which("git"), Path(__file__).resolve()
    if git is None:
        return None

    def ask(*words: str) -> str:
        command = [git, "-C", str(here.parent), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
        return done.stdout.strip()

    try:
        ask("ls-files", "--error-unmatch", here.name)
        return ask("rev-parse", "HEAD") or None
    except (OSError, subprocess.SubprocessError):
        return None
