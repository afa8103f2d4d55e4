import inspect

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from warpmarks.configuration import NetworkConfig
from warpmarks.network import DEVIATION, MEAN, Context, LandmarkNetwork, window_means

CONTEXT = {"dilations": (1, 1, 1, 6, 1, 1), "context": True}
NEURIPS_2017 = {"kernels": (5, 5, 5, 3, 3, 1), "dilations": (1, 1, 2, 4, 2, 1)}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def settled(num_landmarks: int = 3, **options) -> LandmarkNetwork:
    """A network in float64 as it detects, whose normalisation does something."""
    network = LandmarkNetwork(num_landmarks, generator=generator(), **options).double()
    draws = generator(1)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1, generator=draws)
                module.running_var.uniform_(0.5, 2, generator=draws)
    return network.eval()


def random_images(height: int, width: int, batch: int = 1) -> torch.Tensor:
    return torch.rand(batch, 3, height, width, dtype=torch.float64, generator=generator(2))


@pytest.mark.parametrize("options", [{}, CONTEXT, NEURIPS_2017, {"padding": "reflect"}], ids=str)
def test_a_map_has_half_the_image_s_height_and_width(options):
    network = LandmarkNetwork(7, generator=generator(), **options)
    assert network(torch.rand(2, 3, 32, 44, generator=generator())).shape == (2, 7, 16, 22)


def test_six_convolutions_with_the_paper_s_filters():
    network = LandmarkNetwork(7, **NEURIPS_2017)
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    assert [c.out_channels for c in convolutions] == [20, 48, 64, 80, 256, 7]
    weights = (60 + 20 * 48 + 48 * 64) * 25 + (64 * 80 + 80 * 256) * 9 + 256 * 7
    normalisation = 2 * (20 + 48 + 64 + 80 + 256)
    assert sum(p.numel() for p in network.parameters()) == weights + normalisation + 7


def test_the_settings_have_the_network_s_own_defaults():
    made = inspect.signature(LandmarkNetwork).parameters
    for name, value in NetworkConfig():
        assert made[name].default == value, name


def test_layers_stand_in_the_paper_s_order():
    stage = ["Conv2d", "BatchNorm2d", "ReLU"]

    def kinds(**options):
        return [type(layer).__name__ for layer in LandmarkNetwork(7, **options).layers]

    assert kinds(**CONTEXT) == [*stage, "MaxPool2d", *2 * stage, "Context", *stage, "Conv2d"]
    assert kinds(**NEURIPS_2017) == [*stage, "MaxPool2d", *4 * stage, "Conv2d"]
    literal = kinds(**NEURIPS_2017, last_layer="batchnorm_relu")
    assert literal == [*stage, "MaxPool2d", *5 * stage]


@pytest.mark.parametrize("width", [1, 3, 7])
def test_window_means_are_means_over_the_cells_that_there_are(width):
    maps = torch.rand(2, 3, 6, 9, dtype=torch.float64, generator=generator())
    reach = width // 2
    expected = torch.empty_like(maps)
    for row in range(6):
        for column in range(9):
            window = maps[
                ...,
                max(0, row - reach) : row + reach + 1,
                max(0, column - reach) : column + reach + 1,
            ]
            expected[..., row, column] = window.mean(dim=(2, 3))
    assert_close(window_means(maps, width), expected)


def test_window_means_in_bfloat16_are_not_off_by_a_factor():
    """As sevenths would be, which bfloat16 rounds to 0.998 of themselves."""
    maps = torch.rand(4, 8, 30, 40, generator=generator()).bfloat16()
    factor = window_means(maps, 7).double().mean() / window_means(maps.double(), 7).mean()
    assert factor.item() == pytest.approx(1, abs=3e-4)


def test_context_stands_beside_the_maps_it_is_made_from():
    network = settled(**CONTEXT)
    context = next(module for module in network.modules() if isinstance(module, Context))
    maps = torch.rand(1, 64, 20, 24, dtype=torch.float64, generator=generator())
    both = context(maps)
    assert torch.equal(both[:, :64], maps)
    assert_close(both[:, 64:], context.layers(window_means(maps, 7)))


def test_context_shows_no_spot():
    """A spot reaches a cell aside of it no more than it would anywhere in the window around it."""
    network = settled(**CONTEXT)
    context = next(module for module in network.modules() if isinstance(module, Context))
    there, beside = torch.zeros(2, 1, 64, 40, 40, dtype=torch.float64)
    there[..., 20, 20], beside[..., 22, 17] = 1, 1
    assert_close(context(there)[:, 64:, 20, 26], context(beside)[:, 64:, 20, 26])


def test_the_literal_last_layer_cuts_scores_off_at_zero_and_the_plain_one_does_not():
    images = random_images(16, 24, batch=2)
    literal = settled(6, last_layer="batchnorm_relu")(images)
    assert literal.min() == 0
    assert literal.max() > 0
    assert settled(6)(images).min() < 0


def test_the_score_scale_multiplies_the_scores():
    images = random_images(16, 24)
    assert_close(settled(score_scale=5.0)(images), 5 * settled()(images))


@pytest.mark.parametrize(
    ("options", "pixels"),
    [({}, 50), (CONTEXT, 54), (NEURIPS_2017, 54)],
    ids=["plain", "context", "paper"],
)
def test_how_far_a_cell_sees(options, pixels):
    network = settled(**options)
    seen = torch.zeros(80, 96)
    for seed in range(4):
        images = torch.rand(1, 3, 80, 96, dtype=torch.float64, generator=generator(seed))
        network(images.requires_grad_())[0, :, 20, 26].sum().backward()
        seen += images.grad.abs().sum(dim=(0, 1))
    rows, columns = (seen.sum(dim=axis).nonzero().flatten() for axis in (1, 0))
    assert rows[-1] - rows[0] + 1 == columns[-1] - columns[0] + 1 == pixels
    assert (rows[0] + rows[-1]) / 2 == 2 * 20 + 0.5  # a cell stands in the middle of its 2 x 2
    assert (columns[0] + columns[-1]) / 2 == 2 * 26 + 0.5


@pytest.mark.parametrize("options", [{}, CONTEXT], ids=["plain", "context"])
def test_scores_move_with_the_image(options):
    images = random_images(84, 98)
    network = settled(**options)
    here, moved = network(images[..., 2:, 4:]), network(images[..., :-2, :-4])
    away = 18  # cells from the border, half of what a cell sees and more
    assert_close(
        here[..., away:-away, away:-away],
        moved[..., away + 1 : -away + 1, away + 2 : -away + 2],
        rtol=0,
        atol=1e-10,
    )


def test_descriptors_are_made_from_the_features_of_the_scores():
    images = random_images(16, 24, batch=2)
    network = settled(5, descriptors=4)
    score_maps, descriptors = network(images, describe=True)
    assert_close(score_maps, network(images))
    assert descriptors.shape == (2, 4, 8, 12)
    features = network.layers[:-1]((images - MEAN) / DEVIATION)
    assert_close(descriptors, network.descriptors(features))
    with pytest.raises(ValueError, match="without descriptors"):
        settled()(images, describe=True)


def test_replicated_edges_do_not_tell_a_cell_where_it_is_and_zeros_do():
    grey = torch.full((1, 3, 32, 48), 0.7, dtype=torch.float64)

    def unevenness(padding):
        maps = settled(padding=padding)(grey)
        return (maps - maps.mean(dim=(2, 3), keepdim=True)).abs().max().item()

    assert unevenness("replicate") < 1e-10
    assert unevenness("reflect") < 1e-10
    assert unevenness("zeros") > 1e-3


def test_the_same_generator_gives_the_same_weights():
    torch.manual_seed(0)
    first = LandmarkNetwork(3, generator=generator(5))
    torch.manual_seed(1)
    second, other = LandmarkNetwork(3, generator=generator(5)), LandmarkNetwork(3)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(first.layers[0].weight, other.layers[0].weight)


def test_weights_are_normal_with_variance_2_over_fan_in():
    network = LandmarkNetwork(40, generator=generator())
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    for convolution in convolutions:
        fan_in = convolution.weight[0].numel()
        expected = (2 / fan_in) ** 0.5
        assert convolution.weight.std().item() == pytest.approx(expected, rel=0.06)
        assert abs(convolution.weight.mean().item()) < 0.1 * expected
    assert convolutions[-1].bias.abs().max() == 0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"kernels": (3, 3)}, "5 filters need 6 kernels and dilations, got 2 and 6"),
        ({"dilations": (1,) * 7}, "got 6 and 7"),
        ({"filters": (20,)}, "1 filters need 2"),
        ({"kernels": (5, 3, 4, 3, 1, 1)}, "kernels must be odd"),
    ],
)
def test_lists_that_do_not_fit_are_refused(options, told):
    with pytest.raises(ValueError, match=told):
        LandmarkNetwork(3, **options)
