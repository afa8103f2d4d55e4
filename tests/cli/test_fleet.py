import subprocess
import sys

import pytest


def test_what_is_refused_is_refused_before_torch_and_ray_are_imported(
    trained_run, image_folder, tmp_path
):
    full, out = tmp_path / "full", tmp_path / "out"
    full.mkdir()
    (full / "precious.txt").touch()
    refused = [
        ([trained_run, tmp_path / "none"], out, "none does not exist: give a folder of images"),
        ([tmp_path / "no", image_folder], out, "no does not exist: expected the folder of a run"),
        ([trained_run, image_folder, "--regressor", "eyes"], out, "eyes"),
        ([trained_run, image_folder, "--address", "there"], out, "--address is there: expected"),
        ([trained_run, image_folder, "--split", "val"], out, "split.csv"),
        ([trained_run, image_folder], full, "is not empty and holds no detection"),
    ]
    commands = [
        [*map(str, ["fleet-detect", *given, "--output", output])] for given, output, _ in refused
    ]
    code = (
        "import sys; from warpmarks.cli import main\n"
        f"for command in {commands!r}:\n"
        "    assert main(command) == 2, command\n"
        "    assert not {'ray', 'torch'} & set(sys.modules), command\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = done.stderr.splitlines()
    assert len(told) == len(refused)
    for line, (_, _, sentence) in zip(told, refused, strict=True):
        assert line.startswith("error: ")
        assert sentence in line
    assert not out.exists()


@pytest.mark.parametrize("library", ["ray", "pyarrow", "fsspec"])
def test_a_missing_library_is_named(
    warpmarks, trained_run, image_folder, tmp_path, monkeypatch, library
):
    monkeypatch.setitem(sys.modules, library, None)
    command = ("fleet-detect", trained_run, image_folder, "--output", tmp_path / "out")
    code, _, err = warpmarks(*command)
    assert (code, f"there is no {library}): pip install 'warpmarks[fleet]'" in err) == (2, True)
