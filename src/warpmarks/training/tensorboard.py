"""The lines of ``log.jsonl`` as curves for TensorBoard, which is imported where it is asked for."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warpmarks.errors import InputError
from warpmarks.runs.folder import RunFolder
from warpmarks.training.task import Evaluation

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


def summary_writer() -> "type[SummaryWriter]":
    """What writes TensorBoard's files.

    Raises:
        InputError: TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise InputError(
            "--tensorboard needs TensorBoard, which is not installed: "
            "pip install 'warpmarks[tensorboard]'"
        ) from error
    return SummaryWriter


@contextmanager
def also_in_tensorboard(
    folder: RunFolder, on_evaluation: Callable[[Evaluation[Any]], None] | None
) -> Iterator[Callable[[Evaluation[Any]], None]]:
    """What to call with each evaluation, so that its numbers are curves before it is told further.

    The log so far is written anew and takes the place of what TensorBoard has of the run: nothing
    is missing or there twice, wherever the run was stopped and with which flags. The time of a
    point is that of training, without pauses.

    Raises:
        InputError: the files cannot be written.
    """
    path, log = folder.path / "tensorboard", folder.read_log()
    began = time.time() - (log[-1]["seconds"] if log else 0)
    writer_class = summary_writer()
    with _told(path):
        path.mkdir(exist_ok=True)  # TensorFlow, which writes where there is one, tells otherwise
        writer = writer_class(str(path), purge_step=0)

    def add(line: Mapping[str, Any]) -> None:
        with _told(path):
            for name, value in line.items():
                if isinstance(value, int | float) and name != "step":
                    writer.add_scalar(name, value, line["step"], walltime=began + line["seconds"])
            writer.flush()

    def tell(evaluation: Evaluation[Any]) -> None:
        add(evaluation.line())
        if on_evaluation is not None:
            on_evaluation(evaluation)

    try:
        for line in log:
            add(line)
        yield tell
    finally:
        with suppress(OSError):  # each line is flushed already
            writer.close()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror or error}): make room, then "
            "go on with --resume, or leave --tensorboard out"
        ) from error
