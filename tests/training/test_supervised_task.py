import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from annotated_examples import annotated, config, geometry
from warpmarks.heatmaps import soft_argmax, spatial_softmax
from warpmarks.losses import annotation_distance
from warpmarks.training.health import Health
from warpmarks.training.supervised_task import (
    PointMeasures,
    Supervision,
    distance_in_batch,
    spread_over,
)


class RedFinder(nn.Module):
    """Both maps light up where it is red; the second one ``off`` cells further right."""

    def __init__(self, off: int = 0) -> None:
        super().__init__()
        self.off = off

    def forward(self, images: Tensor) -> Tensor:
        red = 60 * nn.functional.avg_pool2d(images, 2)[:, 0]
        return torch.stack([red, red.roll(self.off, dims=-1)], dim=1)


def test_the_distance_is_that_of_a_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    landmarks, annotations = torch.randn(2, 3, 4, 2, dtype=torch.float64, generator=generator)
    there = torch.rand(3, 4, generator=generator) < 0.6
    unit = torch.tensor([1.7, 1.0], dtype=torch.float64)
    annotations[~there] = 1e9
    distances = [
        np.hypot(*((landmarks[b, k] - annotations[b, k]) * unit).tolist())
        for b, k in there.nonzero().tolist()
    ]
    found = annotation_distance(landmarks, annotations, there, unit)
    assert_close(found.item(), np.mean(distances))
    assert 3 < len(distances) < 12


@pytest.mark.parametrize("place", [(0, 1), (2, 3)])
def test_the_distance_of_one_annotation_is_its_own(place: tuple[int, int]) -> None:
    landmarks, annotations = torch.zeros(3, 4, 2), torch.full((3, 4, 2), 1e6)
    there = torch.zeros(3, 4, dtype=torch.bool)
    annotations[place], there[place] = torch.tensor([2.0, 4.0]), True
    found = annotation_distance(landmarks, annotations, there, torch.tensor([1.5, 1.0]))
    assert found.item() == pytest.approx(5.0)


def test_where_nothing_is_there_the_distance_is_zero_and_has_a_gradient() -> None:
    landmarks = torch.zeros(2, 3, 2, requires_grad=True)
    nowhere = torch.zeros(2, 3, dtype=torch.bool)
    annotation_distance(landmarks, torch.zeros(2, 3, 2), nowhere, torch.ones(2)).backward()
    assert landmarks.grad is not None
    assert (landmarks.grad == 0).all()


def test_a_landmark_on_its_annotation_has_a_gradient() -> None:
    landmarks = torch.zeros(1, 1, 2, requires_grad=True)
    there = torch.ones(1, 1, dtype=torch.bool)
    annotation_distance(landmarks, torch.zeros(1, 1, 2), there, torch.ones(2)).backward()
    assert landmarks.grad is not None
    assert landmarks.grad.isfinite().all()


def test_a_network_that_finds_the_point_loses_nothing() -> None:
    task = Supervision(annotated(), config(), geometry())
    for step in range(3):
        batch = task.batches.batch(step)
        only_first = replace(batch, there=batch.there & torch.tensor([True, False]))
        found = distance_in_batch(RedFinder(), only_first, task.unit)
        assert found < 0.03  # a cell is 0.05
        assert task.loss(RedFinder(), step) > 2 * found


def test_the_training_error_is_in_percent_of_the_normaliser() -> None:
    """Image 0 alone has a length: the second landmark is the first annotation, 32.7 px away."""
    task = Supervision(annotated(), config(), geometry())
    assert task.measured.tolist() == [0]
    with torch.no_grad():
        measures = task.measure(RedFinder())
    first, second = measures.point_errors_percent
    assert first is not None
    assert first < 2
    assert second == pytest.approx(100, abs=2)
    assert measures.training_error_percent == pytest.approx((first + second) / 2, abs=1e-3)
    line = json.loads(json.dumps(measures.line(), allow_nan=False))
    assert line["follow"] == pytest.approx([1, 1], abs=0.1)
    assert line["doubled"] == []  # two maps on one place, as annotations may be


def test_the_held_out_loss_is_the_mean_over_all_annotations() -> None:
    """Whatever batches they are in: one has fewer than the other."""
    task = Supervision(annotated(), config(), geometry())
    batches = [task.batches.batch(step) for step in range(2)]
    batches[1] = replace(batches[1], there=batches[1].there & torch.tensor([True, False]))
    task.held_out = batches
    with torch.no_grad():
        measures = task.measure(RedFinder())
    found = torch.cat([soft_argmax(spatial_softmax(RedFinder()(one.images))) for one in batches])
    annotations = torch.cat([one.annotations for one in batches])
    there = torch.cat([one.there for one in batches])
    expected = annotation_distance(found, annotations, there, task.unit).item()
    assert measures.loss == pytest.approx(expected, rel=1e-5)


def test_the_error_knows_the_original_s_proportions() -> None:
    """Off by cells of the map: one cell to the right is a known number of pixels of the image."""
    columns = geometry().cells[1]
    with torch.no_grad():
        still = Supervision(annotated(), config(), geometry()).measure(RedFinder())
        moved = Supervision(annotated(), config(), geometry()).measure(RedFinder(off=6))
    width, length = 120, np.hypot(30, 13)
    shift = 6 * 0.8 * width / columns
    assert shift < 30
    was, now = np.array([30.0, -13.0]), np.array([30.0 - shift, -13.0])
    expected = 100 * (np.hypot(*now) - np.hypot(*was)) / length
    change = moved.point_errors_percent[1] - still.point_errors_percent[1]
    assert change == pytest.approx(expected, abs=1.5)


def test_measured_images_are_spread_evenly() -> None:
    chosen = spread_over(np.arange(3, 1003))
    assert (len(chosen), chosen[0], chosen[-1]) == (128, 3, 1002)
    assert spread_over(np.array([4, 9])).tolist() == [4, 9]


def test_problems_are_told_and_no_collapse() -> None:
    health = Health(5.0, [1.0] * 3, [0.1, 0.45, 0.9], [], [0], [1], [], 0.4)
    measures = PointMeasures(0.1, 3.0, [1.0, 2.0, None], health)
    (told,) = measures.problems()
    assert told.startswith("2 of 3 points follow the object only in part (less than 50 % of its ")
    assert "; points 1, 2), near the mean place: train longer" in told
    assert not measures.collapsing()
    assert measures.line()["nailed"] == [0]
    (dead,) = replace(measures, health=replace(health, dead=[2], nailed=[], lagging=[])).problems()
    assert dead.startswith("1 of 3 points is dead (flat probability maps; point 3): train")
