import csv
import os
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from warpmarks.datasets.file_marks import mark_of
from warpmarks.datasets.image_set import ImageSet
from warpmarks.datasets.landmark_file import GrowingLandmarkFile
from warpmarks.detectors import to_csv
from warpmarks.detectors.base import ImageDetector
from warpmarks.detectors.to_csv import Written, detect_to_file
from warpmarks.errors import InputError
from warpmarks.system.progress import SilentProgress


class MeanColour(ImageDetector):
    """Two landmarks that depend on the picture's mean colour; told after which image to stop."""

    digest, num_landmarks = "mean", 2

    def __init__(self, stop_at: int | None = None) -> None:
        super().__init__((8, 12), "stretch")
        self.searched, self.stop_at = 0, stop_at

    def search(self, pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.searched += len(pictures)
        if self.stop_at is not None and self.searched >= self.stop_at:
            raise KeyboardInterrupt
        mean = pictures.mean(axis=(1, 2)) / 255
        landmarks = np.stack([mean[:, :2], -mean[:, 1:]], axis=1)
        return landmarks, mean[:, :2]


class Told(SilentProgress):
    """Counts what it is told of."""

    def __init__(self) -> None:
        self.steps: Counter[str] = Counter()
        self.now = ""

    def start(self, description: str, total: int | None, done: int = 0) -> None:
        self.now = description

    def advance(self, amount: int = 1) -> None:
        self.steps[self.now] += amount


@pytest.fixture
def images(tmp_path: Path) -> ImageSet:
    folder = tmp_path / "images"
    folder.mkdir()
    names = [f"{index:02}.png" for index in range(23)]
    for index, name in enumerate(names):
        Image.new("RGB", (30 + index, 20), (10 * index, 7 * index, 255 - index)).save(folder / name)
    return ImageSet(folder, tuple(names))


@pytest.fixture
def detected(images: ImageSet, tmp_path: Path) -> Callable[..., Written]:
    def run(detector: ImageDetector | None = None, **changes: object) -> Written:
        arguments = {"scores": True, "batch_size": 4, "images": images}
        arguments |= {"output": tmp_path / "found.csv"} | changes
        return detect_to_file(detector or MeanColour(), **arguments)

    return run


def counts(written: Written) -> tuple[int, tuple[tuple[str, str], ...]]:
    return written.images, written.unreadable


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_every_image_has_its_line_in_order(
    detected: Callable[..., Written], images: ImageSet, tmp_path: Path
) -> None:
    assert counts(detected()) == (23, ())
    header, *lines = rows(tmp_path / "found.csv")
    assert header == ["image", "x1", "y1", "x2", "y2", "score1", "score2"]
    assert [line[0] for line in lines] == list(images.names)
    expected = MeanColour()(images.paths()[9])
    np.testing.assert_allclose(
        np.array(lines[9][1:], float),
        [*expected.landmarks.reshape(-1), *expected.scores],
        atol=6e-4,
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["found.csv", "images"]


@pytest.mark.parametrize("cut", [0, 5])
def test_an_interrupted_detection_goes_on_to_the_same_file(
    detected: Callable[..., Written], tmp_path: Path, cut: int
) -> None:
    output, part = tmp_path / "found.csv", tmp_path / "found.csv.part"
    detected()
    unbroken = output.read_bytes()
    output.write_text("older")
    with pytest.raises(KeyboardInterrupt):
        detected(MeanColour(stop_at=12))
    assert output.read_text() == "older"
    content = part.read_bytes()
    assert content.count(b"\n") == 2 + 8  # two batches of four; the third was stopped
    part.write_bytes(content[: len(content) - cut])  # killed while it wrote a line
    rest = MeanColour()
    written = detected(rest, resume=True)
    assert counts(written) == (23, ())
    scores = [float(cell) for row in rows(output)[1:] for cell in row[-2:]]
    assert written.mean_score == pytest.approx(np.mean(scores[-2 * rest.searched :]), abs=1e-3)
    assert rest.searched == (15 if cut == 0 else 16)
    assert output.read_bytes() == unbroken
    assert not part.exists()


def test_what_is_left_of_an_interrupted_detection_is_not_lost_unasked(
    detected: Callable[..., Written], tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        detected(MeanColour(stop_at=12))
    kept = (tmp_path / "found.csv.part").read_bytes()
    with pytest.raises(InputError, match=r"interrupted: go on with --resume, or start anew"):
        detected()
    other = MeanColour()
    other.digest = "other weights"
    for flags, reason in (
        (
            {"detector": other},
            r"found\.csv\.part was made by another detector or with other copies: ",
        ),
        ({"scores": False}, r"found\.csv\.part was made with other flags: repeat"),
    ):
        with pytest.raises(InputError, match=reason):
            detected(resume=True, **flags)
        with pytest.raises(InputError, match=r"another detection that was .* another --output"):
            detected(**flags)
    assert (tmp_path / "found.csv.part").read_bytes() == kept
    anew = MeanColour()
    detected(anew, overwrite=True)
    assert anew.searched == 23


def test_images_of_the_same_names_in_another_folder_are_others(
    detected: Callable[..., Written],
    images: ImageSet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(KeyboardInterrupt):
        detected(MeanColour(stop_at=12))
    kept = (tmp_path / "found.csv.part").read_bytes()
    other = ImageSet(Path(shutil.copytree(images.root, tmp_path / "cropped")), images.names)
    for path in other.paths():
        path.write_bytes(path.read_bytes()[::-1])
    with pytest.raises(InputError, match=r"8 images changed after .* such as 00\.png: give"):
        detected(images=other, resume=True)
    other = replace(images, names=("00.png",))
    with pytest.raises(InputError, match=r"found\.csv\.part is of other images: "):
        detected(images=other, resume=True)
    with pytest.raises(InputError, match=r"another detection that was .* another --output"):
        detected(images=other)
    assert (tmp_path / "found.csv.part").read_bytes() == kept
    monkeypatch.chdir(tmp_path)
    images.root.rename("moved")
    rest = MeanColour()
    same = ImageSet(Path("moved"), images.names)
    assert counts(detected(rest, images=same, resume=True)) == (23, ())
    assert rest.searched == 15


def test_images_that_have_changed_since_are_not_mixed_with_others(
    detected: Callable[..., Written], images: ImageSet, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        detected(MeanColour(stop_at=12))
    kept = (tmp_path / "found.csv.part").read_bytes()
    for name in ("02.png", "20.png"):  # one in the table and one that is not
        Image.new("RGB", (50, 20), (9, 90, 200)).save(images.root / name)
    with pytest.raises(InputError, match=r"1 image changed after .* such as 02\.png: give"):
        detected(resume=True)
    assert (tmp_path / "found.csv.part").read_bytes() == kept
    first = images.root / "00.png"
    first.write_bytes(first.read_bytes()[::-1])  # of the same size
    with pytest.raises(InputError, match=r"2 images changed after .* such as 00\.png: give"):
        detected(resume=True)


def test_images_that_were_only_copied_back_are_the_same(
    detected: Callable[..., Written], images: ImageSet
) -> None:
    with pytest.raises(KeyboardInterrupt):
        detected(MeanColour(stop_at=12))
    for path in images.paths():
        os.utime(path, (1e9, 1e9))
    told = Told()
    assert counts(detected(resume=True, progress=told)) == (23, ())
    assert told.steps["Checking images"] == 8


def test_what_was_left_goes_on_under_another_name(
    detected: Callable[..., Written], tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        detected(MeanColour(stop_at=12))
    shutil.copy(tmp_path / "found.csv.part", tmp_path / "copy.csv.part")
    rest = MeanColour()
    assert counts(detected(rest, resume=True, output=tmp_path / "copy.csv")) == (23, ())
    assert rest.searched == 15


def test_unreadable_images_are_counted_over_the_whole_set(
    detected: Callable[..., Written], images: ImageSet, tmp_path: Path
) -> None:
    (images.root / "21.png").write_text("no image")
    with pytest.raises(KeyboardInterrupt):
        detected(MeanColour(stop_at=20))
    done = detected(resume=True)  # one of the seven that are left: more than 5 % of these
    assert (done.images, [name for name, _ in done.unreadable]) == (22, ["21.png"])
    (images.root / "03.png").write_text("no image")
    with pytest.raises(InputError, match="2 of 23 images cannot be read"):
        detected()


def test_a_full_disk_leaves_what_was_there(
    detected: Callable[..., Written], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "found.csv").write_text("precious")

    def full(self: GrowingLandmarkFile) -> None:
        raise self._cannot(OSError(28, "No space left on device"))

    monkeypatch.setattr(GrowingLandmarkFile, "flush", full)
    with pytest.raises(InputError, match=r"found\.csv\.part cannot be written \(No space left"):
        detected()
    assert (tmp_path / "found.csv").read_text() == "precious"


@pytest.mark.parametrize("flags", [{}, {"resume": True}, {"overwrite": True}], ids=str)
def test_what_another_process_is_writing_is_left_to_it(
    detected: Callable[..., Written],
    images: ImageSet,
    tmp_path: Path,
    flags: dict[str, bool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(to_csv, "_digest", lambda images: "of these images")
    made_by = {
        "is of other images": "of these images",
        "was made by another detector or with other copies": MeanColour.digest,
    }
    made = {"scores": True, "made_by": made_by}
    with GrowingLandmarkFile(tmp_path / "found.csv", 2, **made) as other:
        mark = mark_of(images.root / "00.png")
        other.write("00.png", np.ones((2, 2)), np.ones(2), mark=mark)
        other.flush()
        before = other.part.read_bytes()
        with pytest.raises(InputError, match=r"found\.csv\.part is being written by another"):
            detected(**flags)
        assert other.part.read_bytes() == before
    assert detected(resume=True).images == 23
    assert {path.name for path in tmp_path.iterdir()} == {"images", "found.csv"}
