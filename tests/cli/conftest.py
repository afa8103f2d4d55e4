import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tiny_runs import tiny_config
from warpmarks.cli import main
from warpmarks.datasets.annotated import read_annotated
from warpmarks.training import supervise

# The least that trains: 16 x 16 views, 4 x 4 blocks of cells.
_TINY = [
    "--image-size",
    "16",
    "--batch-size",
    "2",
    "--landmarks",
    "3",
    "--set",
    "loss.pooling=2",
    "--threads",
    "1",
]


REPORT_RUN = "warpmarks.report.run_report.report_run"


def _blank_report(run: Path, images: object, **_: object) -> Path:
    page = run / "report.html"
    page.touch()
    return page


@pytest.fixture
def tiny() -> list[str]:
    """Flags of a training that takes no time."""
    return list(_TINY)


@pytest.fixture
def warpmarks(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs a command line in this process: its exit code, stdout and stderr."""

    def run(*argv: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(argument) for argument in argv])
        return code, *capsys.readouterr()

    return run


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory: pytest.TempPathFactory, image_folder: Path) -> Path:
    """A run of two steps; its report is blank."""
    run = tmp_path_factory.mktemp("runs") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(REPORT_RUN, _blank_report)
        assert main(["train", str(image_folder), "--run", str(run), "--steps", "2", *_TINY]) == 0
    return run


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes longer than everything else; the tests of `show` do it once."""
    monkeypatch.setattr(REPORT_RUN, _blank_report)


@pytest.fixture
def run_copy(trained_run: Path, tmp_path: Path) -> Path:
    """The run, to be changed."""
    return Path(shutil.copytree(trained_run, tmp_path / "run"))


@pytest.fixture
def annotated_set(image_folder, tmp_path) -> Path:
    """The bright and the dark blob of each image and what is between; eight train, four val."""
    root = tmp_path / "blobs"
    shutil.copytree(image_folder, root / "images")
    generator = np.random.default_rng(0)
    rows, splits = ["image,x1,y1,x2,y2,x3,y3"], ["image,split"]
    for index in range(12):
        bright, dark = (generator.uniform((8, 6), (28, 22)) for _ in range(2))
        points = np.concatenate([bright, dark, (bright + dark) / 2])
        rows.append(f"{index:02}.png," + ",".join(f"{value:.2f}" for value in points))
        splits.append(f"{index:02}.png,{'train' if index < 8 else 'val'}")
    (root / "landmarks.csv").write_text("\n".join(rows) + "\n")
    (root / "split.csv").write_text("\n".join(splits) + "\n")
    (root / "points.json").write_text(
        json.dumps({"names": ["bright", "dark", "between"], "normaliser": "bright:dark"})
    )
    return root


@pytest.fixture
def supervised(annotated_set: Path, tmp_path: Path) -> Path:
    """A run of one step on the three points of five images."""
    annotated = read_annotated(annotated_set, split="train", normaliser="1:2")
    run = tmp_path / "supervised"
    config = tiny_config(num_landmarks=3)
    supervise(annotated, run, config, labels=5, steps=1, device="cpu", threads=1)
    return run
