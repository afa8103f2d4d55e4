import json
import os
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warpmarks.errors import InputError
from warpmarks.fleet.parts import About, Parts

ABOUT = About("detector", "work")


@pytest.fixture(params=["local", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "local":
        yield str(tmp_path / "out")
        return
    yield "memory://out"
    filesystem = fsspec.filesystem("memory")
    if filesystem.exists("/out"):
        filesystem.rm("/out", recursive=True)


def names_in(place: str) -> list[str]:
    filesystem, root = fsspec.core.url_to_fs(place)
    return sorted(path.rpartition("/")[2] for path in filesystem.find(root))


def table(*errors: str | None) -> pa.Table:
    names = [str(index) for index in range(len(errors))]
    return pa.table({"image": names, "error": pa.array(errors, pa.string())})


def test_a_folder_of_results(place: str) -> None:
    parts = Parts(place)
    parts.prepare(ABOUT, resume=False, overwrite=False)
    assert parts.done(3) is None
    parts.write(3, table(None, "gone", None))
    parts.write(0, table(None))
    parts.write(0, table("gone"))
    assert (parts.done(3), parts.done(0)) == ((3, 1), (1, 1))
    parts.complete(4, 2)
    assert names_in(place) == [
        "_about.json",
        "_complete.json",
        "part-000000.parquet",
        "part-000003.parquet",
    ]
    filesystem, root = fsspec.core.url_to_fs(place)
    assert json.loads(filesystem.cat_file(f"{root}/_complete.json")) == {"images": 4, "failed": 2}
    read = pq.read_table(root, filesystem=filesystem)
    assert read["image"].to_pylist() == ["0", "0", "1", "2"]


def test_a_folder_that_is_there(place: str) -> None:
    parts = Parts(place)
    parts.prepare(ABOUT, resume=True, overwrite=False)  # there is nothing yet
    parts.write(0, table(None))
    with pytest.raises(InputError, match="holds a detection: go on with --resume, replace it"):
        parts.prepare(ABOUT, resume=False, overwrite=False)
    with pytest.raises(InputError, match=r"else \(work\): give the same run, regressor, copies"):
        parts.prepare(About("detector", "other work"), resume=True, overwrite=False)
    parts.complete(1, 0)
    parts.prepare(ABOUT, resume=True, overwrite=False)
    assert parts.done(0) == (1, 0)
    assert names_in(place) == ["_about.json", "part-000000.parquet"]
    parts.prepare(About("other", "work"), resume=False, overwrite=True)
    assert parts.done(0) is None
    assert names_in(place) == ["_about.json"]


def test_where_nothing_can_be_written_is_told_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file is a file: expected the name of a folder"):
        Parts(str(tmp_path / "file" / "out")).check(ABOUT, resume=False, overwrite=False)
    monkeypatch.setattr(os, "access", lambda path, mode: (path, mode) != (tmp_path, os.W_OK))
    with pytest.raises(InputError, match=f"out: the folder {tmp_path} cannot be written"):
        Parts(str(tmp_path / "new" / "out")).check(ABOUT, resume=False, overwrite=False)


def test_a_damaged_part_is_done_again(place: str) -> None:
    parts = Parts(place)
    parts.prepare(ABOUT, resume=False, overwrite=False)
    parts.write(0, table(None, "gone"))
    filesystem, root = fsspec.core.url_to_fs(place)
    whole = filesystem.cat_file(f"{root}/part-000000.parquet")
    for left in (b"", whole[:40], whole[:-9]):
        filesystem.pipe_file(f"{root}/part-000000.parquet", left)
        assert parts.done(0) is None
    parts.write(0, table(None, "gone"))
    assert parts.done(0) == (2, 1)


@pytest.mark.parametrize("damage", [b"junk", b"\xff", b"[]"])
def test_a_damaged_account_of_what_is_there(place: str, damage: bytes) -> None:
    parts = Parts(place)
    parts.prepare(ABOUT, resume=False, overwrite=False)
    filesystem, root = fsspec.core.url_to_fs(place)
    filesystem.pipe_file(f"{root}/_about.json", damage)
    with pytest.raises(InputError, match="start anew with --overwrite"):
        parts.prepare(ABOUT, resume=True, overwrite=False)
    parts.prepare(ABOUT, resume=False, overwrite=True)
    assert json.loads(filesystem.cat_file(f"{root}/_about.json"))["work"] == ABOUT.work


def test_what_is_a_detections_goes_before_what_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = Parts(str(tmp_path / "out"))
    parts.prepare(ABOUT, resume=False, overwrite=False)
    parts.write(0, table(None))
    gone = []
    monkeypatch.setattr(
        type(parts._filesystem), "rm_file", lambda _, path: gone.append(Path(path).name)
    )
    parts.prepare(ABOUT, resume=False, overwrite=True)
    assert gone == ["part-000000.parquet", "_about.json"]


def test_what_others_have_there_stays(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(InputError, match="is not empty and holds no detection"):
        Parts(str(tmp_path)).prepare(ABOUT, resume=False, overwrite=True)
    with pytest.raises(InputError, match="is a file: expected the name of a folder"):
        Parts(str(tmp_path / "thesis.tex")).prepare(ABOUT, resume=False, overwrite=True)
    assert (tmp_path / "thesis.tex").read_text() == "precious"


def test_a_full_disk_leaves_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = Parts(str(tmp_path / "out"))
    parts.prepare(ABOUT, resume=False, overwrite=False)

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match=r"part-000000.parquet cannot be written \(No space"):
        parts.write(0, table(None))
    assert parts.done(0) is None
    assert names_in(parts.place) == ["_about.json"]
