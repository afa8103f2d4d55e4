import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from warpmarks.errors import InputError
from warpmarks.system.locks import held, hold

HOLDER = """
import sys, time
from pathlib import Path
from warpmarks.system.locks import hold
lock = hold(Path(sys.argv[1]), "busy")
print("held", flush=True)
time.sleep(60)
"""


def test_a_lock_is_one_process_s_until_it_ends_however_it_ends(tmp_path):
    path = tmp_path / ".lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(InputError, match=r"^taken: wait$"):
            hold(path, "taken: wait")
        other.kill()
        other.wait()
    hold(path, "taken: wait").release()


def test_a_block_holds_a_lock_and_leaves_no_file(tmp_path):
    path = tmp_path / ".lock"
    with held(path, "taken"):
        with pytest.raises(InputError, match="taken"), held(path, "taken"):
            pass
        assert path.exists()
    assert not path.exists()
    with pytest.raises(RuntimeError, match="inside"), held(path, "taken"):
        raise RuntimeError("inside")
    hold(path, "taken").release()


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_where_there_are_no_locks_work_goes_on(tmp_path, monkeypatch, recwarn, code):
    def flock(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", flock)
    with held(tmp_path / ".lock", "taken"):
        assert not hold(tmp_path / ".lock", "taken").is_locked
    assert not recwarn.list


def test_where_no_lock_can_be_written_work_goes_on(tmp_path):
    for path in (tmp_path / "nowhere" / ".lock", tmp_path):
        with held(path, "taken"):
            assert not hold(path, "taken").is_locked
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="Linux has folders without new files")
def test_where_a_file_cannot_be_made_nobody_is_said_to_hold_it():
    assert not hold(Path("/proc/self/.lock"), "taken").is_locked
