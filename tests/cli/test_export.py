import csv
import shutil

import numpy as np
import pytest

from warpmarks.detectors.detector import Detector
from warpmarks.errors import InputError
from warpmarks.points import PointScheme, parse_normaliser
from warpmarks.regression.regressor import Regressor
from warpmarks.regression.storage import save_regressor


def coordinates(path):
    with path.open(newline="") as file:
        return np.array([row[1:] for row in csv.reader(file)][1:], dtype=float)


def save_points(run, digest):
    """A regressor whose two points are the first two landmarks."""
    weights = np.eye(4, 6)
    names = ("nose", "tail")
    scheme = PointScheme(names, parse_normaliser("nose:tail", names, source="test"))
    regressor = Regressor(weights, None, scheme, "linear", digest, 9, np.zeros((2, 2)))
    save_regressor(regressor, run / "regressors" / "two", overwrite=True)


@pytest.mark.slow
def test_a_file_is_detected_with_in_place_of_its_run(warpmarks, run_copy, image_folder, tmp_path):
    save_points(run_copy, Detector.load(run_copy, device="cpu").digest)
    file, output = tmp_path / "blobs.onnx", tmp_path / "points.csv"
    code, out, err = warpmarks("export", run_copy, "--output", file, "--regressor", "two")
    assert (code, err) == (0, "")
    assert out.startswith(f"{file}: 3 landmarks and 2 points, ")
    assert out.count("\n") == 1
    tables = []
    for detector, flags in ((run_copy, ["--regressor", "two"]), (file, [])):
        output = tmp_path / f"{detector.name}.csv"
        code, out, err = warpmarks(
            "detect", detector, image_folder, "--output", output, "--scores", *flags
        )
        assert code == 0, err
        names = output.with_suffix(".names.json")
        assert out == f"{output}: 2 points on 12 images\n{names}: their names\n"
        tables.append((coordinates(output), names.read_text()))
    assert tables[0][0].shape == (12, 6)
    # Both are rounded to three decimals.
    np.testing.assert_allclose(tables[0][0], tables[1][0], atol=2.1e-3, rtol=0)
    assert tables[0][1] == tables[1][1]
    code, _, err = warpmarks("detect", file, image_folder, "--regressor", "two")
    assert (code, "is an exported file: leave it out" in err) == (2, True)

    code, _, err = warpmarks("detect", file, image_folder, "--copies", 2)
    assert (code, f"--copies 2 was given, but {file} is an exported file" in err) == (2, True)

    code, _, err = warpmarks("export", run_copy, "--output", file)
    assert (code, f"--output {file} exists" in err) == (2, True)


@pytest.mark.slow
def test_copies_are_those_that_were_asked_for(warpmarks, run_copy, image_folder, tmp_path):
    file, tables = tmp_path / "blobs.onnx", []
    assert warpmarks("export", run_copy, "--output", file, "--copies", 2)[0] == 0
    for detector, flags in ((run_copy, []), (run_copy, ["--copies", 2]), (file, [])):
        output = tmp_path / f"{len(tables)}.csv"
        code, _, err = warpmarks("detect", detector, image_folder, "--output", output, *flags)
        assert code == 0, err
        tables.append(coordinates(output))
    np.testing.assert_allclose(tables[2], tables[1], atol=2.1e-3, rtol=0)
    assert np.abs(tables[1] - tables[0]).max() > 0.05


def test_a_regressor_of_another_detector_is_refused(warpmarks, run_copy, tmp_path):
    save_points(run_copy, "0" * 64)
    output = tmp_path / "blobs.onnx"
    code, _, err = warpmarks("export", run_copy, "--output", output, "--regressor", "two")
    assert (code, "was fitted with another detector" in err) == (2, True)
    assert not output.exists()


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (
            ["--output", "a.pt2"],
            "onnx expects a name that ends with .onnx; torch takes .pt2",
        ),
        (["--output", "a.onnx", "--format", "torch"], "expects a name that ends with .pt2\n"),
        (["--output", "a.onnx", "--format", "onnx-int8"], "needs --calibrate IMAGES"),
        (["--output", "a.onnx", "--calibrate", "."], "--calibrate belongs to --format onnx-int8"),
        (["--output", "a.onnx", "--runtime", "."], "--runtime belongs to --format web"),
        (["--output", "no/a.onnx"], "there is no folder no"),
        (["--output", "a.onnx", "--regressor", "none"], "regressors/none does not exist"),
    ],
)
def test_flags_that_do_not_go_together(
    warpmarks, trained_run, tmp_path, monkeypatch, flags, sentence
):
    monkeypatch.chdir(tmp_path)
    code, _, err = warpmarks("export", trained_run, *flags)
    assert (code, sentence in err) == (2, True), err
    assert list(tmp_path.iterdir()) == []


def test_a_page_is_written_into_a_folder_of_its_own(warpmarks, trained_run, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "warpmarks.export.web.write_onnx", lambda detector, path, *_, **__: path.write_bytes(b"8")
    )
    page = tmp_path / "page"
    argv = ["export", trained_run, "--format", "web", "--output", page]
    code, out, err = warpmarks(*argv)
    assert (code, err) == (0, "")
    assert out == f"{page}: serve it, for instance with python -m http.server -d {page}\n"
    assert {"index.html", "model.onnx", "page.css", "page.js"} < {
        path.name for path in page.iterdir()
    }
    assert f"<h1>{trained_run.name}</h1>" in (page / "index.html").read_text()
    code, _, err = warpmarks(*argv)
    assert (code, f"--output {page} is not empty" in err) == (2, True)
    assert warpmarks(*argv, "--overwrite")[0] == 0
    code, _, err = warpmarks(*argv, "--overwrite", "--runtime", tmp_path)
    assert (code, f"--runtime {tmp_path} is not the npm package" in err) == (2, True)


def test_a_page_that_cannot_be_written_whole_is_not_there(
    warpmarks, trained_run, tmp_path, monkeypatch
):
    def refuse(*_: object, **__: object) -> None:
        raise InputError("no such library")

    monkeypatch.setattr("warpmarks.export.web.write_onnx", refuse)
    argv = ["export", trained_run, "--format", "web", "--output", tmp_path / "page"]
    code, _, err = warpmarks(*argv)
    assert (code, err) == (2, "error: no such library\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("flags", [(), ("--overwrite",)])
def test_a_page_is_not_written_among_other_files(
    warpmarks, trained_run, run_copy, image_folder, tmp_path, flags
):
    images = shutil.copytree(image_folder, tmp_path / "images")
    for folder in (images, run_copy):
        before = sorted(folder.rglob("*"))
        code, _, err = warpmarks(
            "export", trained_run, "--format", "web", "--output", folder, *flags
        )
        assert (code, err) == (
            2,
            f"error: --output {folder} is not empty and holds no exported page: choose another "
            "folder\n",
        )
        assert sorted(folder.rglob("*")) == before
