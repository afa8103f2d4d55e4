"""stdin, stdout and stderr that are closed, full, or read by nobody any more."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import warpmarks as package
from warpmarks.cli import usage

FULL = Path("/dev/full")
CLOSED = "error: --output - is stdout, which is closed: name a file, or leave stdout open\n"
LOST = "error: stdout cannot be written (no space left on device): send it to another place\n"


def in_shell(*argv: object, streams: str) -> tuple[int, str, str]:
    """A command line with redirections, in a process of its own."""
    words = shlex.join([sys.executable, "-m", "warpmarks", *map(str, argv)])
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{words} {streams}"],
        env=os.environ | {"PYTHONPATH": str(Path(package.__file__).parents[1])},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_a_closed_stderr_is_silent_and_takes_no_file(trained_run, image_folder, tmp_path):
    output = tmp_path / "l.csv"
    argv = ("detect", trained_run, image_folder, "--output", output, "--threads", "1")
    code, out, err = in_shell(*argv, streams="2>&-")
    assert (code, out, err) == (0, f"{output}: 3 landmarks on 12 images\n", "")
    assert output.read_text().startswith("image,x1,y1,")


@pytest.mark.parametrize("argv", [("convert",), ("detect", "no\udcff", "images")])
def test_what_is_wrong_is_never_told_on_stdout(argv):
    assert in_shell(*argv, streams="2>&-") == (2, "", "")


@pytest.mark.parametrize(
    ("images", "streams", "sentence"),
    [
        ("-", "<&-", "error: - is a list of images on stdin, which is closed: give a text file\n"),
        (None, ">&-", CLOSED),
    ],
)
def test_closed_streams_that_are_asked_for_are_one_sentence(
    trained_run, image_folder, images, streams, sentence
):
    argv = ("detect", trained_run, images or image_folder, "--output", "-")
    assert in_shell(*argv, streams=streams) == (2, "", sentence)


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full on this system")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_stdout_loses_what_is_asked_for_and_no_file(
    trained_run, image_folder, tmp_path, monkeypatch, unbuffered
):
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    assert in_shell("--version", streams=f"> {FULL}") == (2, "", LOST)
    output = tmp_path / "l.csv"
    argv = ("detect", trained_run, image_folder, "--threads", "1", "--output")
    assert in_shell(*argv, "-", streams=f"> {FULL}") == (2, "", LOST)
    assert in_shell(*argv, output, streams=f"> {FULL}") == (0, "", "")
    assert len(output.read_text().splitlines()) == 13


@pytest.mark.parametrize("argv", [["--version"], ["--help"], ["detect", "--help"], ["datasets"]])
def test_a_reader_that_has_enough_is_no_error(argv):
    assert in_shell(*argv, streams="| head -c 0") == (0, "", "")


def test_a_signal_before_the_verb_has_its_word(warpmarks, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(usage.Command, "parse_args", stop)
    assert warpmarks("system") == (130, "", "stopped\n")


def test_a_named_pipe_is_not_replaced_by_a_file(warpmarks, trained_run, image_folder, tmp_path):
    output = tmp_path / "l.csv"
    os.mkfifo(output)
    argv = ("detect", trained_run, image_folder, "--overwrite", "--output", output)
    assert warpmarks(*argv) == (
        2,
        "",
        f"error: --output {output} is a device or a pipe, where files are written whole and then "
        "get their name: name a file, or write - for stdout\n",
    )
    assert output.is_fifo()


def test_convert_replaces_no_named_pipe(warpmarks, image_folder, tmp_path):
    output = tmp_path / "l.json"
    os.mkfifo(output)
    code, _, err = warpmarks("convert", image_folder, output, "--to", "dlib", "--overwrite")
    assert (code, err.splitlines()[-1][: len(f"error: {output} is a device")]) == (
        2,
        f"error: {output} is a device",
    )
    assert output.is_fifo()
