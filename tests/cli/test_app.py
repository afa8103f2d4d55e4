import inspect
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
import typer

import warpmarks as package
from warpmarks.cli.app import app
from warpmarks.errors import LostProcess

VERBS = [
    "train",
    "detect",
    "show",
    "annotate",
    "convert",
    "demo",
    "reproduce",
    "benchmark",
    "system",
    "datasets",
]


def test_help_names_every_verb(warpmarks):
    code, out, _ = warpmarks("--help")
    assert code == 0
    for verb in VERBS:
        assert re.search(rf"\b{verb} ", out)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(warpmarks, verb):
    code, out, _ = warpmarks(verb, "-h")
    assert (code, f"warpmarks {verb}" in out) == (0, True)


def callbacks(commands: typer.Typer) -> Iterator[Callable]:
    for command in commands.registered_commands:
        yield command.callback
    for group in commands.registered_groups:
        yield from callbacks(group.typer_instance)


def test_a_terminal_of_80_columns_breaks_no_line_of_the_help_anew():
    for callback in callbacks(app):
        for paragraph in inspect.cleandoc(callback.__doc__).split("\n\n"):
            lines = paragraph.splitlines()
            assert len(lines) == 1 or max(map(len, lines)) <= 78, paragraph


def test_no_verb_shows_the_help_and_an_unknown_one_is_an_error(warpmarks):
    assert warpmarks()[0] == 2
    code, _, err = warpmarks("trian")
    assert (code, "train" in err) == (2, True)


def test_version(warpmarks):
    assert warpmarks("--version") == (0, f"warpmarks {package.__version__}\n", "")


def test_system_prints_what_a_bug_report_needs(warpmarks, tmp_path, monkeypatch):
    monkeypatch.setenv("WARPMARKS_CACHE", str(tmp_path))
    (tmp_path / "pictures").write_bytes(bytes(3 * 2**20))
    code, out, _ = warpmarks("system")
    assert code == 0
    facts = dict(re.split(r"  +", line, maxsplit=1) for line in out.splitlines())
    assert facts["warpmarks"] == package.__version__
    assert {"torch", "numpy", "pillow", "lightning-fabric", "python", "platform"} <= set(facts)
    assert {"processor", "cores", "torch threads", "memory"} <= set(facts)
    assert facts["cache"] == f"{tmp_path} (3 MiB)"


def stopped_inside(place: str, *argv: object) -> tuple[int, str]:
    """A command line in a process of its own that gets SIGTERM when it calls what is at a place."""
    code = (
        "import os, signal, sys; from unittest.mock import patch; from warpmarks.cli import main\n"
        "def stop(*_, **__): os.kill(os.getpid(), signal.SIGTERM)\n"
        f"with patch({place!r}, stop): sys.exit(main({[str(one) for one in argv]}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def test_sigterm_stops_a_detection_as_ctrl_c_does(trained_run, image_folder, tmp_path):
    output = tmp_path / "l.csv"
    argv = ("detect", trained_run, image_folder, "--output", output)
    assert stopped_inside("warpmarks.detectors.detector.Detector.search", *argv) == (
        130,
        "stopped\n",
    )
    assert list(tmp_path.iterdir()) == []


def test_sigterm_stops_the_drawing_of_pictures_as_ctrl_c_does(image_folder, tmp_path, tiny):
    argv = ("train", image_folder, "--run", tmp_path / "run", "--steps", 1, *tiny)
    code, err = stopped_inside("warpmarks.report.run_report.report_run", *argv)
    assert code == 130
    told = "stopped; training is complete; draw the pictures with warpmarks show\n"
    assert err.endswith(told)


def test_sigterm_is_as_before_after_a_command(warpmarks):
    before = signal.getsignal(signal.SIGTERM)
    assert warpmarks("system")[0] == 0
    assert signal.getsignal(signal.SIGTERM) == before


def failing(error: BaseException) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


ON_GPU = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
ON_CPU = RuntimeError(
    "[enforce fail at alloc_cpu.cpp:119] err == 0. DefaultCPUAllocator: can't allocate memory: you "
    "tried to allocate 4000000000000 bytes. Error code 12 (Cannot allocate memory)"
)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ON_GPU, "the GPU has no memory left: lower --batch-size, use --device cpu or end"),
        (ON_CPU, "this machine has no memory left: lower --batch-size or end"),
    ],
)
def test_a_detection_without_memory_says_what_to_do(
    warpmarks, trained_run, image_folder, tmp_path, monkeypatch, error, expected
):
    monkeypatch.setattr("warpmarks.detectors.detector.Detector.search", failing(error))
    told = warpmarks("detect", trained_run, image_folder, "--output", tmp_path / "l.csv")
    assert told == (2, "", f"error: {expected} other programs that use it\n")


def test_any_process_of_a_run_tells_of_its_own_memory(warpmarks, tmp_path, monkeypatch):
    monkeypatch.setattr("warpmarks.cli.ending.is_first_on_its_machine", lambda: False)
    monkeypatch.setattr("warpmarks.cli.train_and_report.train_and_report", failing(ON_GPU))
    monkeypatch.setattr("warpmarks.cli.video.find_images_or_frames", lambda *_, **__: None)
    assert warpmarks("train", tmp_path, "--run", tmp_path / "run") == (
        2,
        "",
        "error: the GPU has no memory left: lower --batch-size or --image-size, use --device cpu "
        "or end other programs that use it\n",
    )


def test_a_lost_process_ends_the_others_for_sure(warpmarks, tmp_path, monkeypatch, capsys):
    """Not by Python's own end, which waits for what torch has begun."""
    monkeypatch.setattr("warpmarks.cli.app._run", failing(LostProcess("process 2 of 2 has ended")))
    monkeypatch.setattr("os._exit", lambda code: (_ for _ in ()).throw(SystemExit(code)))
    with pytest.raises(SystemExit, match=r"^3$"):
        warpmarks("show", tmp_path)
    assert capsys.readouterr().err == "error: process 2 of 2 has ended\n"


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_a_signal_while_the_command_is_imported_stops_it_in_order(tmp_path, number):
    (tmp_path / "typer.py").write_text(
        # A shell's background job ignores SIGINT, and what it starts does.
        "import os, signal, time\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"os.kill(os.getpid(), signal.{number})\ntime.sleep(9)"
    )
    places = os.pathsep.join([str(tmp_path), str(Path(package.__file__).parents[1])])
    done = subprocess.run(
        [sys.executable, "-m", "warpmarks", "system"],
        env=os.environ | {"PYTHONPATH": places},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "stopped\n")
