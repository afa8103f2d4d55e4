import csv
import errno
import itertools
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tiny_runs import tiny_config, tiny_record
from warpmarks.errors import InputError
from warpmarks.runs import folder
from warpmarks.runs.folder import RunFolder, provenance
from warpmarks.runs.record import FORMAT


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "run")
    folder.create(tiny_record())
    return folder


def names_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def full_disk(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def rename_that_fails(number: int) -> Callable[[Path, Path], Path]:
    """`Path.rename`, of which the call of that number, from 1, finds a full disk."""
    rename, calls = Path.rename, itertools.count(1)

    def rename_or_fail(self: Path, target: Path) -> Path:
        if next(calls) == number:
            full_disk()
        return rename(self, target)

    return rename_or_fail


def test_a_record_is_read_as_it_was_written(run: RunFolder) -> None:
    assert run.record() == tiny_record()
    assert names_in(run.path) == ["run.json"]
    assert names_in(run.path.parent) == ["run"]
    written = json.loads((run.path / "run.json").read_bytes())
    assert written["config"]["num_landmarks"] == 3
    assert written["format"] == FORMAT


def test_folders_on_the_way_are_made(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "runs" / "today" / "first")
    run.create(tiny_record())
    assert run.record() == tiny_record()


def test_an_empty_folder_is_taken_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be a mounted disk, or the working folder, and must stay the same folder."""
    before = tmp_path.stat().st_ino
    monkeypatch.chdir(tmp_path)
    run = RunFolder(".")
    run.create(tiny_record())
    assert tmp_path.stat().st_ino == before
    assert run.record() == tiny_record()
    assert names_in(tmp_path) == ["run.json"]


def test_an_existing_run_is_refused(run: RunFolder) -> None:
    (run.path / "log.jsonl").write_text("precious\n")
    with pytest.raises(InputError, match="holds a run already: go on with --resume, replace it wi"):
        run.create(tiny_record(tiny_config(seed=5)))
    assert names_in(run.path) == ["log.jsonl", "run.json"]
    assert run.record() == tiny_record()


def test_overwrite_replaces_all_of_a_run(run: RunFolder) -> None:
    (run.path / "log.jsonl").write_text("old\n")
    (run.path / "pictures").mkdir()
    (run.path / "pictures" / "a.png").write_bytes(b"old")
    other = tiny_record(tiny_config(seed=5))
    run.create(other, overwrite=True)
    assert names_in(run.path) == ["run.json"]
    assert run.record() == other
    assert names_in(run.path.parent) == [".run.replaced", "run"]
    run.drop_replaced()
    assert names_in(run.path.parent) == ["run"]


def test_a_replaced_run_comes_back_unless_the_new_one_has_a_checkpoint(run: RunFolder) -> None:
    run.state_path.write_bytes(b"hours of training")
    run.create(tiny_record(tiny_config(seed=5)), overwrite=True)
    run.create(tiny_record(tiny_config(seed=6)), overwrite=True)  # the one in between is empty
    run.bring_back_replaced()
    assert run.record() == tiny_record()
    assert run.state_path.read_bytes() == b"hours of training"
    assert names_in(run.path.parent) == ["run"]
    run.create(tiny_record(tiny_config(seed=7)), overwrite=True)
    run.state_path.write_bytes(b"new")
    run.bring_back_replaced()
    assert run.state_path.read_bytes() == b"new"


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_that_is_no_run_is_never_replaced(tmp_path: Path, *, overwrite: bool) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="exists and is no run: choose another --run"):
        RunFolder(tmp_path).create(tiny_record(), overwrite=overwrite)
    with pytest.raises(InputError, match="exists and is no run"):
        RunFolder(tmp_path / "thesis.tex").create(tiny_record(), overwrite=overwrite)
    assert names_in(tmp_path) == ["thesis.tex"]


def test_a_link_to_a_run_stays_a_link(run: RunFolder, tmp_path: Path) -> None:
    link = tmp_path / "latest"
    link.symlink_to(run.path, target_is_directory=True)
    other = tiny_record(tiny_config(seed=5))
    RunFolder(link).create(other, overwrite=True)
    assert link.is_symlink()
    assert run.record() == other


def test_a_run_that_cannot_be_made_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(InputError, match=r"cannot be written \(No space left"):
        RunFolder(tmp_path / "run").create(tiny_record())
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("failing_rename", [1, 2])
@pytest.mark.parametrize("trained", [False, True])
def test_a_replaced_run_outlives_a_second_replacement_that_fails(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, failing_rename: int, *, trained: bool
) -> None:
    run.state_path.write_bytes(b"hours of training")
    run.create(tiny_record(tiny_config(seed=5)), overwrite=True)
    if trained:
        run.state_path.write_bytes(b"an hour of training")
    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", rename_that_fails(failing_rename))
        with pytest.raises(InputError, match="No space left"):
            run.create(tiny_record(tiny_config(seed=6)), overwrite=True)
    assert run.record().config.seed == 5
    if trained:
        assert run.state_path.read_bytes() == b"an hour of training"
    else:
        run.bring_back_replaced()
        assert run.state_path.read_bytes() == b"hours of training"
        assert names_in(run.path.parent) == ["run"]


@pytest.mark.parametrize("failing_rename", [1, 2])
def test_a_run_that_cannot_be_replaced_is_as_it_was(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, failing_rename: int
) -> None:
    (run.path / "weights.safetensors").write_bytes(b"an hour of training")
    monkeypatch.setattr(Path, "rename", rename_that_fails(failing_rename))
    with pytest.raises(InputError, match=r"--run .* cannot be written \(No space left.*make room"):
        run.create(tiny_record(tiny_config(seed=5)), overwrite=True)
    assert names_in(run.path.parent) == ["run"]
    assert names_in(run.path) == ["run.json", "weights.safetensors"]
    assert run.record() == tiny_record()


def test_a_run_can_be_moved(run: RunFolder, tmp_path: Path) -> None:
    run.append_log({"step": 5, "loss": 0.5})
    elsewhere = tmp_path / "an archive" / "moved"
    elsewhere.parent.mkdir()
    run.path.rename(elsewhere)
    moved = RunFolder(elsewhere)
    assert moved.record() == tiny_record()
    assert moved.read_log() == [{"step": 5, "loss": 0.5}]
    assert str(tmp_path) not in (elsewhere / "run.json").read_text()


def test_no_run(tmp_path: Path) -> None:
    for name in ("cats.txt", "cats.onnx"):
        (tmp_path / name).touch()
    for name, message in (
        ("", r"is no run: there is no run\.json in it"),
        ("missing", "missing does not exist: expected the folder of a run"),
        ("cats.txt", r"cats\.txt is a file: expected the folder of a run$"),
        ("cats.onnx", "is a file: expected the folder of a run, the one that this was exported"),
    ):
        assert not RunFolder(tmp_path / name).exists()
        with pytest.raises(InputError, match=message):
            RunFolder(tmp_path / name).record()


def damaged_records() -> dict[str, bytes]:
    whole = tiny_record().model_dump_json().encode()
    record = json.loads(whole)
    return {
        "cut off": whole[: len(whole) // 2],
        "empty": b"",
        "a list": b"[1, 2]",
        "not text": b"\xff\xfe\x00",
        "a key less": json.dumps({k: v for k, v in record.items() if k != "view_width"}).encode(),
        "no landmarks": json.dumps(
            {**record, "config": {**record["config"], "num_landmarks": 0}}
        ).encode(),
        "format in words": json.dumps({**record, "format": "one"}).encode(),
    }


@pytest.mark.parametrize("damage", damaged_records())
def test_a_damaged_record(run: RunFolder, damage: str) -> None:
    (run.path / "run.json").write_bytes(damaged_records()[damage])
    with pytest.raises(InputError, match=r"run\.json is damaged \(.*\): train again") as caught:
        run.record()
    assert "\n" not in str(caught.value)
    assert "pydantic" not in str(caught.value)


def test_a_damaged_record_says_what_is_wrong(run: RunFolder) -> None:
    (run.path / "run.json").write_bytes(b"{}")
    with pytest.raises(InputError, match=r"is damaged \(config: it is missing\): train again$"):
        run.record()


def test_a_setting_of_another_version_is_no_damage(run: RunFolder) -> None:
    path = run.path / "run.json"
    record = json.loads(path.read_text())
    record["config"]["network"]["colour"] = "blue"
    path.write_text(json.dumps(record))
    with pytest.raises(
        InputError, match=r"has config\.network\.colour, which this warpmarks .*not"
    ):
        run.record()


def test_a_later_format(run: RunFolder) -> None:
    path = run.path / "run.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "format": FORMAT + 1, "new": True}))
    with pytest.raises(
        InputError, match=rf"format {FORMAT + 1} by a later .*reads format {FORMAT}: upgrade"
    ):
        run.record()


def test_an_earlier_format(run: RunFolder) -> None:
    path = run.path / "run.json"
    path.write_text('{"format": 1, "images": "cats"}')
    with pytest.raises(InputError, match=r"run\.json: written in format 1 by an earlier .*: train"):
        run.record()


def test_the_log(run: RunFolder) -> None:
    assert run.read_log() == []
    lines = [{"step": 5, "dead": [], "name": "Käfer\u2028"}, {"step": 10, "dead": [1]}]
    for line in lines:
        run.append_log(line)
    assert run.read_log() == lines
    assert run.log_path.read_text().count("\n") == 2


@pytest.mark.parametrize("torn", ['{"step": 15, "lo', '{"step": 1', "{", '"ste', "\x00\x00"])
def test_a_torn_last_line_is_left_out_and_then_written_over(run: RunFolder, torn: str) -> None:
    run.append_log({"step": 5})
    run.append_log({"step": 10})
    with run.log_path.open("a") as log:
        log.write(torn)
    assert [line["step"] for line in run.read_log()] == [5, 10]
    assert [line["step"] for line in run.truncate_log(10)] == [5, 10]
    run.append_log({"step": 15})
    assert [line["step"] for line in run.read_log()] == [5, 10, 15]


@pytest.mark.parametrize(
    "line", ['{"step": 7, "lo', "", "7", '{"loss": 1}', '{"step": null}', "\udcff\udcfe"]
)
def test_a_damaged_line_before_the_last_is_told(run: RunFolder, line: str) -> None:
    text = f'{{"step": 5}}\n{line}\n{{"step": 10}}\n'
    run.log_path.write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(InputError, match=r"log\.jsonl, line 2: expected an evaluation as JSON"):
        run.read_log()


def test_the_log_is_cut_at_a_step(run: RunFolder) -> None:
    assert run.truncate_log(10) == []
    for step in (5, 10, 15, 20):
        run.append_log({"step": step})
    assert [line["step"] for line in run.truncate_log(12)] == [5, 10]
    assert [line["step"] for line in run.read_log()] == [5, 10]
    assert [line["step"] for line in run.truncate_log(5)] == [5]


def test_a_log_on_a_full_disk(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    run.append_log({"step": 5})
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(InputError, match=r"log\.jsonl cannot be written \(No space.*--resume"):
        run.append_log({"step": 10})
    assert run.read_log()[0] == {"step": 5}


def test_unreadable_images_are_a_table_whatever_their_names(run: RunFolder) -> None:
    images = [
        ("a,b.jpg", 'not "really" an image'),
        ("two\nlines.png", "truncated"),
        ("Icon\r.png", "truncated"),
        ("Käfer.png", ""),
        (os.fsdecode(b"bad\xff.jpg"), "truncated"),
    ]
    run.write_unreadable(images)
    with (run.path / "unreadable.csv").open(
        newline="", encoding="utf-8", errors="surrogateescape"
    ) as file:
        assert [tuple(row) for row in csv.reader(file)] == [("image", "reason"), *images]


def test_a_run_knows_the_images_that_it_was_trained_on(run: RunFolder) -> None:
    assert run.read_names() is None
    names = ("a,b.jpg", "two\nlines.png", "Käfer.png", os.fsdecode(b"bad\xff.jpg"))
    run.write_names(names)
    assert run.read_names() == names
    for damaged in ("image\n\n", "image\n", "", "a.jpg\nb.jpg\n"):
        (run.path / "images.csv").write_text(damaged)
        assert run.read_names() is None


def test_no_unreadable_images_no_table(run: RunFolder) -> None:
    run.write_unreadable([])
    assert names_in(run.path) == ["run.json"]


def test_provenance_names_the_commit_of_the_packages_own_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "run_folder.py"
    module.write_text("# a copy\n")
    monkeypatch.setattr(folder, "__file__", str(module))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))

    def git(*words: str) -> None:
        identity = ("-c", "user.name=n", "-c", "user.email=e@example.org")
        subprocess.run(["git", *identity, *words], cwd=tmp_path, check=True)

    assert provenance()[2] is None  # no repository
    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "somebody's project")
    assert provenance()[2] is None  # a repository that only holds where the package is installed
    git("add", "run_folder.py")
    git("commit", "-q", "-m", "the package itself")
    created, versions, commit = provenance()
    assert commit is not None
    assert len(commit) == 40
    assert created.endswith("+00:00")
    assert {"warpmarks", "torch", "numpy", "python", "platform"} <= versions.keys()
    assert all(isinstance(version, str) for version in versions.values())


def test_provenance_without_git(monkeypatch: pytest.MonkeyPatch) -> None:
    def hangs(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("git", 10)

    monkeypatch.setattr(folder.subprocess, "run", hangs)
    assert provenance()[2] is None
    monkeypatch.setattr(folder.shutil, "which", lambda _: None)
    assert provenance()[2] is None
