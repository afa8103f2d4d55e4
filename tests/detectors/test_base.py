import subprocess
import sys

import pytest

from warpmarks.detectors.base import ImageDetector


@pytest.mark.parametrize(
    "module", ["detectors.to_csv", "detectors.exported", "detectors.point_detector", "cli.video"]
)
def test_what_exported_detectors_need_does_not_import_torch(module: str) -> None:
    code = f"import sys, warpmarks.{module}; assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("missing", ["digest", "num_landmarks", "search"])
def test_a_detector_that_lacks_something_is_none(missing: str) -> None:
    parts = {"digest": "mean", "num_landmarks": 2, "search": lambda *_: None}
    del parts[missing]
    with pytest.raises(TypeError, match=missing):
        type("Half", (ImageDetector,), parts)((8, 12), "stretch")
