import inspect
import os
import re
import subprocess
import sys
from typing import get_args, get_origin, get_type_hints

import pytest

import warpmarks
from tiny_runs import train_tiny
from warpmarks.runs.folder import RunFolder

# The promises are 0.2 s for the package's own modules and 0.3 s for --help on an idle machine;
# a test machine may be several times slower.
BUSY = 5


def run_python(*arguments: str) -> subprocess.CompletedProcess[str]:
    plain = {key: value for key, value in os.environ.items() if not key.startswith("COV")}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env=plain, check=False
    )


def test_importing_the_package_or_its_command_line_imports_nothing_heavy():
    heavy = {"torch", "matplotlib", "lightning_fabric", "PIL", "numpy", "pydantic"}
    code = f"import sys, warpmarks, warpmarks.cli; print({heavy} & set(sys.modules))"
    done = run_python("-c", code)
    assert done.stdout.strip() == "set()", done.stderr


@pytest.mark.parametrize("name", warpmarks.__all__)
def test_every_public_name_is_there(name):
    assert getattr(warpmarks, name) is not None


def test_public_names_are_the_ones_of_their_modules():
    from warpmarks.errors import InputError

    assert warpmarks.InputError is InputError
    assert set(warpmarks.__all__) <= set(dir(warpmarks))


@pytest.mark.parametrize("name", warpmarks.__all__)
def test_what_a_public_function_takes_and_gives_has_a_public_name(name):
    public = getattr(warpmarks, name)
    kinds = list(get_type_hints(public).values()) if inspect.isfunction(public) else [public]
    for kind in kinds:
        kinds += get_args(kind)
        named = get_origin(kind) or kind
        if inspect.isclass(named) and named.__module__.startswith("warpmarks"):
            assert named.__name__ in warpmarks.__all__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Detecter'"):
        _ = warpmarks.Detecter


def test_version_is_that_of_the_distribution():
    assert re.fullmatch(r"\d+\.\d+\.\d+", warpmarks.__version__)


def test_modules_are_imported_quickly_once_torch_is_there():
    modules = ["training", "detectors.detector", "report.run_report", "cli.train", "demo"]
    imports = "".join(f"import warpmarks.{module}; " for module in modules)
    clock = "time.process_time()"  # other programs' work does not count
    code = f"import time, torch; start = {clock}; {imports}print({clock} - start)"
    done = run_python("-c", code)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 0.2 * BUSY


def test_help_is_quick():
    before = os.times()
    done = run_python("-m", "warpmarks", "--help")
    after = os.times()
    assert done.returncode == 0
    assert "detect" in done.stdout
    spent = after.children_user - before.children_user
    assert spent < 0.3 * BUSY


MISUSE = """
import sys
import numpy as np
import warpmarks
from warpmarks.points import Normaliser, PointScheme
from warpmarks.regression.examples import Examples

run, images, folder = sys.argv[1:]
detector = warpmarks.Detector.load(run, device="cpu")
points = np.random.default_rng(0).uniform(0, 20, (6, 3, 2))
examples = Examples(tuple("abcdef"), points, np.ones((6, 3)), points[:, :2], np.full((6, 2), 30.0))
scheme = PointScheme(("a", "b"), Normaliser("image", "image"))
fit = warpmarks.fit_regressor(examples, scheme)
belonging = warpmarks.fit_regressor(examples, scheme, detector=detector.digest)
for call in (
    lambda: warpmarks.find_images([images]),
    lambda: warpmarks.train([images], folder + "/new"),
    lambda: warpmarks.train(images, folder + "/new", {"seed": 1}),
    lambda: warpmarks.supervise(images, folder + "/new"),
    lambda: warpmarks.report_run(run, 7),
    lambda: warpmarks.locate_annotated(detector, images),
    lambda: warpmarks.locate_annotated(run, images),
    lambda: warpmarks.fit_on_images(detector, images),
    lambda: warpmarks.read_annotated(None),
    lambda: warpmarks.read_annotated(""),
    lambda: warpmarks.PointDetector.load(run, None),
    lambda: warpmarks.PointDetector.load(run, ""),
    lambda: warpmarks.save_regressor(belonging.regressor, None),
    lambda: warpmarks.save_regressor(belonging.regressor, ""),
    lambda: detector.probability_maps(images + "/00.png"),
    lambda: warpmarks.PointDetector(detector, belonging),
    lambda: warpmarks.PointDetector(detector, fit.regressor),
    lambda: warpmarks.save_regressor(belonging, folder + "/saved"),
    lambda: warpmarks.save_regressor(fit.regressor, folder + "/saved"),
    lambda: warpmarks.save_regressor("eyes", folder + "/saved"),
):
    try:
        call()
    except warpmarks.InputError as error:
        print(error)
warpmarks.save_regressor(belonging.regressor, folder + "/saved")
warpmarks.PointDetector.load(run, folder + "/saved", device="cpu")
"""


def test_what_is_of_the_wrong_kind_is_told_with_what_to_give(image_folder, tmp_path):
    train_tiny(image_folder, tmp_path / "run", steps=1)
    done = run_python("-c", MISUSE, str(tmp_path / "run"), str(image_folder), str(tmp_path))
    assert done.stderr == ""
    folder = repr(str(image_folder))
    lists = "one path; write several images into a text file, one a line"
    annotated = "what read_annotated(folder, split=...) gives"
    here = "and '.' for the folder you are in"
    named = "the name of a regressor or the path of one"
    saved = "the path of a folder for the regressor"
    without = "fit_regressor(..., detector=detector.digest)"
    assert done.stdout.splitlines() == [
        f"source is of the type list: expected {lists}",
        "images is of the type list: expected a path, or what find_images(path) gives",
        "config is of the type dict: expected a recipe's name, or what load_recipe(name) gives",
        f"annotated is {folder}: expected {annotated}",
        "images is of the type int: expected a path, or what find_images(path) gives",
        f"annotated is {folder}: expected {annotated}",
        f"detector is {str(tmp_path / 'run')!r}: expected what Detector.load(run) gives",
        f"annotated is {folder}: expected {annotated}",
        "root is of the type NoneType: expected the folder of a set",
        f"root is '': expected the folder of a set, {here}",
        f"regressor is of the type NoneType: expected {named}",
        f"regressor is '': expected {named}, {here}",
        f"path is of the type NoneType: expected {saved}",
        f"path is '': expected {saved}, {here}",
        "probability_maps was given one image: expected a list, [image]",
        "regressor is of the type Fit: expected the fit's .regressor",
        "the regressor that was given does not say which detector it was fitted with: fit it "
        f"again with {without}",
        "regressor is of the type Fit: expected the fit's .regressor",
        f"{tmp_path}/saved would belong to no detector: fit the regressor with {without}",
        "regressor is 'eyes': expected what load_regressor(path) gives",
    ]


def test_a_path_stands_for_its_images_and_a_name_for_its_recipe(image_folder, tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        "{num_landmarks: 3, batch_size: 4, image: {size: 16}, loss: {pooling: 2}, "
        "network: {filters: [4, 6, 6, 6, 8]}}"
    )
    run = tmp_path / "run"
    result = warpmarks.train(str(image_folder), run, str(mine), steps=1, device="cpu", threads=1)
    assert RunFolder(result.run).record().recipe == str(mine)
    assert warpmarks.Detector.load(run).num_landmarks == 3
    assert warpmarks.report_run(run, image_folder) == run / "report.html"
