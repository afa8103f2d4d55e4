from types import SimpleNamespace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch.testing import assert_close

from annotated_examples import COUNT
from tiny_runs import tiny_config, tiny_record
from warpmarks.datasets.annotated import read_annotated
from warpmarks.detectors.detector import Detector
from warpmarks.evaluation import warped_copies as module
from warpmarks.evaluation.warped_copies import locate_warped_copies
from warpmarks.runs.weights import build_network
from warpmarks.warps import RandomWarps, ThinPlateSpline, WarpRange, control_grid

COPIES = 5


class Noting(Detector):
    """Notes the warps that it is to look through and finds landmarks anywhere."""

    def look(self, pictures, warp=None):
        assert pictures.shape == (len(warp.weights), 70, 100, 3)
        self.warps.append(warp)
        return SimpleNamespace(
            landmarks=0.5 * torch.randn(len(pictures), 3, 2), scores=torch.rand(len(pictures), 3)
        )


@pytest.fixture
def detector():
    return noting()


def noting(**changes):
    config = tiny_config(image={"size": 64, "fit": "crop", "margin": 0.1}, **changes)
    record = tiny_record(config, view=(56, 80), picture=(70, 100))
    made = Noting(build_network(config), record, device="cpu")
    made.warps = []
    return made


def in_view(points, width, height):
    """Pixels of an original, cut to the picture's shape, to the view's normalised coordinates."""
    scale = min(width / 100, height / 70)
    return (points - np.array([width - 1, height - 1]) / 2) / scale / [40, 28]


def test_annotations_of_a_copy_are_where_its_warp_shows_them(detector, annotated_folder):
    annotated = read_annotated(annotated_folder, normaliser="1:2")
    copies = locate_warped_copies(detector, annotated, seed=3, copies=COPIES)
    assert len(detector.warps) == COUNT
    for image, (points, warp) in enumerate(zip(annotated.points, detector.warps, strict=True)):
        own = slice(COPIES * image, COPIES * (image + 1))
        width, height = [(52, 36), (60, 44)][image % 2]
        moved = torch.from_numpy(in_view(copies.annotations[own], width, height))
        taken = warp.to(moved)(moved).numpy()
        expected = np.broadcast_to(in_view(points, width, height), taken.shape)
        assert_allclose(taken, expected, atol=1e-5)


def test_warps_are_the_first_ones_of_the_training_in_pixels_of_the_view(annotated_folder):
    still = {"rotation": 0, "scale": 0, "translation": 0, "deformation": 0}
    detector = noting(warps={"first": still | {"rotation": 40}, "second": still})
    annotated = read_annotated(annotated_folder, normaliser="1:2")
    locate_warped_copies(detector, annotated, seed=3, copies=COPIES)
    half = torch.tensor([40.0, 28.0])
    turns = torch.cat([warp.affine[:, 1:] for warp in detector.warps]) / half[:, None] * half
    assert_close(turns @ turns.mT, torch.eye(2).expand(len(turns), -1, -1))
    assert 0.3 < torch.asin(turns[:, 0, 1]).abs().max() < np.radians(40)


def test_landmarks_and_scores_are_those_found_in_each_copy(detector, annotated_folder, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 3)
    annotated = read_annotated(annotated_folder, normaliser="1:2")
    torch.manual_seed(0)
    copies = locate_warped_copies(detector, annotated, seed=3, copies=COPIES)
    assert [len(warp.weights) for warp in detector.warps] == [3, 2] * COUNT
    torch.manual_seed(0)
    for image in range(COUNT):
        for begin, count in ((0, 3), (3, 2)):
            own = slice(COPIES * image + begin, COPIES * image + begin + count)
            width, height = [(52, 36), (60, 44)][image % 2]
            found = 0.5 * torch.randn(count, 3, 2)
            assert_allclose(in_view(copies.landmarks[own], width, height), found, atol=1e-6)
            assert_allclose(copies.scores[own], torch.rand(count, 3))


class Folding(RandomWarps):
    """Every other warp of a batch is folded to x^2 + 0.3 x: left of -0.0225 nothing is seen."""

    def draw(self, count, generator):
        drawn, x = super().draw(count, generator), self.controls[:, 0]
        folded = torch.stack([x**2 + 0.3 * x, self.controls[:, 1]], dim=-1)[None]
        folded = ThinPlateSpline.fit(self.controls, folded, self.solver)
        drawn.weights[::2], drawn.affine[::2] = folded.weights, folded.affine
        self.drawn.append(drawn.solution)
        return drawn


def test_warps_that_show_a_point_nowhere_are_drawn_again_and_in_the_end_without_their_bend(
    monkeypatch,
):
    monkeypatch.setattr(module, "REDRAWS", 4)
    warps = Folding(WarpRange(30, 0.2, 0.2, 0.1), aspect=1.6, controls=control_grid(5, 4))
    warps.drawn = []
    points = torch.tensor([[-0.3, 0.2], [torch.nan, 0.1], [0.5, -0.6]], dtype=torch.float64)
    warp, moved = module._draw(warps, points, 5, torch.Generator().manual_seed(1))
    assert [len(drawn) for drawn in warps.drawn] == [5, 3, 2, 1, 1]
    assert moved[:, 1].isnan().all()
    assert_close(warp(moved)[:, [0, 2]], points[[0, 2]].expand(5, -1, -1), rtol=0, atol=1e-6)
    assert (warp.weights == 0).flatten(1).all(1).tolist() == [True, False, False, False, False]
    first, second, third = warps.drawn[:3]
    expected = torch.stack([first[1], second[1], first[3], third[1]])
    assert torch.equal(warp.solution[1:], expected)
