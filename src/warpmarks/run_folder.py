"""A run on disk: plain JSON and safetensors, each file whole or not there.

run.json                      what the run is: settings, versions, images, geometry
log.jsonl                     one line per evaluation
weights.safetensors           the network, for detection
training_state.safetensors    network, optimiser and schedule, to go on from
unreadable.csv                images left out, with reasons
pictures/, report.html        what there is to look at
"""

import csv
import io
import json
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from warpmarks.configuration import TrainingConfig
from warpmarks.errors import InputError
from warpmarks.files import write_text

FORMAT = 1


class ImageSource(BaseModel):
    """Which images a run was made from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """Last part of the path that was given: a run can be moved, its images may be elsewhere."""
    digest: str
    """Hash of the decoded pictures' names, contents and settings."""
    count: int
    unreadable: int


class RunRecord(BaseModel):
    """What a run is; ``run.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Annotated[int, Field(ge=1)] = FORMAT
    config: TrainingConfig
    recipe: str
    view_height: Annotated[int, Field(ge=2)]
    view_width: Annotated[int, Field(ge=2)]
    picture_height: Annotated[int, Field(ge=2)]
    picture_width: Annotated[int, Field(ge=2)]
    images: ImageSource
    created: str
    versions: dict[str, str]
    git_commit: str | None


class RunFolder:
    """Reads and writes the files of one run."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

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

    def exists(self) -> bool:
        """Whether there is a run here."""
        return (self.path / "run.json").is_file()

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
        """Make the folder with its record, in one rename.

        Raises:
            InputError: a run is there and ``overwrite`` is not set, something else is there, or the
                place cannot be written.
        """
        self.refuse_existing(overwrite=overwrite)
        target = self.path.absolute()
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            fresh = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
            fresh.chmod(0o755)
            write_text(fresh / "run.json", record.model_dump_json(indent=2) + "\n")
            old = None
            if target.exists():
                old = fresh.with_name(fresh.name + ".old")
                target.rename(old)
            fresh.rename(target)
            if old is not None:
                shutil.rmtree(old)
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(f"--run {self.path} cannot be written ({reason})") from error

    def record(self) -> RunRecord:
        """What the run is.

        Raises:
            InputError: no run here, a damaged record, or one of a later version.
        """
        path = self.path / "run.json"
        if not path.is_file():
            raise InputError(f"{self.path} is no run: there is no run.json in it")
        try:
            text = path.read_text(encoding="utf-8")
            written = json.loads(text)
            if isinstance(written, dict) and written.get("format", FORMAT) > FORMAT:
                raise InputError(
                    f"{path}: written in format {written['format']} by a later warpmarks, this one "
                    f"reads up to {FORMAT}: upgrade warpmarks"
                )
            return RunRecord.model_validate(written)
        except (ValidationError, ValueError, TypeError, OSError) as error:
            if isinstance(error, InputError):
                raise
            reason = " ".join(str(error).split())[:200]
            raise InputError(f"{path} is damaged ({reason}): train again") from error

    def append_log(self, line: Mapping[str, Any]) -> None:
        """Add one evaluation."""
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
        """All evaluations; a last line that was cut off in the middle is left out."""
        if not self.log_path.is_file():
            return []
        lines: list[dict[str, Any]] = []
        texts = self.log_path.read_text("utf-8").splitlines()
        for number, text in enumerate(texts, start=1):
            try:
                lines.append(json.loads(text))
            except ValueError as error:
                if number == len(texts):
                    break
                raise InputError(f"{self.log_path}, line {number}: not JSON") from error
        return lines

    def truncate_log(self, step: int) -> None:
        """Forget evaluations after ``step``: training goes on from there and repeats them."""
        kept = [line for line in self.read_log() if line["step"] <= step]
        write_text(self.log_path, "".join(json.dumps(line) + "\n" for line in kept))

    def write_unreadable(self, unreadable: Sequence[tuple[str, str]]) -> None:
        """The images that were left out, if any."""
        if not unreadable:
            return
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows([("image", "reason"), *unreadable])
        write_text(self.path / "unreadable.csv", text.getvalue())


def provenance() -> tuple[str, dict[str, str], str | None]:
    """Time, versions and, where there is one, the git commit of the working folder."""
    names = ("warpmarks", "torch", "numpy", "pillow", "lightning-fabric", "safetensors")
    versions = {name: _version(name) for name in names}
    versions["python"] = platform.python_version()
    versions["platform"] = platform.platform()
    return datetime.now(UTC).isoformat(timespec="seconds"), versions, _git_commit()


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _git_commit() -> str | None:
    git = shutil.which("git")
    if git is None:
        return None
    asked = subprocess.run(
        [git, "rev-parse", "HEAD"], capture_output=True, text=True, check=False, timeout=10
    )
    return asked.stdout.strip() or None if asked.returncode == 0 else None
