"""Two processes of a Ray on this machine."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest

from warpmarks.cli import main
from warpmarks.detectors.detector import Detector
from warpmarks.errors import InputError
from warpmarks.fleet import detect_on_fleet
from warpmarks.system.progress import SilentProgress

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

COPIES = 5


@pytest.fixture(scope="module", autouse=True)
def _two_workers() -> Iterator[None]:
    ray = pytest.importorskip("ray")
    ray.init(
        num_cpus=2,
        object_store_memory=80 * 2**20,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
    )
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def many(mixed_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty images, of which ten cannot be read."""
    folder = tmp_path_factory.mktemp("many")
    for copy in range(COPIES):
        shutil.copytree(mixed_folder, folder / str(copy))
    return folder


def workers() -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if "FleetWorker" in " ".join(process.info["cmdline"] or []):
            found.append(process)
    return [process for process in found if _is_ours(process)]


def _is_ours(process: psutil.Process) -> bool:
    """Of the Ray that this process has started: others may test beside it."""
    return psutil.Process().pid in {parent.pid for parent in process.parents()}


class Killer(SilentProgress):
    """Kills a worker as soon as the first results are there."""

    def __init__(self) -> None:
        self.killed = 0
        self.done = 0

    def advance(self, amount: int = 1) -> None:
        self.done += amount
        if not self.killed:
            victim = workers()[0]
            victim.kill()
            self.killed = victim.pid


def test_a_killed_worker_loses_nothing_and_doubles_nothing(
    tiny_run: Path, many: Path, tmp_path: Path
) -> None:
    killer = Killer()
    result = detect_on_fleet(
        tiny_run, many, tmp_path / "out", images_per_part=2, workers=2, progress=killer
    )
    assert killer.killed
    assert killer.done == result.images == 12 * COPIES
    assert (result.failed, result.points) == (2 * COPIES, 3)
    table = pq.read_table(tmp_path / "out")
    names = table["image"].to_pylist()
    assert names == sorted({f"{copy}/{index:02}.jpg" for copy in range(5) for index in range(12)})
    detector = Detector.load(tiny_run, device="cpu")
    good = [row for row in table.to_pylist() if row["error"] is None]
    assert len(good) == 10 * COPIES
    expected = detector([many / row["image"] for row in good])
    found = [[row[f"{axis}{k}"] for k in (1, 2, 3) for axis in "xy"] for row in good]
    np.testing.assert_allclose(
        np.reshape(found, expected.landmarks.shape), expected.landmarks, rtol=0, atol=1e-4
    )


def test_the_command(
    tiny_run: Path,
    mixed_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    recwarn: pytest.WarningsRecorder,
) -> None:
    output = tmp_path / "out"
    command = ["fleet-detect", str(tiny_run), str(mixed_folder), "--output", str(output)]
    assert main([*command, "--workers", "2", "--device", "cpu"]) == 0
    said = capsys.readouterr()
    # Ray would warn of two workers for one piece of work.
    assert not [warned for warned in recwarn if "FleetWorker" in str(warned.message)]
    assert said.out == f"{output}: 3 landmarks on 10 images; 2 failed, see their error\n"
    assert len(pq.read_table(output)) == 12
    assert main(command) == 2
    assert "holds a detection: go on with --resume" in capsys.readouterr().err


def test_images_that_were_touched_are_gone_on_with(
    tiny_run: Path, image_folder: Path, tmp_path: Path
) -> None:
    images = Path(shutil.copytree(image_folder, tmp_path / "images"))
    ways = {"images_per_part": 6, "workers": 1, "device": "cpu"}
    detect_on_fleet(tiny_run, images, tmp_path / "out", **ways)
    (tmp_path / "out" / "part-000001.parquet").unlink()
    for path in images.iterdir():
        os.utime(path, (1e9, 1e9))
    assert detect_on_fleet(tiny_run, images, tmp_path / "out", **ways, resume=True).images == 12


def test_what_a_worker_meets_is_told_in_its_own_words(
    tiny_run: Path, image_folder: Path, tmp_path: Path
) -> None:
    class Spoiler(SilentProgress):
        """Puts a folder in the way of a part, once the workers are to start."""

        def start(self, description: str, total: int | None, done: int = 0) -> None:
            (tmp_path / "out" / "part-000000.parquet" / "in the way").mkdir(parents=True)

    with pytest.raises(InputError, match=r"part-000000.parquet cannot be written \("):
        detect_on_fleet(
            tiny_run, image_folder, tmp_path / "out", workers=1, device="cpu", progress=Spoiler()
        )
