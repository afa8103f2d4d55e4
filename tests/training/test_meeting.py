import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from warpmarks.errors import InputError
from warpmarks.system.processes import ProcessPosition
from warpmarks.training import meeting, processes
from warpmarks.training.meeting import meet

HOST = "127.0.0.1"

ALONE = """
import sys
from warpmarks.training import meeting
from warpmarks.training.processes import Processes
meeting.TELL_AFTER = 0
try:
    Processes("cpu", 2, 2)
except KeyboardInterrupt:
    sys.exit(130)
"""


def position(rank: int, devices: int = 2, nodes: int = 2) -> ProcessPosition:
    return ProcessPosition("warpmarks", rank, rank % devices, devices, nodes)


@pytest.fixture
def port() -> int:
    return processes._free_port()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meeting, "TELL_AFTER", 0.0)
    monkeypatch.setattr(meeting, "LONGEST_MINUTES", 0.01)


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("", 0)) as bound:
        yield bound.getsockname()[1]


def test_all_go_on_when_the_last_has_come(port: int) -> None:
    """In whatever order; the last is played by a thread that comes a second later."""
    came: list[float] = []

    def come(rank: int) -> object:
        time.sleep(rank == 3)
        came.append(time.monotonic())
        place = meet(position(rank), HOST, port)
        return place, time.monotonic()

    with ThreadPoolExecutor(4) as pool:
        went = list(pool.map(come, (1, 0, 2, 3)))
    assert all(max(came) < time_ for _, time_ in went)


def test_it_is_told_which_machine_has_not_come(
    port: int, impatient: None, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match=rf"^machine 2, 3 of 3 has not come to {HOST}:{port} "):
        meet(position(0, devices=1, nodes=3), HOST, port)
    assert capfd.readouterr() == ("", f"waiting for the other machines at {HOST}:{port}\n")


def test_the_first_machine_is_waited_for_as_well(
    port: int, impatient: None, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match=r"^machine 1 of 2 has not .* its NODE_RANK is 0, "):
        meet(position(2), HOST, port)
    assert capfd.readouterr() == ("", f"waiting for the first machine at {HOST}:{port}\n")


def test_a_place_that_cannot_be_opened_is_told_at_once(taken: int) -> None:
    with pytest.raises(InputError, match=rf"^MASTER_ADDR is {HOST} and MASTER_PORT {taken}, but"):
        meet(position(0), HOST, taken)
    for host, at in (("no.such.host.invalid", taken), (HOST, 99_999)):
        with pytest.raises(InputError, match=rf"^MASTER_ADDR is {host} and MASTER_PORT {at}, but"):
            meet(position(0), host, at)


def test_ctrl_c_ends_a_wait_for_another_machine(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the other process of this machine, which keeps stderr open while it lives."""
    for name, value in (("MASTER_ADDR", HOST), ("MASTER_PORT", str(port)), ("NODE_RANK", "0")):
        monkeypatch.setenv(name, value)
    command = [sys.executable, "-c", ALONE]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            told = f"waiting for the other machines at {HOST}:{port}\n"
            assert process.stderr.readline() == told
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=30) == (None, "")
        finally:
            process.kill()
        assert process.returncode == 130
