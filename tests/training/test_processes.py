import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import torch

from textured_pictures import textured_folder
from tiny_runs import AS_BY_DEFAULT, tiny_config, train_tiny
from warpmarks.cli.ending import exit_code
from warpmarks.errors import InputError
from warpmarks.runs.folder import RunFolder
from warpmarks.runs.weights import read_tensors
from warpmarks.system.processes import (
    LOST,
    PARENT,
    ProcessPosition,
    given,
    is_first_process,
    process_position,
)
from warpmarks.training import Evaluation
from warpmarks.training import processes as module
from warpmarks.training.processes import Processes, count_processes

SCRIPT = Path(__file__).parent / "several_processes.py"
STEPS = 15

TORCHRUN = {
    "TORCHELASTIC_RUN_ID": "none",
    "RANK": "5",
    "LOCAL_RANK": "1",
    "WORLD_SIZE": "8",
    "LOCAL_WORLD_SIZE": "4",
}
SRUN = {
    "SLURM_JOB_ID": "123",
    "SLURM_JOB_NAME": "train",
    "SLURM_STEP_ID": "0",
    "SLURM_NTASKS": "6",
    "SLURM_NNODES": "2",
    "SLURM_PROCID": "4",
    "SLURM_LOCALID": "1",
    "SLURM_NODEID": "1",
    "SLURM_NODELIST": "localhost",
}
OURS = {PARENT: f"{os.getppid()} 2 3", "NODE_RANK": "2", "LOCAL_RANK": "1"}


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in {*TORCHRUN, *SRUN, *OURS, "MASTER_ADDR", "MASTER_PORT"}:
        monkeypatch.delenv(name, raising=False)


def told(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


# Which process this is


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        (TORCHRUN, ProcessPosition("torchrun", 5, 1, 4, 2)),
        (SRUN, ProcessPosition("srun", 4, 1, 3, 2)),
        (OURS, ProcessPosition("warpmarks", 5, 1, 2, 3)),
        (SRUN | TORCHRUN, ProcessPosition("torchrun", 5, 1, 4, 2)),
        # What SLURM sets where nobody called srun, or for a shell.
        ({name: SRUN[name] for name in SRUN if name != "SLURM_STEP_ID"}, None),
        (SRUN | {"SLURM_STEP_ID": "4294967291"}, None),
        (SRUN | {"SLURM_JOB_NAME": "interactive"}, None),
        (SRUN | {"SLURM_NTASKS": "1", "SLURM_NNODES": "1", "SLURM_PROCID": "0"}, None),
        ({"LOCAL_RANK": "3", "SLURM_JOB_ID": "1"}, None),
    ],
)
def test_who_started_this_process(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: ProcessPosition | None
) -> None:
    told(monkeypatch, environment)
    assert process_position() == expected
    assert is_first_process() is (expected is None)


def test_as_many_as_were_started(monkeypatch: pytest.MonkeyPatch) -> None:
    assert count_processes(None, None) == (1, 1)
    assert count_processes(3, 1) == (3, 1)
    with pytest.raises(InputError, match=r"^--nodes is 2, but nothing says where the others"):
        count_processes(3, 2)
    told(monkeypatch, {"MASTER_ADDR": "one", "MASTER_PORT": "1", "NODE_RANK": "0"})
    assert count_processes(3, 2) == (3, 2)
    told(monkeypatch, TORCHRUN)
    assert count_processes(None, None) == count_processes(4, 2) == (4, 2)
    with pytest.raises(InputError, match=r"^--devices is 1, but torchrun has started 4 processes"):
        count_processes(1, None)
    with pytest.raises(InputError, match=r"^--nodes is 1, but torchrun has started processes on"):
        count_processes(None, 1)


def test_only_those_that_were_started_have_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others have inherited their environment from one of them."""
    first = ProcessPosition("warpmarks", 0, 0, 2, 1)
    second = ProcessPosition("warpmarks", 1, 1, 2, 1)
    for starter, local_rank, expected in (
        (os.getpid(), "0", first),
        (os.getppid(), "1", second),
        (os.getppid(), "0", None),  # started by the first
        (4711, "1", None),  # by the second
    ):
        told(
            monkeypatch,
            {PARENT: f"{starter} 2 1", "LOCAL_RANK": local_rank, "NODE_RANK": "0"},
        )
        assert process_position() == expected
        assert is_first_process() is (expected != second)


def test_a_place_is_kept_where_the_starter_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    told(monkeypatch, {PARENT: "2147483 2 1", "LOCAL_RANK": "1", "NODE_RANK": "0"})
    monkeypatch.setattr(os, "getppid", lambda: 2147483)
    assert not is_first_process()
    monkeypatch.setattr(os, "getppid", lambda: 1)
    assert not is_first_process()


def test_another_runs_meeting_place_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    meeting = {"MASTER_ADDR": "one", "MASTER_PORT": "1", "NODE_RANK": "0", "LOCAL_RANK": "0"}
    told(monkeypatch, meeting | {PARENT: "4711 2 1 MASTER_PORT NODE_RANK"})
    assert given().keys() & {*meeting, PARENT} == {"MASTER_ADDR", "LOCAL_RANK"}
    with pytest.raises(InputError, match="nothing says where the others are"):
        count_processes(2, 2)
    told(monkeypatch, {PARENT: f"{os.getpid()} 2 2 MASTER_PORT NODE_RANK"})
    assert given() == os.environ
    assert count_processes(2, 2) == (2, 2)


# One process


def test_a_process_on_its_own_decides_alone() -> None:
    alone = Processes("cpu")
    assert (alone.count, alone.first) == (1, True)
    assert alone.sums(0.1, 7.0) == [0.1, 7.0]
    assert alone.of_first(0.3) == 0.3
    assert alone.in_turn(lambda: "done") == "done"
    with pytest.raises(ZeroDivisionError), alone.together():
        raise ZeroDivisionError
    with pytest.raises(RuntimeError, match="gloo"), alone.while_all_live():
        raise RuntimeError("gloo is no news here")
    alone.part()


@pytest.mark.parametrize(("failed", "tells"), [([False, True], True), ([True, True], False)])
def test_the_first_process_that_meets_an_error_tells_of_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], failed: Any, tells: bool
) -> None:
    """The second process of a machine does so where the first went well."""
    second = Processes("cpu")
    monkeypatch.setattr(second, "_hosts", object())
    monkeypatch.setattr(second, "count", 2)
    monkeypatch.setattr(second, "fabric", SimpleNamespace(global_rank=1))
    monkeypatch.setattr(
        module.dist, "all_gather_object", lambda into, *_, **__: into.__setitem__(slice(2), failed)
    )
    monkeypatch.setattr("warpmarks.cli.ending.is_first_on_its_machine", lambda: False)

    def work() -> int:
        with second.together():
            raise InputError("the disk is full")
        return 0

    assert exit_code(work) == 2
    assert capsys.readouterr().err == ("error: the disk is full\n" if tells else "")


@pytest.mark.parametrize(
    ("ending", "how"),
    [
        ("os.kill(os.getpid(), 9)", r"process 2 of 3 was killed by signal 9 \(SIGKILL\)"),
        ("sys.exit(1)", "process 2 of 3 ended with exit code 1"),
    ],
)
def test_a_watch_tells_who_ended_first(ending: str, how: str) -> None:
    culprit = subprocess.Popen([sys.executable, "-c", f"import os, sys; {ending}"])
    victim = subprocess.Popen([sys.executable, "-c", f"import sys; sys.exit({LOST})"])
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
    victim.wait(20)
    watch = module._Watch(
        ProcessPosition("warpmarks", 0, 0, 3, 1), {0: victim, 1: culprit, 2: bystander}
    )
    error = watch.lost(watch.cause_within(20))
    with pytest.raises(type(error), match=f"^{how}, and the run with it: go on from its last"):
        raise error
    assert error.tells
    assert bystander.wait(20) == -signal.SIGKILL


# Several


@contextlib.contextmanager
def started(
    images: Path,
    run: Path,
    *,
    launcher: tuple[str, ...] = (),
    environment: Any = (),
    **arguments: Any,
) -> Iterator["subprocess.Popen[str]"]:
    """Trains in processes that have ended when the block has."""
    chosen = {"steps": STEPS} | arguments
    command = [str(SCRIPT), str(images), str(run), json.dumps(chosen)]
    places = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    process = subprocess.Popen(
        [*(launcher or [sys.executable]), *command],
        env=os.environ
        | {"PYTHONPATH": os.pathsep.join(places), "OMP_NUM_THREADS": "1"}
        | dict(environment or {}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    others = psutil.Process(process.pid)
    family: list[psutil.Process] = []
    try:
        yield process
        family = others.children(recursive=True) if others.is_running() else []
    finally:
        for each in (*family, process):
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        process.communicate()


def wait_for(process: "subprocess.Popen[str]", line: str) -> None:
    assert process.stdout is not None
    assert process.stderr is not None
    for said in process.stdout:
        if said.strip() == line:
            return
    pytest.fail(f"ended without saying {line!r}: {process.stderr.read()}")


def end_of(process: "subprocess.Popen[str]", seconds: float = 240) -> tuple[int, str]:
    """Exit code and what was said on stderr; a process that waits goes on."""
    _, errors = process.communicate(timeout=seconds)
    return process.returncode, errors


@pytest.fixture(scope="module")
def image_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve images that are nowhere plain: there the direction of a descriptor is rounding."""
    return textured_folder(tmp_path_factory.mktemp("textured"))


@pytest.fixture(scope="module")
def alone(image_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run by one process."""
    run = tmp_path_factory.mktemp("alone") / "run"
    train_tiny(image_folder, run, steps=STEPS, config=tiny_config(**AS_BY_DEFAULT))
    return RunFolder(run)


def assert_same_curve(run: RunFolder, expected: RunFolder) -> None:
    """To the rounding of float32, which fifteen steps of Adam make larger."""
    lines = run.read_log()
    assert [line["step"] for line in lines] == [*range(5, STEPS + 1, 5)]
    for line, wanted in zip(lines, expected.read_log(), strict=True):
        for name in ("loss", "equivariance", "diversity", "learning_rate"):
            assert line[name] == pytest.approx(wanted[name], rel=1e-4), line["step"]
    weights, about = read_tensors(run.weights_path)
    wanted_weights, _ = read_tensors(expected.weights_path)
    assert about["step"] == STEPS
    assert weights.keys() == wanted_weights.keys()
    # A constant on a map changes no softmax: all that the last bias follows is rounding.
    followed = {name: part for name, part in wanted_weights.items() if part.shape != (3,)}
    assert len(followed) == len(wanted_weights) - 1
    for name, wanted in followed.items():
        torch.testing.assert_close(weights[name], wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_a_killed_process_ends_the_run_and_one_alone_goes_on(
    alone: RunFolder, image_folder: Path, tmp_path: Path
) -> None:
    run = RunFolder(tmp_path / "run")
    with started(image_folder, run.path, devices=2, checkpoint_seconds=0) as process:
        wait_for(process, "step 5")
        (other,) = psutil.Process(process.pid).children()
        other.kill()
        began = time.monotonic()
        code, errors = end_of(process)
        assert time.monotonic() - began < 30
    assert code == LOST
    assert errors == (
        "error: process 2 of 2 was killed by signal 9 (SIGKILL), and the run with it: go on from "
        "its last checkpoint with the same command and --resume\n"
    )
    assert read_tensors(run.state_path)[1]["step"] == 4
    train_tiny(image_folder, run.path, resume=True)
    assert_same_curve(run, alone)


@pytest.mark.slow
def test_a_killed_first_process_ends_the_run(image_folder: Path, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    with started(image_folder, run.path, devices=2, steps=10**6, checkpoint_seconds=0) as process:
        wait_for(process, "step 5")
        (other,) = psutil.Process(process.pid).children()
        process.kill()
        code, errors = end_of(process)  # waits until nobody holds its stderr
        assert code == -signal.SIGKILL
        assert errors.startswith("error: process 1 of 2 has been killed, and the run with it")
        assert errors.count("\n") == 1
        psutil.wait_procs([other], timeout=10)
        assert not other.is_running()
    assert read_tensors(run.state_path)[1]["step"] == 4


@pytest.mark.slow
def test_the_first_process_alone_draws_curves(image_folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with started(image_folder, run, devices=2, steps=2, tensorboard=True) as process:
        assert end_of(process) == (0, "")
    assert len(list((run / "tensorboard").iterdir())) == 1


@pytest.mark.slow
def test_two_processes_of_torchrun_go_on_where_one_stopped(
    alone: RunFolder, image_folder: Path, tmp_path: Path
) -> None:
    def press(evaluation: Evaluation) -> None:
        if evaluation.step == 5:
            os.kill(os.getpid(), signal.SIGINT)

    run = RunFolder(tmp_path / "run")
    config = tiny_config(**AS_BY_DEFAULT)
    with pytest.raises(KeyboardInterrupt):
        train_tiny(image_folder, run.path, steps=STEPS, config=config, on_evaluation=press)
    launcher = (sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2")
    with started(image_folder, run.path, launcher=launcher, resume=True) as process:
        code, errors = end_of(process)
    assert code == 0, errors
    assert_same_curve(run, alone)


@pytest.mark.slow
def test_two_machines_of_srun_are_one_process(
    alone: RunFolder, image_folder: Path, tmp_path: Path
) -> None:
    """This machine is both; what SLURM's srun would set is set by hand."""
    run = RunFolder(tmp_path / "run")
    port = str(module._free_port())
    with contextlib.ExitStack() as stack:
        processes = []
        for rank in ("0", "1"):
            environment = SRUN | {
                "SLURM_NTASKS": "2",
                "SLURM_PROCID": rank,
                "SLURM_NODEID": rank,
                "SLURM_LOCALID": "0",
                "MASTER_PORT": port,
            }
            processes.append(
                stack.enter_context(started(image_folder, run.path, environment=environment))
            )
        ends = [end_of(process) for process in processes]
    assert ends == [(0, ""), (0, "")]
    assert_same_curve(run, alone)


@pytest.mark.slow
def test_a_run_after_another_starts_its_own_processes(image_folder: Path, tmp_path: Path) -> None:
    """By a command that a script starts when its own run is over."""
    runs = (tmp_path / "first", tmp_path / "second")
    chosen = {"devices": 2, "steps": 5}
    with started(image_folder, runs[0], **chosen, then=str(runs[1])) as process:
        for _ in runs:
            wait_for(process, "step 5")
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        code, errors = end_of(process)
    assert (code, errors) == (0, "")
    for run in runs:
        assert RunFolder(run).read_log()[-1]["step"] == 5


@pytest.mark.slow
def test_an_error_that_all_meet_is_told_once(image_folder: Path, tmp_path: Path) -> None:
    settings = {"optimiser": {"learning_rate": 1e30, "averaging": 0.9}}
    run = tmp_path / "run"
    with started(image_folder, run, devices=2, settings=settings) as process:
        code, errors = end_of(process)
    assert code == 2
    assert f"error of {process.pid}: {run}: the loss is not a number at step" in errors
    assert "Traceback" not in errors
