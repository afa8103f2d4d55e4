"""What a GPU computes is what a CPU does, but for rounding."""

import copy

import numpy as np
import pytest
import torch

from tiny_runs import TINY_NETWORK, tiny_config, tiny_record
from warpmarks.detectors.detector import Detector
from warpmarks.runs.geometry import plan_geometry
from warpmarks.runs.weights import build_network
from warpmarks.training.discovery import Discovery
from warpmarks.training.self_training import ViewMaker
from warpmarks.training.step import BatchMaker, pictures_on_device
from warpmarks.warps.views import seen_points

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]


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
    on_gpu = BatchMaker(pictures, config, geometry, device="cuda")
    for step in (0, 1, 5):
        expected, found = on_cpu.batch(step), on_gpu.batch(step)
        assert found.images.is_cuda
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
    on_gpu = ViewMaker(BatchMaker(pictures, config, geometry, device="cuda"), config, geometry)
    points = torch.rand(config.batch_size, 5, 2, dtype=torch.float64) - 0.5
    for step in (0, 1, 5):
        expected, found = on_cpu.batch(step), on_gpu.batch(step)
        torch.testing.assert_close(found.plain.cpu(), expected.plain, atol=1e-4, rtol=0)
        torch.testing.assert_close(found.warped.cpu(), expected.warped, atol=1e-4, rtol=0)
        moved, there = seen_points(points.cuda(), found.warp)
        wanted, wanted_there = seen_points(points, expected.warp)
        assert torch.equal(there.cpu(), wanted_there)
        torch.testing.assert_close(moved.cpu(), wanted, atol=1e-5, rtol=0)


def test_a_second_look_finds_what_it_finds_on_a_cpu(pictures):
    config = tiny_config(looks=2, network=TINY_NETWORK | {"score_scale": 5.0})
    network = build_network(config, torch.Generator().manual_seed(0))
    network.reference.copy_(torch.tensor([[-0.4, -0.2], [0.3, -0.3], [0.1, 0.5]]))
    record = tiny_record(config, view=(16, 16), picture=(20, 20))
    on_cpu = Detector(copy.deepcopy(network), record, device="cpu")
    on_gpu = Detector(network, record, device="cuda")
    expected, found = (
        on_cpu.look(torch.from_numpy(pictures)),
        on_gpu.look(torch.from_numpy(pictures)),
    )
    assert found.landmarks.is_cuda
    torch.testing.assert_close(found.landmarks.cpu(), expected.landmarks, atol=1e-3, rtol=0)
    geometry = plan_geometry(config.image, 1.0)
    told = [
        Discovery(pictures, config, geometry, device=device).reference(network.to(device)).cpu()
        for device in ("cuda", "cpu")
    ]
    torch.testing.assert_close(*told, atol=0.02, rtol=0)


def test_pictures_live_on_the_device_where_they_fit(pictures, monkeypatch):
    there = pictures_on_device(pictures, torch.device("cuda"))
    assert there is not None
    np.testing.assert_array_equal(there.cpu().numpy(), pictures)
    monkeypatch.setattr("warpmarks.training.step.ROOM_ON_DEVICE", 0.0)
    assert pictures_on_device(pictures, torch.device("cuda")) is None
