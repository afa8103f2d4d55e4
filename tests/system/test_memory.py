import platform
import subprocess
import sys

import numpy as np
import pytest
import torch

from warpmarks.system.memory import keep_freed_memory, out_of_memory

PAGE_FAULTS = """
import resource, sys
import numpy as np
import warpmarks
from warpmarks.cli.devices import prepare
from warpmarks.cli.options import Device
from warpmarks.fleet.carried import load_carried
match sys.argv[1]:
    case "keep":
        assert warpmarks.keep_freed_memory()
    case "verb":
        prepare(Device("cpu"), 1)
    case "worker":
        try:
            load_carried({})
        except warpmarks.InputError:
            pass
for _ in range(3):
    np.ones(10_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    np.ones(10_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(way: str) -> int:
    command = [sys.executable, "-c", PAGE_FAULTS, way]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only the GNU C library is told")
@pytest.mark.parametrize("way", ["keep", "verb", "worker"])
def test_blocks_of_80_megabytes_are_used_again(way: str) -> None:
    assert page_faults("leave") > 300
    assert page_faults(way) < 50


def test_other_c_libraries_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert not keep_freed_memory()


def test_errors_for_want_of_memory_are_known() -> None:
    with pytest.raises(RuntimeError) as of_torch:
        torch.empty(2**60, dtype=torch.uint8)
    with pytest.raises(MemoryError) as of_numpy:
        np.empty(2**60, np.uint8)
    for raised in (of_torch, of_numpy):
        assert (told := out_of_memory(raised.value)) is not None
        assert not told.gpu
    assert (told := out_of_memory(torch.OutOfMemoryError("CUDA out of memory."))) is not None
    assert told.gpu
    assert out_of_memory(RuntimeError("shapes do not fit")) is None
