import errno
import json
import os
import stat
import time
from pathlib import Path

import pytest

from warpmarks.errors import InputError
from warpmarks.system.files import (
    atomic_path,
    check_folder_place,
    files_below,
    fresh_folder,
    remove_left_behind,
    replace_folder,
    write_json,
    write_text,
)


def names_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_a_file_takes_the_old_ones_place(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("old")
    with atomic_path(path) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".txt"
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert names_in(tmp_path) == ["notes.txt"]


def test_a_link_stays_and_leads_to_the_new_file(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    target, link = tmp_path / "disk" / "large.csv", tmp_path / "notes.csv"
    link.symlink_to(target)
    for text in ("first", "second"):  # at first there is nothing at its end
        write_text(link, text)
        assert (link.is_symlink(), target.read_text()) == (True, text)
    assert names_in(tmp_path) == ["disk", "notes.csv"]
    assert names_in(tmp_path / "disk") == ["large.csv"]


def test_what_killed_writers_left_is_removed_after_an_hour(tmp_path: Path) -> None:
    old = [".a[1].csv.88b626c9.csv", ".b.csv.88b626c9.csv", ".a[1].csv.notes.csv", "a[1].csv"]
    for name in [*old, ".a[1].csv.0daaa3a1.csv"]:
        (tmp_path / name).touch()
    for name in old:
        os.utime(tmp_path / name, (1e9, 1e9))
    remove_left_behind(tmp_path / "a[1].csv")
    assert names_in(tmp_path) == sorted([".a[1].csv.0daaa3a1.csv", *old[1:]])
    remove_left_behind(tmp_path / "no" / "a.csv")


@pytest.mark.parametrize("raised", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_whatever_interrupts_leaves_the_old_file(
    tmp_path: Path, raised: type[BaseException]
) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("old")
    with pytest.raises(raised), atomic_path(path) as temporary:  # noqa: PT012
        temporary.write_text("half of the ne")
        raise raised
    assert path.read_text() == "old"
    assert names_in(tmp_path) == ["notes.txt"]


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "run.json"
    path.write_text("old")
    monkeypatch.setattr(*{"fsync": (os, "fsync"), "replace": (Path, "replace")}[failing], full)
    with pytest.raises(InputError, match=r"run\.json cannot be written \(No space left.*make room"):
        write_json(path, {"new": 1})
    assert path.read_text() == "old"
    assert names_in(tmp_path) == ["run.json"]


def test_the_first_writing_of_a_file_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        write_json(tmp_path / "run.json", object())
    with pytest.raises(ZeroDivisionError), atomic_path(tmp_path / "a.bin") as temporary:
        temporary.write_bytes(bytes(10 // 0))
    assert names_in(tmp_path) == []


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing/a\.txt cannot be written \(No such file"):
        write_text(tmp_path / "missing" / "a.txt", "text")


def test_a_folder_of_that_name_is_told_and_kept(tmp_path: Path) -> None:
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(InputError, match=r"a\.txt cannot be written \(Is a directory"):
        write_text(tmp_path / "a.txt", "text")
    assert names_in(tmp_path) == ["a.txt"]


def test_files_are_as_readable_as_any_other(tmp_path: Path) -> None:
    """Not private to their owner, as temporary files are."""
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "ours", "text")
        (tmp_path / "usual").write_text("text")
    finally:
        os.umask(before)
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("ours", "usual")}
    assert modes == {0o640}


def test_the_processes_umask_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several threads that set it and set it back, the last may set it back to another's."""
    monkeypatch.delattr(os, "umask")
    write_text(tmp_path / "a.txt", "text")
    assert names_in(tmp_path) == ["a.txt"]


def test_json_is_plain_and_text_is_utf8(tmp_path: Path) -> None:
    value = {"name": "Käfer", "points": [1, 2.5, None]}
    write_json(tmp_path / "a.json", value)
    assert json.loads((tmp_path / "a.json").read_bytes()) == value
    write_text(tmp_path / "a.txt", "Käfer\n")
    assert (tmp_path / "a.txt").read_bytes() == "Käfer\n".encode()


def folder_with(path: Path, text: str) -> Path:
    path.mkdir()
    (path / "text").write_text(text)
    return path


@pytest.mark.parametrize("kept", [False, True])
def test_a_folder_takes_the_old_ones_place(tmp_path: Path, *, kept: bool) -> None:
    target, old = tmp_path / "run", tmp_path / "old" if kept else None
    replace_folder(folder_with(tmp_path / "first", "first"), target, old=old)
    assert names_in(tmp_path) == ["run"]
    replace_folder(folder_with(tmp_path / "second", "second"), target, old=old)
    assert (target / "text").read_text() == "second"
    assert names_in(tmp_path) == (["old", "run"] if kept else ["run"])
    assert old is None or (old / "text").read_text() == "first"


def test_what_killed_writers_left_of_a_folder_is_removed_after_an_hour(tmp_path: Path) -> None:
    ages = {".run.0.partial": 7200, ".run.1.partial": 60, ".films.partial": 7200}
    for name, age in ages.items():
        left = folder_with(tmp_path / name, "half")
        for path in (left / "text", left):
            os.utime(path, (time.time() - age,) * 2)
    with fresh_folder(tmp_path / "run") as fresh:
        (fresh / "text").write_text("whole")
    assert names_in(tmp_path) == [".films.partial", ".run.1.partial", "run"]
    assert (tmp_path / "run" / "text").read_text() == "whole"


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("failing", [{1}, {2}, {2, 3}], ids=str)
def test_a_folder_that_cannot_be_replaced_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: set[int], *, kept: bool
) -> None:
    fresh, target = folder_with(tmp_path / "new", "new"), folder_with(tmp_path / "run", "old")
    rename, calls = Path.rename, iter(range(1, 100))

    def rename_or_fail(self: Path, target: Path) -> Path:
        if next(calls) in failing:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", rename_or_fail)
    with pytest.raises(OSError, match="No space left"):
        replace_folder(fresh, target, old=tmp_path / "old" if kept else None)
    assert sorted(path.read_text() for path in tmp_path.rglob("text")) == ["new", "old"]
    if 3 not in failing:
        assert (target / "text").read_text() == "old"
        assert names_in(tmp_path) == ["new", "run"]


def test_the_files_of_a_folder_are_those_wanted_without_hidden_ones(tmp_path: Path) -> None:
    for name in ("b.pts", "sub/a.pts", "sub/c.txt", ".hidden/d.pts", "sub/._a.pts", "e.pts/f.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = files_below(tmp_path, lambda name: name.endswith(".pts"))
    assert sorted(found) == [tmp_path / "b.pts", tmp_path / "sub" / "a.pts"]


def test_a_folder_that_cannot_be_searched_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "locked").mkdir()
    scandir = os.scandir

    def refuse(folder: str) -> object:  # the tests may run as root, whom no permission stops
        if str(folder).endswith("locked"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), folder)
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match=r"locked cannot be searched \(Permission denied\): make"):
        list(files_below(tmp_path, lambda name: True))


def test_a_folder_that_can_be_made_is_not_made_by_asking(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "new", tmp_path / "new" / "deep"):
        check_folder_place(folder)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("file", errno.ENOTDIR),
        ("file/deep/deeper", errno.ENOTDIR),
        ("nowhere", errno.ENOTDIR),
        ("locked", errno.EACCES),
        ("locked/deep/deeper", errno.EACCES),
        ("n" * 300 + "/deep", errno.ENAMETOOLONG),
    ],
)
def test_a_folder_that_cannot_be_made_is_told_of_beforehand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, number: int
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    (tmp_path / "locked").mkdir()
    # The tests may run as root, whom no permission stops.
    monkeypatch.setattr(os, "access", lambda path, mode: path.name != "locked")
    folder = tmp_path / name
    with pytest.raises(InputError) as refused:
        check_folder_place(folder, flag="--output")
    reason = os.strerror(number)
    assert str(refused.value) == f"--output {folder} cannot be written ({reason}): choose another"
