from pathlib import Path

import pytest

from point_tables import fish
from warpmarks.errors import InputError
from warpmarks.formats import pts, yolo
from warpmarks.formats.registry import read, write
from warpmarks.formats.table import select_points
from warpmarks.system.whole_folder import whole_folder


def content(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


def stop_at(number, what):
    """``what``, which is stopped as by Ctrl-C when it is called so often."""
    calls = []

    def stopped(*arguments):
        calls.append(arguments)
        if len(calls) == number:
            raise KeyboardInterrupt
        return what(*arguments)

    return stopped


@pytest.mark.parametrize(
    ("format", "module", "part"), [("pts", pts, "_text"), ("yolo", yolo, "_label")]
)
@pytest.mark.parametrize("before", ["nothing", "images", "an export"])
def test_an_export_that_is_stopped_leaves_all_as_it_was(
    tmp_path, monkeypatch, format, module, part, before
):
    target = tmp_path / "set"
    if before != "nothing":
        (target / "images").mkdir(parents=True)
        (target / "images" / "two.png").write_text("precious")
    if before == "an export":
        write(target, format, select_points(fish(), ["snout"], source="test"))
    found = content(tmp_path)
    monkeypatch.setattr(module, part, stop_at(2, getattr(module, part)))
    with pytest.raises(KeyboardInterrupt):
        write(target, format, fish())
    assert content(tmp_path) == found
    assert [path.name for path in tmp_path.iterdir()] == ["set"][: before != "nothing"]


@pytest.mark.parametrize("renames", range(1, 7))
def test_a_replacement_that_is_stopped_is_taken_back(tmp_path, monkeypatch, renames):
    for name in ("a.txt", "deep/b.txt", "mine.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("old")
    before = content(tmp_path)

    def replace():
        with whole_folder(tmp_path, last="a.txt") as fresh:
            (fresh / "deep").mkdir()
            (fresh / "new").mkdir()
            for name in ("a.txt", "deep/b.txt", "deep/c.txt", "new/d.txt"):
                (fresh / name).write_text("new")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", stop_at(renames, Path.rename))
        with pytest.raises(KeyboardInterrupt):
            replace()
    assert content(tmp_path) == before
    replace()
    fresh = dict.fromkeys(["a.txt", "deep/b.txt", "deep/c.txt", "new/d.txt"], "new")
    assert content(tmp_path) == fresh | {"mine.txt": "old"}
    assert {path.name for path in tmp_path.iterdir()} == {"a.txt", "deep", "mine.txt", "new"}


def test_the_file_that_readers_begin_with_comes_last(tmp_path, monkeypatch):
    (tmp_path / "images").mkdir()
    moved = []
    rename = Path.rename
    monkeypatch.setattr(
        Path, "rename", lambda path, to: (moved.append(path.name), rename(path, to))[1]
    )
    write(tmp_path, "yolo", fish())
    assert (sorted(moved), moved[-1]) == (["data.yaml", "images.txt", "labels"], "data.yaml")


def test_images_that_are_there_stay_and_the_export_is_readable(tmp_path):
    target = tmp_path / "set"
    (target / "images").mkdir(parents=True)
    (target / "images" / "two.png").write_text("precious")
    write(target, "pts", fish())
    assert (target / "images" / "two.png").read_text() == "precious"
    assert read(target).images == ("tank/one", "two.png")
    assert (target / "tank").stat().st_mode == (target / "images").stat().st_mode


def test_a_folder_that_cannot_be_made_is_told_of(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "set"):
        with (
            pytest.raises(InputError, match=r"file cannot be made \("),
            whole_folder(folder) as fresh,
        ):
            raise AssertionError(fresh)
