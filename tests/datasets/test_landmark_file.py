import numpy as np
import pytest

from warpmarks.datasets.landmark_file import GrowingLandmarkFile, part_of
from warpmarks.datasets.layout import read_landmarks

NAMES = ["a.png", 'two\n"lines".png', "b,\nc\n.png"]


def begun(path, *, resume):
    return GrowingLandmarkFile(
        path, 1, scores=False, made_by={"is of another test": "1"}, resume=resume
    )


def write_missing(file):
    for name in NAMES:
        if name not in file.done:
            file.write(name, np.array([[1.0, 2.0]]))


@pytest.mark.parametrize("kept", range(0, 75, 3))
def test_wherever_it_was_cut_each_image_is_there_once(tmp_path, kept):
    path = tmp_path / "found.csv"
    with begun(path, resume=False) as file:
        write_missing(file)
        file.flush()
    whole = part_of(path).read_bytes()
    part_of(path).write_bytes(whole[: whole.index(b"a.png") + kept])
    with begun(path, resume=True) as file:
        assert set(file.done) <= set(NAMES)
        write_missing(file)
        file.complete()
    assert list(read_landmarks(path).images) == NAMES
