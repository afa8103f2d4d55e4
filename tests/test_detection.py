import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["detecting", "exported", "point_detector", "cli.video"])
def test_what_exported_detectors_need_does_not_import_torch(module: str) -> None:
    code = f"import sys, warpmarks.{module}; assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
