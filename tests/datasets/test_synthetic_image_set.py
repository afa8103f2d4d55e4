import csv

import numpy as np
import pytest
from PIL import Image

from warpmarks.datasets.synthetic import POINT_NAMES, read_visibility, render, write_image_set
from warpmarks.errors import InputError
from warpmarks.system.progress import SilentProgress


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_an_image_set_holds_what_was_rendered(tmp_path):
    root = tmp_path / "new" / "set"
    write_image_set(root, 5, size=24, seed=9, val_fraction=0.4)
    assert sorted(path.name for path in root.iterdir()) == [
        "images", "landmarks.csv", "split.csv", "visibility.csv"
    ]  # fmt: skip
    landmarks, visibility = rows_of(root / "landmarks.csv"), rows_of(root / "visibility.csv")
    assert landmarks[0][:3] == ["image", "x1", "y1"]
    assert len(landmarks[0]) == 1 + 2 * len(POINT_NAMES)
    assert visibility[0] == ["image", *(f"v{n}" for n in range(1, len(POINT_NAMES) + 1))]
    for instance in range(5):
        name = f"{instance:06d}.png"
        sample = render(instance, size=24, seed=9)
        with Image.open(root / "images" / name) as image:
            np.testing.assert_array_equal(np.asarray(image), sample.image)
        assert landmarks[instance + 1][0] == visibility[instance + 1][0] == name
        written = np.array(landmarks[instance + 1][1:], float).reshape(-1, 2)
        np.testing.assert_allclose(written, sample.annotations, atol=1e-4)
        assert [v == "1" for v in visibility[instance + 1][1:]] == sample.visible.tolist()
        assert read_visibility(root)[name] == sample.visible.tolist()
    assert rows_of(root / "split.csv") == [
        ["image", "split"],
        *([f"{n:06d}.png", "train" if n < 3 else "val"] for n in range(5)),
    ]


def test_an_empty_folder_is_filled_and_another_is_left_alone(tmp_path):
    write_image_set(tmp_path / "set", 1, size=8)
    before = (tmp_path / "set" / "landmarks.csv").read_bytes()
    with pytest.raises(InputError, match=r"set.*something in it"):
        write_image_set(tmp_path / "set", 2, size=8)
    assert (tmp_path / "set" / "landmarks.csv").read_bytes() == before
    (tmp_path / "empty").mkdir()
    write_image_set(tmp_path / "empty", 1, size=8)
    assert (tmp_path / "empty" / "images" / "000000.png").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        write_image_set(tmp_path / "file", 1, size=8)


def test_nothing_is_left_of_a_set_that_was_not_finished(tmp_path):
    class Interrupts(SilentProgress):
        def advance(self, amount=1):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_image_set(tmp_path / "set", 2, size=8, progress=Interrupts())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("numbers", [{"count": 0}, {"count": 1, "val_fraction": 1.5}])
def test_impossible_numbers_are_refused(tmp_path, numbers):
    with pytest.raises(InputError, match="give"):
        write_image_set(tmp_path / "set", **numbers)
    assert list(tmp_path.iterdir()) == []


def test_progress_is_told(tmp_path):
    told = []

    class Listener(SilentProgress):
        def start(self, description, total):
            told.append(total)

        def advance(self, amount=1):
            told.append(amount)

        def finish(self):
            told.append("done")

    write_image_set(tmp_path / "set", 3, size=8, progress=Listener())
    assert told == [3, 1, 1, 1, "done"]
