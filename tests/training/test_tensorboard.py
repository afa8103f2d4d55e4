import subprocess
import sys
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tiny_runs import train_tiny
from warpmarks.errors import InputError
from warpmarks.runs.folder import RunFolder
from warpmarks.training import Evaluation


def curves(run: RunFolder) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard shows of a run."""
    shown = EventAccumulator(str(run.path / "tensorboard"))
    shown.Reload()
    return {
        name: [(point.step, point.value) for point in shown.Scalars(name)]
        for name in shown.Tags()["scalars"]
    }


def numbers_in_log(run: RunFolder) -> dict[str, list[tuple[int, float]]]:
    lines = run.read_log()
    return {
        name: [(line["step"], pytest.approx(line[name], rel=1e-6)) for line in lines]
        for name, value in lines[0].items()
        if isinstance(value, float)
    }


def test_the_curves_are_the_numbers_of_the_log(image_folder: Path, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    told: list[int] = []
    train_tiny(
        image_folder,
        run.path,
        steps=12,
        tensorboard=True,
        on_evaluation=lambda evaluation: told.append(evaluation.step),
    )
    assert told == [5, 10, 12]
    assert curves(run) == numbers_in_log(run)
    assert {"loss", "equivariance", "diversity", "learning_rate"} <= curves(run).keys()


class KilledError(Exception):
    pass


def test_a_run_that_goes_on_has_each_step_once(image_folder: Path, tmp_path: Path) -> None:
    def kill(evaluation: Evaluation) -> None:
        if evaluation.step == 15:
            raise KilledError

    run = RunFolder(tmp_path / "run")
    train_tiny(image_folder, run.path, steps=7)  # its evaluations are curves later all the same
    with pytest.raises(KilledError):
        train_tiny(
            image_folder, run.path, steps=22, resume=True, tensorboard=True, on_evaluation=kill
        )
    assert [step for step, _ in curves(run)["loss"]] == [5, 7, 10, 15]
    # It goes on from step 7, its last checkpoint, and no longer comes to step 15.
    train_tiny(image_folder, run.path, steps=13, resume=True, tensorboard=True)
    assert [step for step, _ in curves(run)["loss"]] == [5, 7, 10, 13]
    assert curves(run) == numbers_in_log(run)


def test_a_run_that_replaces_another_has_its_own_curves(image_folder: Path, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    train_tiny(image_folder, run.path, steps=5, tensorboard=True)
    train_tiny(image_folder, run.path, steps=1, overwrite=True, tensorboard=True)
    assert curves(run) == numbers_in_log(run)


def test_the_time_of_a_point_is_that_of_training(image_folder: Path, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    train_tiny(image_folder, run.path, steps=12)
    train_tiny(image_folder, run.path, steps=20, resume=True, tensorboard=True)
    shown = EventAccumulator(str(run.path / "tensorboard"))
    shown.Reload()
    times = [point.wall_time for point in shown.Scalars("loss")]
    seconds = [line["seconds"] for line in run.read_log()]
    assert [time - times[0] for time in times] == pytest.approx(
        [second - seconds[0] for second in seconds], abs=1e-3
    )


def test_it_is_not_imported_unless_it_is_asked_for(image_folder: Path, tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from tiny_runs import train_tiny
train_tiny(Path(sys.argv[1]), Path(sys.argv[2]), steps=1)
assert "tensorboard" not in sys.modules
"""
    command = [sys.executable, "-c", program, str(image_folder), str(tmp_path / "run")]
    tests = str(Path(__file__).parents[1])
    subprocess.run(command, check=True, timeout=200, cwd=tests)
    assert not (tmp_path / "run" / "tensorboard").exists()


def test_a_place_that_cannot_be_written_is_told(image_folder: Path, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    train_tiny(image_folder, run.path, steps=1)
    (run.path / "tensorboard").write_text("in the way")
    with pytest.raises(InputError, match=r"run/tensorboard cannot be written .*--resume"):
        train_tiny(image_folder, run.path, steps=2, resume=True, tensorboard=True)
