"""Learning from pictures that a small network can learn in seconds: three discs on clutter.

The discs stand in a triangle of changing place, angle and size. A network that sees 18 pixels can
tell them apart by nothing but their colour.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from tiny_runs import tiny_config, train_tiny
from warpmarks.configuration import TrainingConfig
from warpmarks.coordinates import pixel_centres
from warpmarks.datasets.reading import read_picture
from warpmarks.detectors.detector import Detector
from warpmarks.losses import ObjectiveTerms
from warpmarks.runs.geometry import Geometry
from warpmarks.runs.weights import build_network
from warpmarks.training import Health, unsupervised_task
from warpmarks.training.health import locate, measure_health
from warpmarks.training.randomness import generator_for
from warpmarks.training.step import BatchMaker, objective_of_batch, objective_unit

COLOURS = np.array([[200, 40, 40], [40, 200, 40], [60, 60, 230]])
GEOMETRY = Geometry(picture=(35, 45), view=(28, 36))


def picture_of_discs(generator: np.random.Generator) -> np.ndarray:
    height, width = 40, 52
    coarse = generator.uniform(60, 180, (6, 8, 3)).astype(np.uint8)
    clutter = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    pixels = np.asarray(clutter, dtype=float)
    y, x = np.mgrid[0:height, 0:width]
    middle = np.array([width, height]) / 2 + generator.uniform(-4, 4, 2)
    angles = generator.uniform(-0.5, 0.5) + 2 * np.pi / 3 * np.arange(3)
    radius = 8 * generator.uniform(0.8, 1.2)
    for colour, angle in zip(COLOURS, angles, strict=True):
        centre = middle + radius * np.array([np.cos(angle), np.sin(angle)])
        centre += generator.uniform(-1, 1, 2)
        inside = 1 / (1 + np.exp(4 * (np.hypot(x - centre[0], y - centre[1]) - 2.6)))[..., None]
        pixels = pixels * (1 - inside) + colour * inside
    return pixels.round().clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def discs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("discs")
    generator = np.random.default_rng(0)
    for index in range(48):
        Image.fromarray(picture_of_discs(generator)).save(folder / f"{index:02}.png")
    return folder


@pytest.fixture(scope="module")
def config() -> TrainingConfig:
    return tiny_config(
        batch_size=8,
        image={"size": 32},
        network={
            "filters": [12, 16, 16, 24, 32],
            "kernels": [5, 3, 3, 3, 1, 1],
            "dilations": [1, 1, 1, 1, 1, 1],
        },
        warps={
            side: {"rotation": 15, "scale": 0.15, "translation": 0.1, "deformation": 0.06}
            for side in ("first", "second")
        },
        loss={"diversity_weight": 0.5, "pooling": 4},
        optimiser={"learning_rate": 3e-3},
        photometric={},
    )


@torch.no_grad()
def health_on_fresh_warps(network: nn.Module, discs: Path, config: TrainingConfig) -> Health:
    paths = sorted(discs.iterdir())
    pictures = np.stack([read_picture(path, *GEOMETRY.picture)[0] for path in paths])
    fresh = BatchMaker(pictures, config.model_copy(update={"seed": 99}), GEOMETRY)
    unit = objective_unit(config.loss, GEOMETRY)
    return measure_health([part for *_, part in locate(network.eval(), fresh.held_out(16), unit)])


def unfollowed(health: Health) -> float:
    """Error over spread: how much of where its landmarks are does not follow the object.

    The error alone is small for a detector that always answers with the centre.
    """
    return health.equivariance_error_percent / float(np.mean(health.spread_percent))


def without_equivariance(*arguments: Any) -> ObjectiveTerms:
    terms = objective_of_batch(*arguments)
    return ObjectiveTerms(0 * terms.equivariance, terms.diversity)


@pytest.mark.slow
def test_training_finds_points_that_follow_the_object(
    discs: Path, config: TrainingConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    untrained = build_network(config, generator_for(config.seed, "weights", 0))
    before = health_on_fresh_warps(untrained, discs, config)

    def trained(run: Path) -> Health:
        train_tiny(discs, run, config=config, steps=150, evaluate_every=150)
        return health_on_fresh_warps(Detector.load(run, device="cpu").network, discs, config)

    after = trained(tmp_path / "run")
    assert (after.dead, after.nailed, after.doubled) == ([], [], [])
    assert unfollowed(after) < unfollowed(before) / 3
    # A cell is 7 % of the view's shorter side, and sharp maps place landmarks in whole cells: a
    # detector that knows the three colours reaches 3.3.
    assert after.equivariance_error_percent < 5

    monkeypatch.setattr(unsupervised_task, "objective_of_batch", without_equivariance)
    broken = trained(tmp_path / "broken")
    assert broken.equivariance_error_percent > 2 * after.equivariance_error_percent


class KnowsTheColours(nn.Module):
    """The answer: a map for each disc, as bright as its colour is pure."""

    def forward(self, images: Tensor) -> Tensor:
        cells = F.avg_pool2d(images, 2)
        return 40 * (2 * cells - cells.sum(dim=1, keepdim=True))


def test_the_objective_rewards_following_and_in_the_right_direction(
    discs: Path, config: TrainingConfig
) -> None:
    """Warps turned the other way round, or none, or another pair's, cost the answer more."""
    paths = sorted(discs.iterdir())
    pictures = np.stack([read_picture(path, *GEOMETRY.picture)[0] for path in paths])
    config = config.model_copy(update={"batch_size": 32})
    batch = BatchMaker(pictures, config, GEOMETRY).batch(0)
    centres = pixel_centres(*GEOMETRY.cells).reshape(1, -1, 2).expand_as(batch.warped_cells)
    wrong = {
        "turned round": 2 * centres - batch.warped_cells,
        "none": centres,
        "another pair's": batch.warped_cells.roll(1, dims=0),
        "x and y exchanged": batch.warped_cells.flip(-1),
    }

    def equivariance(cells: Tensor) -> float:
        made = replace(batch, warped_cells=cells.contiguous())
        unit = objective_unit(config.loss, GEOMETRY)
        terms = objective_of_batch(KnowsTheColours(), made, unit, config.loss)
        return float(terms.equivariance)

    right = equivariance(batch.warped_cells)
    for name, cells in wrong.items():
        assert equivariance(cells) > 1.5 * right, name
