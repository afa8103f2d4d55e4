import errno
import os
from pathlib import Path

import pytest

RUN = ["images", "--run", "run"]
DENIED = "permission denied: let this user read and write there, or choose another place"


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (
            ["train", *RUN, "--steps", "many"],
            "--steps is many: expected a whole number; see warpmarks train --help",
        ),
        (
            ["train", *RUN, "--landmarks", "0"],
            "--landmarks is 0: expected at least 1; see warpmarks train --help",
        ),
        (
            ["demo", "--landmarks", "1001"],
            "--landmarks is 1001: expected at most 1000; see warpmarks demo --help",
        ),
        (
            ["detect", "run", "images", "--device", "gpu"],
            "--device is gpu: expected auto, cpu or cuda; see warpmarks detect --help",
        ),
        (
            ["finetune", "run", "images", "--run"],
            "--run is given without a value: expected one after it; see warpmarks finetune --help",
        ),
        (
            ["show", "run", "images", "--overwrite=3"],
            "--overwrite was given a value: it takes none, leave out = and the value; see "
            "warpmarks show --help",
        ),
        (["train", "images", "--stepz", "4"], "--stepz is no option of warpmarks train: did you "),
        (["benchmark", "--zzz"], "--zzz is no option of warpmarks benchmark; see warpmarks "),
        (
            ["train"],
            "IMAGES is missing: expected a folder of images (searched recursively), a text file "
            "with one path a line, or an image set (a folder with images/ and split.csv); or "
            "videos, or a folder of them; see warpmarks train --help",
        ),
        (
            ["train", "images"],
            "--run is missing: expected the folder of the run to make: weights, log, pictures; "
            "see warpmarks train --help",
        ),
        (
            ["evaluate", "run", "set", "other"],
            "other is more than warpmarks evaluate takes: expected RUN SET; see warpmarks ",
        ),
        (
            ["train", "images", "--run", ""],
            "--run is empty: expected the folder of the run to make: weights, log, pictures; "
            "see warpmarks train --help",
        ),
        (["fit", "run", "set", "--output="], "--output is empty: expected the regressor to make"),
        (["fit", "run", "", "--output", "x"], "SET is empty: expected an annotated image set"),
        (
            ["evaluate", "run", "set", "--regressor", ""],
            "--regressor is empty: give a value or leave",
        ),
        (["train", *RUN, "--set", "seed=1", "--set", ""], "--set is empty: give a value or "),
        (["datasets", "check", "mafl", "a", ""], "FOLDER is empty: expected the folder that"),
        (["system", "3"], "3 is more than warpmarks system takes: expected options only; see "),
        (["trian"], "trian is no command of warpmarks: did you mean train?"),
        (["zzz"], "zzz is no command of warpmarks; see warpmarks --help"),
        (
            ["datasets", "prepar"],
            "prepar is no command of warpmarks datasets: did you mean prepare?",
        ),
        (
            ["datasets", "check", "mafl"],
            "FOLDER is missing: expected the folder that the set was unpacked into, or the several "
            "folders that hold its parts; see warpmarks datasets check --help",
        ),
    ],
)
def test_what_the_parser_refuses_is_one_sentence(warpmarks, argv, sentence):
    code, out, err = warpmarks(*argv)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"error: {sentence}")


@pytest.mark.parametrize("words", [["--json"], ["--json", "--overwrite"], ["--json", "-"]])
@pytest.mark.parametrize(
    "verb", [["evaluate", "run", "set"], ["fit", "run", "set", "--output", "eyes"], ["benchmark"]]
)
def test_json_without_a_file_is_for_stdout(warpmarks, monkeypatch, verb, words):
    monkeypatch.setattr("sys.__stdout__", None)  # closed, which is told before any work
    code, _, err = warpmarks(*verb, *words)
    assert code == 2
    assert err.startswith("error: --json - is stdout, which is closed: ")


def test_help_and_its_hint_name_the_same_command(warpmarks):
    _, _, err = warpmarks("datasets", "prepare", "cats", "folder", "--size", "1")
    words = err.rpartition("; see warpmarks ")[2].split()
    code, out, _ = warpmarks(*words)
    assert (code, "warpmarks datasets prepare" in out, "--crop" in out) == (0, True, True)


def test_a_folder_that_may_not_be_read_is_one_sentence(warpmarks, tmp_path, monkeypatch):
    locked, access = tmp_path / "locked", os.access
    locked.mkdir()
    # The tests may run as root, whom no permission stops.
    monkeypatch.setattr(
        os,
        "access",
        lambda path, mode, **how: Path(os.fsdecode(path)) != locked and access(path, mode, **how),
    )
    code, _, err = warpmarks("train", locked, "--run", tmp_path / "run")
    assert (code, err) == (2, f"error: IMAGES {locked}: {DENIED}\n")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.EACCES, DENIED),
        (errno.EROFS, "it is on a disk that cannot be written: choose another place"),
    ],
)
def test_what_the_system_refuses_deeper_down_is_one_sentence(
    warpmarks, tmp_path, monkeypatch, number, reason
):
    def refuse(path):
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(Path, "is_dir", refuse)
    code, _, err = warpmarks("train", tmp_path, "--run", tmp_path / "run")
    assert (code, err) == (2, f"error: {tmp_path}: {reason}\n")


def test_a_name_too_long_is_one_sentence(warpmarks, image_folder, tmp_path):
    code, _, err = warpmarks("train", image_folder, "--run", tmp_path / ("x" * 300))
    assert (code, err.count("\n")) == (2, 1)
    assert err.endswith("...: the name is too long: choose a shorter one\n")


def test_an_error_of_the_system_that_is_not_the_users_stays_a_traceback(warpmarks, monkeypatch):
    def refuse():
        raise OSError(errno.EBADF, os.strerror(errno.EBADF), "somewhere")

    monkeypatch.setattr("warpmarks.cli.system.describe_system", refuse)
    with pytest.raises(OSError, match="Bad file descriptor"):
        warpmarks("system")
