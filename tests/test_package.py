import os
import re
import subprocess
import sys

import pytest

import warpmarks

# The promises are 0.2 s for the package's own modules and 0.3 s for --help on an idle machine;
# a test machine may be several times slower.
BUSY = 5


def run_python(*arguments: str) -> subprocess.CompletedProcess[str]:
    plain = {key: value for key, value in os.environ.items() if not key.startswith("COV")}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env=plain, check=False
    )


def test_importing_the_package_or_its_command_line_imports_nothing_heavy():
    heavy = {"torch", "matplotlib", "lightning_fabric", "PIL", "numpy", "pydantic"}
    code = f"import sys, warpmarks, warpmarks.cli; print({heavy} & set(sys.modules))"
    done = run_python("-c", code)
    assert done.stdout.strip() == "set()", done.stderr


@pytest.mark.parametrize("name", warpmarks.__all__)
def test_every_public_name_is_there(name):
    assert getattr(warpmarks, name) is not None


def test_public_names_are_the_ones_of_their_modules():
    from warpmarks.errors import InputError

    assert warpmarks.InputError is InputError
    assert set(warpmarks.__all__) <= set(dir(warpmarks))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Detecter'"):
        _ = warpmarks.Detecter


def test_version_is_that_of_the_distribution():
    assert re.fullmatch(r"\d+\.\d+\.\d+", warpmarks.__version__)


def test_modules_are_imported_quickly_once_torch_is_there():
    modules = ["configuration", "training", "detector", "report.run_report", "cli.train", "demo"]
    imports = "".join(f"import warpmarks.{module}; " for module in modules)
    clock = "time.process_time()"  # other programs' work does not count
    code = f"import time, torch; start = {clock}; {imports}print({clock} - start)"
    done = run_python("-c", code)
    assert float(done.stdout) < 0.2 * BUSY, done.stderr


def test_help_is_quick():
    before = os.times()
    done = run_python("-m", "warpmarks", "--help")
    after = os.times()
    assert done.returncode == 0
    assert "detect" in done.stdout
    spent = after.children_user - before.children_user
    assert spent < 0.3 * BUSY
