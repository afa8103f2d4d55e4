import subprocess
import sys

import numpy as np
import pytest

from warpmarks.detectors.base import Detection, ImageDetector
from warpmarks.errors import InputError


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


def detection(*batch: int) -> Detection:
    return Detection(np.zeros((*batch, 3, 2)), np.zeros((*batch, 3)), np.ones((*batch, 2)))


def test_one_image_of_several_is_a_detection_and_a_landmark_is_none() -> None:
    several = detection(4)
    assert several.of(1).landmarks.shape == (3, 2)
    with pytest.raises(InputError, match="this detection is of one image"):
        several.of(1).of(1)


def test_detections_can_be_compared_and_put_into_sets() -> None:
    one, other = detection(), detection()
    assert one == one  # noqa: PLR0124
    assert one != other
    assert len({one, other}) == 2
