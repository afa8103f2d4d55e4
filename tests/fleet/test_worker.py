import json
import os
import shutil
import sys
import threading
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from annotated_examples import make_annotated_set
from tiny_runs import tiny_config, train_tiny
from warpmarks.datasets.annotated import read_annotated
from warpmarks.datasets.image_set import find_images
from warpmarks.detectors.detector import Detector
from warpmarks.detectors.loading import load_detector, names_of
from warpmarks.detectors.point_detector import PointDetector
from warpmarks.errors import InputError
from warpmarks.export.onnx_file import write_onnx
from warpmarks.fleet.carried import digest_of, files_of, load_carried
from warpmarks.fleet.parts import About, Parts
from warpmarks.fleet.pieces import Piece, Work, find_work
from warpmarks.fleet.worker import FleetWorker
from warpmarks.regression.regressor import Regressor
from warpmarks.regression.storage import save_regressor


def done_alone(
    run: Path, work: Work, output: Path, *, regressor: str | None = None
) -> tuple[pa.Table, dict[str, list[int]]]:
    """All pieces, by one worker in this process."""
    parts = Parts(str(output))
    parts.prepare(About("detector", work.digest()), resume=False, overwrite=False)
    worker = FleetWorker(
        files_of(run, regressor), work, parts, batch_size=4, threads=1, device="cpu"
    )
    texts = [piece.to_text() for piece in work.pieces]
    counts = worker({"index": np.arange(len(texts)), "piece": np.array(texts, dtype=object)})
    return pq.read_table(output), counts


def points_in(table: pa.Table) -> np.ndarray:
    count = sum(name.startswith("x") for name in table.column_names)
    columns = [table[f"{axis}{point + 1}"] for point in range(count) for axis in "xy"]
    return np.stack([column.to_numpy() for column in columns], axis=-1).reshape(-1, count, 2)


def test_the_numbers_of_the_local_path(tiny_run: Path, mixed_folder: Path, tmp_path: Path) -> None:
    work = find_work(str(mixed_folder), images_per_piece=5)
    table, counts = done_alone(tiny_run, work, tmp_path / "out")
    assert counts == {"images": [5, 5, 2], "failed": [0, 2, 0], "refused": ["", "", ""]}
    assert table.column_names == [
        *("image", "x1", "y1", "x2", "y2", "x3", "y3", "score1", "score2", "score3"),
        *("width", "height", "error"),
    ]
    detector = Detector.load(tiny_run, device="cpu")
    local = list(detector.detect_images(find_images(mixed_folder), allow_unreadable=True))
    assert table["image"].to_pylist() == [found.name for found in local]
    errors = table["error"].to_pylist()
    assert [found.reason for found in local] == errors
    assert [bool(error) for error in errors] == [index in {5, 7} for index in range(12)]
    good = table.filter(pa.compute.is_null(table["error"]))
    expected = [found.detection for found in local if found.detection is not None]
    np.testing.assert_allclose(
        points_in(good), np.stack([found.landmarks for found in expected]), rtol=0, atol=1e-4
    )
    sizes = np.stack([good["width"].to_numpy(), good["height"].to_numpy()], axis=-1)
    np.testing.assert_array_equal(sizes, np.stack([found.size for found in expected]))
    assert (sizes[:, 0] != sizes[:, 1]).all()
    scores = np.stack([good[f"score{k}"].to_numpy() for k in (1, 2, 3)], axis=-1)
    np.testing.assert_allclose(scores, np.stack([found.scores for found in expected]), atol=1e-5)
    bad = table.filter(pa.compute.is_valid(table["error"]))
    for name in table.column_names[1:-1]:
        assert bad[name].null_count == 2


@pytest.mark.parametrize("kind", ["bytes", "struct", "view", "dictionary"])
def test_bytes_in_parquet_files(
    tiny_run: Path, mixed_folder: Path, tmp_path: Path, kind: str
) -> None:
    paths = sorted(mixed_folder.iterdir())
    contents: list = [path.read_bytes() for path in paths] + [None]
    if kind == "struct":
        contents = [{"bytes": content, "path": "x"} for content in contents]
    pictures = pa.array(contents, pa.binary_view() if kind == "view" else None)
    if kind == "dictionary":
        pictures = pictures.dictionary_encode()
    names = [path.name for path in paths] + ["none"]
    source = tmp_path / "images.parquet"
    columns = {"picture": pictures} | ({} if kind == "struct" else {"name": names})
    pq.write_table(pa.table(columns), source, row_group_size=5)
    table, _ = done_alone(tiny_run, find_work(str(source)), tmp_path / "out")
    expected, _ = done_alone(tiny_run, find_work(str(mixed_folder)), tmp_path / "expected")
    if kind == "struct":
        assert table["image"].to_pylist() == [f"images.parquet#{row}" for row in range(13)]
    else:
        assert table["image"].to_pylist() == names
    np.testing.assert_allclose(points_in(table)[:-1], points_in(expected), rtol=0, atol=1e-4)
    assert table["error"].to_pylist()[:-1] == expected["error"].to_pylist()
    assert table["error"].to_pylist()[-1] == "there are no bytes in this row"


def test_a_file_that_has_gone_fails_alone(
    tiny_run: Path, image_folder: Path, tmp_path: Path
) -> None:
    listed = tmp_path / "images"
    listed.mkdir()
    for index in range(6):
        (listed / f"{index}.png").write_bytes((image_folder / "03.png").read_bytes())
    work = find_work(str(listed), images_per_piece=5)
    (listed / "2.png").unlink()
    (listed / "5.png").unlink()
    table, counts = done_alone(tiny_run, work, tmp_path / "out")
    assert counts == {"images": [5, 1], "failed": [1, 1], "refused": ["", ""]}
    told = dict(zip(table["image"].to_pylist(), table["error"].to_pylist(), strict=True))
    assert [name for name, error in told.items() if error] == ["2.png", "5.png"]
    assert told["2.png"] == told["5.png"] == "No such file or directory"


@pytest.mark.skipif(sys.platform != "linux", reason="names there are text")
def test_a_name_that_is_no_text_has_marks(
    tiny_run: Path, image_folder: Path, tmp_path: Path
) -> None:
    listed = tmp_path / "images"
    listed.mkdir()
    for name in (b"caf\xe9.png", b"gone\xe9.png", b"z.png"):
        place = listed / os.fsdecode(name)
        place.write_bytes((image_folder / "03.png").read_bytes())
    paths = sorted(listed.iterdir())
    piece = Piece(3, tuple(path.name for path in paths), tuple(map(str, paths)))
    work = Work(LocalFileSystem(), (piece,), None)
    (listed / os.fsdecode(b"gone\xe9.png")).unlink()
    table, _ = done_alone(tiny_run, work, tmp_path / "out")
    assert table["image"].to_pylist() == ["caf\ufffd.png", "gone\ufffd.png", "z.png"]
    assert table["error"].to_pylist() == [None, "No such file or directory", None]
    assert table["x1"][0] == table["x1"][2]


@pytest.mark.parametrize("others", [0, 1])
def test_names_that_look_like_patterns(
    tiny_run: Path, image_folder: Path, tmp_path: Path, others: int
) -> None:
    """Each alone, and among others, some of which its pattern would find."""
    names = ["a*.png", "ab.png", "b?.png", "cat1.png", "cat[1].png", "plain.png"]
    listed = tmp_path / "images"
    listed.mkdir()
    for index, name in enumerate(names):
        (listed / name).write_bytes((image_folder / f"{index:02}.png").read_bytes())
    work = find_work(str(listed), images_per_piece=len(names) if others else 1)
    table, _ = done_alone(tiny_run, work, tmp_path / "out")
    assert table["image"].to_pylist() == names
    assert table["error"].null_count == len(names)
    paths = [image_folder / f"{index:02}.png" for index in range(len(names))]
    expected = Detector.load(tiny_run, device="cpu")(paths).landmarks
    np.testing.assert_allclose(points_in(table), expected, rtol=0, atol=1e-4)


class SlowStore(MemoryFileSystem):
    """Answers when four have asked."""

    store: ClassVar[dict] = {}
    asked = threading.Barrier(4)

    def cat_file(self, path: str, *arguments: Any, **more: Any) -> bytes:
        self.asked.wait(timeout=20)
        if path.endswith("forbidden.png"):
            raise RuntimeError("403\n  Forbidden")
        content: bytes = super().cat_file(path, *arguments, **more)
        return content


def test_files_are_read_at_once_and_failures_say_why(
    tiny_run: Path, image_folder: Path, tmp_path: Path
) -> None:
    store = SlowStore()
    names = ("forbidden.png", "gone[1].png", "here.png", "there.png")
    for name in (names[0], *names[2:]):
        store.pipe_file(f"/cats/{name}", (image_folder / "03.png").read_bytes())
    piece = Piece(4, names, tuple(f"/cats/{name}" for name in names))
    table, counts = done_alone(tiny_run, Work(store, (piece,), None), tmp_path / "out")
    assert counts == {"images": [4], "failed": [2], "refused": [""]}
    assert table["error"].to_pylist() == [
        *("RuntimeError: 403 Forbidden", "No such file or directory", None, None)
    ]


class ToldStore(MemoryFileSystem):
    """Tells when the first file of the second batch is asked for."""

    store: ClassVar[dict] = {}
    second = threading.Event()

    def cat_file(self, path: str, *arguments: Any, **more: Any) -> bytes:
        if path.endswith("04.png"):
            self.second.set()
        content: bytes = super().cat_file(path, *arguments, **more)
        return content


def test_a_batch_is_fetched_while_the_one_before_is_searched(
    tiny_run: Path, image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, search = ToldStore(), Detector.search
    names = tuple(f"{index:02}.png" for index in range(12))
    for name in names:
        store.pipe_file(f"/told/{name}", (image_folder / name).read_bytes())

    def slow_search(detector: Detector, pictures: np.ndarray) -> Any:
        assert store.second.wait(10)
        return search(detector, pictures)

    monkeypatch.setattr(Detector, "search", slow_search)
    piece = Piece(12, names, tuple(f"/told/{name}" for name in names))
    table, counts = done_alone(tiny_run, Work(store, (piece,), None), tmp_path / "out")
    assert counts["images"] == [12]
    monkeypatch.setattr(Detector, "search", search)
    expected = Detector.load(tiny_run, device="cpu")([image_folder / name for name in names])
    np.testing.assert_allclose(points_in(table), expected.landmarks, rtol=0, atol=1e-4)


def test_a_piece_that_is_there_is_not_done_again(
    tiny_run: Path, image_folder: Path, tmp_path: Path
) -> None:
    work = find_work(str(image_folder), images_per_piece=6)
    done_alone(tiny_run, work, tmp_path / "out")
    first, second = sorted((tmp_path / "out").glob("part-*"))
    before = first.stat().st_mtime_ns
    second.unlink()
    parts = Parts(str(tmp_path / "out"))
    parts.prepare(About("detector", work.digest()), resume=True, overwrite=False)
    worker = FleetWorker(
        files_of(tiny_run, None), work, parts, batch_size=4, threads=1, device="cpu"
    )
    rows = [piece.to_text() for piece in work.pieces]
    counts = worker({"index": np.arange(2), "piece": np.array(rows, dtype=object)})
    assert counts == {"images": [6, 6], "failed": [0, 0], "refused": ["", ""]}
    assert first.stat().st_mtime_ns == before
    assert second.exists()


@pytest.mark.parametrize("kind", ["files", "tables"])
def test_landmarks_of_images_that_changed_are_found_anew(
    tiny_run: Path, image_folder: Path, tmp_path: Path, kind: str
) -> None:
    source = tmp_path / "source"
    if kind == "files":
        shutil.copytree(image_folder, source)
        changed = source / "08.png"
    else:
        source.mkdir()
        changed = source / "b.parquet"
        for name in ("a.parquet", changed.name):
            table = pa.table({"image": [(image_folder / "00.png").read_bytes()] * 6})
            pq.write_table(table, source / name)
    work = find_work(str(source), images_per_piece=6)
    done_alone(tiny_run, work, tmp_path / "out")
    os.utime(changed, ns=(0, changed.stat().st_mtime_ns + 1000))
    again = find_work(str(source), images_per_piece=6)
    assert again.digest() == work.digest()
    parts = Parts(str(tmp_path / "out"))
    assert parts.done(0, again.pieces[0].state) == (6, 0)
    assert parts.done(1, again.pieces[1].state) is None
    worker = FleetWorker(
        files_of(tiny_run, None), again, parts, batch_size=4, threads=1, device="cpu"
    )
    row = np.array([again.pieces[1].to_text()], dtype=object)
    told = worker({"index": np.array([1]), "piece": row})
    assert told == {"images": [6], "failed": [0], "refused": [""]}
    assert parts.done(1, again.pieces[1].state) == (6, 0)


def test_why_a_worker_cannot_go_on_is_told_as_data(
    tiny_run: Path, image_folder: Path, tmp_path: Path
) -> None:
    work = find_work(str(image_folder))
    row = np.array([work.pieces[0].to_text()], dtype=object)
    (tmp_path / "file").touch()
    parts = Parts(str(tmp_path / "file" / "out"))
    for files, reason in ((files_of(tiny_run, None), "cannot be written"), ({}, "is no run")):
        worker = FleetWorker(files, work, parts, batch_size=4, threads=1, device="cpu")
        told = worker({"index": np.array([0]), "piece": row})
        assert (told["images"], told["failed"]) == ([0], [0])
        assert reason in told["refused"][0]


def some_regressor(detector: Detector, folder: Path) -> Regressor:
    scheme = read_annotated(make_annotated_set(folder / "blobs")).scheme
    weights = np.random.default_rng(0).normal(size=(4, 6))
    return Regressor(weights, None, scheme, "linear", detector.digest, 8, np.zeros((2, 2)))


def test_points_of_a_regressor(tiny_run: Path, image_folder: Path, tmp_path: Path) -> None:
    detector = Detector.load(tiny_run, device="cpu")
    regressor = some_regressor(detector, tmp_path)
    save_regressor(regressor, tmp_path / "eyes")
    name = str(tmp_path / "eyes")
    work = find_work(str(image_folder))
    table, _ = done_alone(tiny_run, work, tmp_path / "out", regressor=name)
    expected = PointDetector(detector, regressor)([str(path) for path in work.pieces[0].paths])
    np.testing.assert_allclose(points_in(table), expected.landmarks, rtol=0, atol=1e-4)
    assert json.loads(table.schema.metadata[b"points"]) == list(regressor.scheme.names)
    assert names_of(load_carried(files_of(tiny_run, name))) == regressor.scheme.names
    assert names_of(detector) == ("1", "2", "3")


def test_a_run_or_regressor_that_is_not_there(tiny_run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none does not exist: expected the folder of a run"):
        files_of(tmp_path / "none", None)
    with pytest.raises(InputError, match=r"is no run: there is no run\.json in it"):
        files_of(tmp_path, None)
    with pytest.raises(InputError, match=r"the regressor .*eyes does not exist"):
        files_of(tiny_run, "eyes")
    shutil.copytree(tiny_run, tmp_path / "run")
    (tmp_path / "run" / "weights.safetensors").unlink()
    with pytest.raises(
        InputError, match="is missing: the run has not come to its first checkpoint"
    ):
        files_of(tmp_path / "run", None)


def test_an_exported_file_with_a_regressor(
    tiny_run: Path, image_folder: Path, tmp_path: Path
) -> None:
    detector = Detector.load(tiny_run, device="cpu")
    regressor = some_regressor(detector, tmp_path)
    file = tmp_path / "tiny.onnx"
    write_onnx(detector, file, regressor)
    work = find_work(str(image_folder))
    table, _ = done_alone(file, work, tmp_path / "out")
    expected = PointDetector(detector, regressor)([str(path) for path in work.pieces[0].paths])
    np.testing.assert_allclose(points_in(table), expected.landmarks, rtol=0, atol=2e-3)
    with pytest.raises(InputError, match=r"--regressor eyes was given, but .*tiny.onnx is an exp"):
        files_of(file, "eyes")
    with pytest.raises(InputError, match=r"--copies 2 was given, but .*tiny.onnx is an exported"):
        files_of(file, None, 2)
    with pytest.raises(InputError, match=r"--regressor eyes was given, but .*tiny.onnx is an exp"):
        load_detector(file, "eyes")


def test_a_digest_is_of_all_files(tiny_run: Path) -> None:
    files = files_of(tiny_run, None)
    assert digest_of(files) == digest_of(dict(reversed(files.items())))
    for name in files:
        assert digest_of(files) != digest_of(files | {name: files[name] + b" "})


def test_copies_in_place_of_the_run_s_are_carried(image_folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    config = tiny_config(
        looks=2, self_training={"share": 0.6}, optimiser={"averaging": 0.9}, image={"size": 24}
    )
    train_tiny(image_folder, run, config=config, steps=5)
    files = files_of(run, None, 3)
    assert digest_of(files) != digest_of(files_of(run, None))
    assert files_of(run, None, 1) == files_of(run, None)  # which has one
    carried, expected = load_carried(files), Detector.load(run, device="cpu", copies=3)
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), "uint8")
    np.testing.assert_array_equal(carried(image).landmarks, expected(image).landmarks)
    once = Detector.load(run, device="cpu")(image).landmarks
    assert np.abs(expected(image).landmarks - once).max() > 1e-3
    with pytest.raises(InputError, match="copies is 0: expected at least 1"):
        files_of(run, None, 0)
