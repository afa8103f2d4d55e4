"""What a GPU computes is what a CPU does, but for rounding.

With ``DEVICE`` a CPU these tests run where there is no GPU, which shows that they are right.
"""

import copy
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from textured_pictures import textured_folder
from tiny_runs import AS_BY_DEFAULT, TINY_NETWORK, tiny_config, tiny_record, train_tiny
from warpmarks.cli import main
from warpmarks.datasets.image_set import find_images
from warpmarks.detectors.detector import Detector
from warpmarks.runs.folder import RunFolder
from warpmarks.runs.geometry import plan_geometry
from warpmarks.runs.weights import build_network, read_tensors
from warpmarks.system.devices import choose_device
from warpmarks.training.averaging import WeightAverage
from warpmarks.training.optimiser import make_optimiser
from warpmarks.training.self_training import ViewMaker
from warpmarks.training.step import BatchMaker, pictures_on_device
from warpmarks.training.unsupervised_task import Discovery
from warpmarks.warps.views import seen_points

DEVICE = "cuda"

pytestmark = pytest.mark.gpu if DEVICE == "cuda" else []

STEPS, SCRIPT = 15, Path(__file__).parent / "several_processes.py"


@pytest.fixture(autouse=True)
def _chosen():
    """As every command chooses it, so that float32 is float32 there."""
    return choose_device(DEVICE)


@pytest.fixture
def pictures():
    height, width = plan_geometry(tiny_config().image, 1.0).picture
    return np.random.default_rng(0).integers(0, 256, (9, height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("room", [0.5, 0.0])
def test_batches_are_those_of_a_cpu(pictures, room, monkeypatch):
    monkeypatch.setattr("warpmarks.training.step.ROOM_ON_DEVICE", room)
    config = tiny_config()
    geometry = plan_geometry(config.image, 1.0)
    on_cpu = BatchMaker(pictures, config, geometry)
    on_gpu = BatchMaker(pictures, config, geometry, device=DEVICE)
    for step in (0, 1, 5):
        expected, found = on_cpu.batch(step), on_gpu.batch(step)
        assert found.images.device.type == DEVICE
        torch.testing.assert_close(found.images.cpu(), expected.images, atol=1e-4, rtol=0)
        torch.testing.assert_close(
            found.warped_cells.cpu(), expected.warped_cells, atol=1e-5, rtol=0
        )


@pytest.mark.parametrize("room", [0.5, 0.0])
def test_views_of_self_training_are_those_of_a_cpu(pictures, room, monkeypatch):
    monkeypatch.setattr("warpmarks.training.step.ROOM_ON_DEVICE", room)
    config = tiny_config()
    geometry = plan_geometry(config.image, 1.0)
    on_cpu = ViewMaker(BatchMaker(pictures, config, geometry), config, geometry)
    on_gpu = ViewMaker(BatchMaker(pictures, config, geometry, device=DEVICE), config, geometry)
    points = torch.rand(config.batch_size, 5, 2, dtype=torch.float64) - 0.5
    for step in (0, 1, 5):
        expected, found = on_cpu.batch(step), on_gpu.batch(step)
        torch.testing.assert_close(found.plain.cpu(), expected.plain, atol=1e-4, rtol=0)
        torch.testing.assert_close(found.warped.cpu(), expected.warped, atol=1e-4, rtol=0)
        moved, there = seen_points(points.to(DEVICE), found.warp)
        wanted, wanted_there = seen_points(points, expected.warp)
        assert torch.equal(there.cpu(), wanted_there)
        torch.testing.assert_close(moved.cpu(), wanted, atol=1e-5, rtol=0)


def test_a_second_look_finds_what_it_finds_on_a_cpu(pictures):
    config = tiny_config(looks=2, network=TINY_NETWORK | {"score_scale": 5.0})
    network = build_network(config, torch.Generator().manual_seed(0))
    network.reference.copy_(torch.tensor([[-0.4, -0.2], [0.3, -0.3], [0.1, 0.5]]))
    record = tiny_record(config, view=(16, 16), picture=(20, 20))
    on_cpu = Detector(copy.deepcopy(network), record, device="cpu")
    on_gpu = Detector(network, record, device=DEVICE)
    expected, found = (
        on_cpu.look(torch.from_numpy(pictures)),
        on_gpu.look(torch.from_numpy(pictures)),
    )
    assert found.landmarks.device.type == DEVICE
    torch.testing.assert_close(found.landmarks.cpu(), expected.landmarks, atol=1e-3, rtol=0)
    geometry = plan_geometry(config.image, 1.0)
    told = [
        Discovery(pictures, config, geometry, device=device).reference(network.to(device)).cpu()
        for device in (DEVICE, "cpu")
    ]
    torch.testing.assert_close(*told, atol=0.02, rtol=0)


@pytest.mark.skipif(DEVICE == "cpu", reason="a CPU has them mapped")
def test_pictures_live_on_the_device_where_they_fit(pictures, monkeypatch):
    there = pictures_on_device(pictures, torch.device("cuda"))
    assert there is not None
    np.testing.assert_array_equal(there.cpu().numpy(), pictures)
    monkeypatch.setattr("warpmarks.training.step.ROOM_ON_DEVICE", 0.0)
    assert pictures_on_device(pictures, torch.device("cuda")) is None


# Steps


def losses_of_steps(pictures, device, *, taught, precision, steps=6):
    """Of a network that trains on a device as a run does; what it and its average have come to."""
    config = tiny_config(precision=precision, **AS_BY_DEFAULT)
    geometry = plan_geometry(config.image, 1.0)
    task = Discovery(pictures, config, geometry, device=device)
    network = build_network(config, torch.Generator().manual_seed(1)).to(device)
    average = WeightAverage(network, config.optimiser.averaging)
    optimiser = make_optimiser(network, config.optimiser)
    losses = []
    for step in range(steps):
        network.train()
        loss = task.loss(network, step, average.network if taught else None)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        average.update(step + 1)
        losses.append(loss.item())
    with torch.no_grad():
        measured = task.measure(average.network.eval())
    return losses, network, average.network, measured.loss


@pytest.mark.parametrize("taught", [False, True], ids=["discovery", "self-training"])
def test_steps_are_those_of_a_cpu(pictures, taught):
    expected = losses_of_steps(pictures, "cpu", taught=taught, precision="float32")
    found = losses_of_steps(pictures, DEVICE, taught=taught, precision="float32")
    assert found[0] == pytest.approx(expected[0], rel=1e-4)  # of TF32 it would be 5e-4
    assert found[3] == pytest.approx(expected[3], rel=1e-4)
    begun = build_network(
        tiny_config(**AS_BY_DEFAULT), torch.Generator().manual_seed(1)
    ).state_dict()
    for network, wanted in ((found[1], expected[1]), (found[2], expected[2])):
        for name, weights in network.state_dict().items():
            assert weights.device.type == DEVICE
            if weights.shape != (3,):  # the last bias changes no softmax: it follows rounding
                torch.testing.assert_close(
                    weights.cpu(), wanted.state_dict()[name], rtol=1e-3, atol=1e-4
                )
    moved = [
        name
        for name, weights in found[2].named_parameters()
        if not torch.equal(weights.detach().cpu(), begun[name])
    ]
    assert len(moved) >= len(list(found[2].parameters())) - (3 if taught else 1)


@pytest.mark.parametrize("taught", [False, True], ids=["discovery", "self-training"])
def test_steps_in_bfloat16_go_where_those_in_float32_go(pictures, taught):
    expected = losses_of_steps(pictures, DEVICE, taught=taught, precision="float32")
    found = losses_of_steps(pictures, DEVICE, taught=taught, precision="bfloat16")
    assert found[0] != expected[0]
    assert found[0] == pytest.approx(expected[0], rel=0.05)
    assert {weights.dtype for weights in found[1].parameters()} == {torch.float32}


# Runs


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of unlike sizes that are nowhere plain: there a descriptor's direction is rounding."""
    return textured_folder(tmp_path_factory.mktemp("textured"))


@pytest.fixture(scope="module")
def unbroken(images, tmp_path_factory) -> RunFolder:
    run = RunFolder(tmp_path_factory.mktemp("unbroken") / "run")
    config = tiny_config(**AS_BY_DEFAULT)
    train_tiny(images, run.path, steps=STEPS, config=config, device=DEVICE)
    return run


def assert_same_curve(run: RunFolder, expected: RunFolder) -> None:
    """To rounding: sums of a GPU have another order each time."""
    lines, wanted_lines = run.read_log(), expected.read_log()
    assert [line["step"] for line in lines] == [line["step"] for line in wanted_lines]
    for line, wanted in zip(lines, wanted_lines, strict=True):
        for name in ("loss", "equivariance", "diversity", "learning_rate"):
            assert line[name] == pytest.approx(wanted[name], rel=1e-3), line["step"]
    assert read_tensors(run.weights_path)[1]["step"] == STEPS


@pytest.mark.parametrize("at", [5, 10], ids=["discovery", "self-training"])
def test_a_stopped_run_goes_on(images, unbroken, tmp_path, at):
    def press(evaluation):
        if evaluation.step == at:
            os.kill(os.getpid(), signal.SIGINT)

    run = RunFolder(tmp_path / "run")
    settings = {"steps": STEPS, "device": DEVICE}
    with pytest.raises(KeyboardInterrupt):
        train_tiny(
            images, run.path, config=unbroken.record().config, on_evaluation=press, **settings
        )
    assert read_tensors(run.state_path)[1]["step"] in {at, at + 1}
    train_tiny(images, run.path, resume=True, **settings)
    assert_same_curve(run, unbroken)


@pytest.mark.skipif(
    DEVICE == "cuda" and torch.cuda.device_count() < 2, reason="there are no two GPUs"
)
def test_two_devices_are_one(images, unbroken, tmp_path):
    run = RunFolder(tmp_path / "run")
    chosen = {"steps": STEPS, "devices": 2, "device": DEVICE}
    places = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(images), str(run.path), json.dumps(chosen)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(places), "OMP_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert_same_curve(run, unbroken)


def test_the_command_line_trains_and_tells_where_the_time_went(images, tmp_path, capsys):
    run = tmp_path / "run"
    flags = ["--steps", "20", "--image-size", "16", "--batch-size", "4", "--landmarks", "3"]
    flags += ["--set", "loss.pooling=2", "--threads", "1", "--device", DEVICE, "--profile"]
    code = main(["train", str(images), "--run", str(run), *flags])
    told = capsys.readouterr()
    assert code == 0, told.err
    assert "where the time went:" in told.out
    seconds = json.loads((run / "profile.json").read_text())
    assert {"pictures and warps", "network", "objective", "backward", "optimiser"} <= seconds.keys()
    assert min(seconds.values()) > 0
    assert (run / "report.html").is_file()


@pytest.mark.parametrize("looks", [1, 2])
def test_landmarks_of_a_folder_are_those_of_a_cpu(images, unbroken, looks):
    """To 1e-3 px where a picture is 25 px wide and an image 36."""
    record = unbroken.record()
    config = record.config.model_copy(update={"looks": looks})
    record = record.model_copy(update={"config": config})

    def found_on(device):
        network = Detector.load(unbroken.path, device=device).network
        detector = Detector(network, record, device=device)
        return list(detector.detect_images(find_images(images), batch_size=5))

    expected, found = found_on("cpu"), found_on(DEVICE)
    assert [one.name for one in found] == [one.name for one in expected]
    for one, wanted in zip(found, expected, strict=True):
        here, there = one.detection, wanted.detection
        assert here is not None
        assert there is not None
        np.testing.assert_allclose(here.landmarks, there.landmarks, atol=1e-3, rtol=0)
        np.testing.assert_allclose(here.scores, there.scores, atol=0.02, rtol=0)
        np.testing.assert_array_equal(here.size, there.size)
