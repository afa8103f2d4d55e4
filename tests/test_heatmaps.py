import numpy as np
import torch
from torch.testing import assert_close

import reference
from warpmarks.heatmaps import concentration, flatness, soft_argmax, spatial_softmax


def random_maps(*shape: int, sharpness: float = 1.5) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    scores = sharpness * torch.randn(*shape, dtype=torch.float64, generator=generator)
    return spatial_softmax(scores)


def test_softmax_is_over_the_cells_of_each_map():
    scores = torch.randn(
        2, 4, 3, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )
    maps = spatial_softmax(scores)
    assert_close(maps.sum(dim=(2, 3)), torch.ones(2, 4, dtype=torch.float64))
    expected = np.stack([reference.spatial_softmax(image) for image in scores.numpy()])
    assert_close(maps, torch.from_numpy(expected))


def test_softmax_of_large_scores_is_finite():
    scores = torch.zeros(1, 1, 3, 7)
    scores[..., 2, 1] = 1e4
    maps = spatial_softmax(scores)
    assert maps[0, 0, 2, 1] == 1
    assert maps.isfinite().all()


def gradient_at(scores: torch.Tensor, softmax) -> tuple[torch.Tensor, torch.Tensor]:
    """The maps of scores, and what the scores learn from where their landmarks are."""
    learning = scores.clone().requires_grad_()
    maps = softmax(learning)
    (soft_argmax(maps) * torch.tensor([0.7, -0.3])).sum().backward()
    return maps.detach(), learning.grad


def plain_softmax(scores: torch.Tensor) -> torch.Tensor:
    return scores.flatten(2).softmax(dim=-1).view_as(scores)


def subnormal(numbers: torch.Tensor) -> torch.Tensor:
    return (numbers != 0) & (numbers.abs() < torch.finfo(numbers.dtype).tiny)


def test_learning_from_sharp_maps_knows_no_subnormal_number():
    """With them a processor takes many times as long for each product."""
    generator = torch.Generator().manual_seed(5)
    scores = -torch.linspace(0, 250, 2 * 3 * 9 * 14)[torch.randperm(756, generator=generator)]
    scores = scores.view(2, 3, 9, 14)
    plain_maps, plain_gradient = gradient_at(scores, plain_softmax)
    assert subnormal(plain_maps).any()
    assert subnormal(plain_gradient).any()
    maps, gradient = gradient_at(scores, spatial_softmax)
    assert not subnormal(maps).any()
    assert not subnormal(gradient).any()
    assert_close(maps, plain_maps, rtol=1e-6, atol=1e-19)
    assert_close(gradient, plain_gradient, rtol=1e-5, atol=1e-19)
    far_below = scores < scores.amax(dim=(2, 3), keepdim=True) - 50
    assert far_below.any()
    assert (gradient[far_below] == 0).all()
    assert_close(spatial_softmax(scores), plain_maps, rtol=0, atol=0)


def test_soft_argmax_of_an_off_centre_peak_is_the_peak():
    scores = torch.full((2, 5, 3, 7), -1e4)
    scores[..., 1, 6] = 0.0
    expected = torch.tensor([2 * 6.5 / 7 - 1, 0.0])
    assert_close(soft_argmax(spatial_softmax(scores)), expected.expand(2, 5, 2))


def test_soft_argmax_is_the_expectation():
    maps = random_maps(2, 4, 3, 7)
    expected = np.stack([reference.soft_argmax(image) for image in maps.numpy()])
    assert_close(soft_argmax(maps), torch.from_numpy(expected), rtol=0, atol=1e-12)


def test_soft_argmax_has_exact_gradients():
    scores = torch.randn(
        1, 2, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3)
    )
    assert torch.autograd.gradcheck(
        lambda s: soft_argmax(spatial_softmax(s)), scores.requires_grad_()
    )


def test_concentration_is_the_probability_near_the_landmark():
    maps = random_maps(2, 4, 8, 13)
    landmarks = soft_argmax(maps)
    for radius in (0.4, 1.7, 2.5, 4.0):
        expected = np.stack(
            [
                reference.concentration(image, points, radius)
                for image, points in zip(maps.numpy(), landmarks.numpy(), strict=True)
            ]
        )
        found = concentration(maps, landmarks, radius=radius)
        assert_close(found, torch.from_numpy(expected), rtol=0, atol=1e-12)


def test_a_score_counts_what_is_within_two_and_a_half_cells():
    maps = torch.zeros(1, 1, 15, 21)
    for away, share in ((0, 0.1), (2, 0.2), (3, 0.7)):
        maps[0, 0, 7, 10 + away] = share
    assert_close(concentration(maps, torch.zeros(1, 1, 2)), torch.tensor([[0.3]]))


def test_a_cell_just_two_and_a_half_cells_away_counts():
    """A landmark half way between two columns, at the middle of a row of a 16 x 32 map."""
    maps = torch.zeros(1, 1, 16, 32)
    maps[0, 0, 8 + 2, 16 + 1] = 0.25  # (1.5, 2) away
    maps[0, 0, 8 + 2, 16 + 2] = 0.75
    assert concentration(maps, torch.tensor([[[0.0, 1 / 16]]])).item() == 0.25


def test_concentration_beside_and_beyond_the_edges():
    maps = random_maps(1, 6, 7, 12)
    places = [[-1, -1], [1.0, 0.99], [-1.2, 0.4], [0.3, 1.1], [5.0, -9.0], [-0.9, 0.7]]
    landmarks = torch.tensor([places], dtype=torch.float64)
    for radius in (0.4, 2.5, 30.0):
        expected = reference.concentration(maps[0].numpy(), landmarks[0].numpy(), radius)
        found = concentration(maps, landmarks, radius=radius)
        assert_close(found, torch.from_numpy(expected)[None], rtol=0, atol=1e-12)


def test_nothing_is_near_a_landmark_that_is_not_known():
    landmarks = torch.tensor([[[torch.nan, 0.0], [0.0, torch.inf], [torch.nan, torch.nan]]])
    found = concentration(random_maps(1, 3, 8, 13).float(), landmarks)
    assert_close(found, torch.zeros(1, 3))


def test_concentration_tells_a_peak_from_two_peaks_and_from_none():
    maps = torch.zeros(1, 3, 9, 21)
    maps[0, 0, 2, 17] = 1
    maps[0, 1, 2, 3] = maps[0, 1, 2, 17] = 0.5
    maps[0, 2] = 1 / (9 * 21)
    scores = concentration(maps, soft_argmax(maps))[0]
    assert_close(scores[:2], torch.tensor([1.0, 0.0]))
    assert_close(scores[2], torch.tensor(21 / (9 * 21)))  # the cells (i, j) with i^2 + j^2 <= 6.25


def test_flatness_from_one_cell_to_all():
    maps = torch.zeros(1, 3, 4, 9, dtype=torch.float64)
    maps[0, 0, 3, 1] = 1
    maps[0, 1, :, :3] = 1 / 12
    maps[0, 2] = 1 / 36
    expected = torch.tensor([[1 / 36, 12 / 36, 1.0]], dtype=torch.float64)
    assert_close(flatness(maps), expected)
    between = flatness(random_maps(2, 4, 3, 7))
    assert ((between > 1 / 21) & (between < 1)).all()
