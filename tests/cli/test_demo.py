from pathlib import Path

import numpy as np
import pytest

from warpmarks.datasets.image_set import ImageSet
from warpmarks.demo import DemoResult, _Known


def test_a_folder_with_something_in_it_is_kept_without_overwrite(warpmarks, tmp_path):
    (tmp_path / "precious.txt").write_text("precious")
    code, _, err = warpmarks("demo", "--output", tmp_path)
    assert code == 2
    assert err == (f"error: {tmp_path} is not empty: replace what is in it with --overwrite\n")


def test_an_unknown_setting_is_told_before_rendering(warpmarks, tmp_path):
    code, _, err = warpmarks("demo", "--output", tmp_path, "--set", "image.sice=3")
    assert (code, "did you mean image.size?" in err) == (2, True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--minutes", 0], "--minutes is 0: expected a finite number above 0"),
        (["--landmarks", 0], "--landmarks is 0: expected at least 1"),
    ],
)
def test_budgets_and_counts_are_judged_before_rendering(warpmarks, tmp_path, flags, sentence):
    code, _, err = warpmarks("demo", "--output", tmp_path, *flags)
    assert (code, sentence in err, err.count("\n")) == (2, True, 1)
    assert list(tmp_path.iterdir()) == []


def test_errors_are_measured_on_visible_points_in_eye_distances():
    # Two images to fit on, one to score; points 0 and 1 are the eyes, 20 px apart in the last.
    points = np.array(
        [
            [[40.0, 60], [60, 60], [50, 80]],
            [[50.0, 50], [70, 50], [60, 70]],
            [[60.0, 40], [60, 60], [10, 90]],
        ]
    )
    visible = np.array([[True] * 3, [True] * 3, [True, True, False]])
    known = _Known({"a": 0, "b": 1, "c": 2}, points, visible)
    fitted, scored = ImageSet(Path(), ("a", "b")), ImageSet(Path(), ("c",))
    # The mean says (45, 55) and (65, 55): off by (-15, 15) and by (5, -5).
    assert known.error_of_mean(fitted, scored) == pytest.approx(
        (np.hypot(15, 15) + np.hypot(5, 5)) / 2 / 20
    )
    # A landmark on each point but shifted: a linear map undoes a scaling, and the error is 0.
    scaled = 63.5 + (points - 63.5) / 2
    assert known.error_of_map((fitted, scaled[:2]), (fitted, scaled[:2])) == pytest.approx(0)


@pytest.mark.slow
def test_the_whole_demo_in_small(warpmarks, tmp_path):
    output = tmp_path / "demo"
    small = [
        "--images",
        "30",
        "--steps",
        "3",
        "--landmarks",
        "4",
        "--threads",
        "1",
        "--set",
        "batch_size=2",
    ]
    code, out, err = warpmarks("demo", "--output", output, *small, "--set", "image.size=32")
    assert code == 0, err
    assert "known points of 3 images not trained on" in out
    assert (output / "run" / "report.html").is_file()
    assert (output / "landmarks.csv").read_text().count("\n") == 4
    names = DemoResult.__dataclass_fields__
    assert {"error", "untrained_error", "mean_error"} <= set(names)
