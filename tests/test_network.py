import copy
import inspect

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

from warpmarks.configuration import NetworkConfig
from warpmarks.network import (
    DEVIATION,
    MEAN,
    BesideCoarse,
    Coarse,
    LandmarkNetwork,
    ReLU,
    add_enlarged,
)

COARSE = {
    "filters": (20, 48, 64, 256),
    "kernels": (5, 5, 3, 1, 1),
    "dilations": (1,) * 5,
    "coarse": (32, 24),
}
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


@pytest.mark.parametrize("options", [{}, COARSE, NEURIPS_2017, {"padding": "reflect"}], ids=str)
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

    first = ["Conv2d", "BatchNorm2d", "MaxPool2d", "ReLU"]
    beside = ["Coarse", "BesideCoarse", *stage[1:]]
    assert kinds(**COARSE) == [*first, *2 * stage, *beside, "Conv2d"]
    assert kinds(**NEURIPS_2017) == [*first, *4 * stage, "Conv2d"]
    literal = kinds(**NEURIPS_2017, last_layer="batchnorm_relu")
    assert literal == [*first, *5 * stage]


def test_pooling_before_the_rectifier_is_pooling_after_it():
    network = LandmarkNetwork(7, **COARSE, generator=generator()).double()
    images = random_images(26, 34, batch=2)
    late = copy.deepcopy(network)
    late.layers[2], late.layers[3] = late.layers[3], late.layers[2]
    assert isinstance(late.layers[2], ReLU)
    for one in (network, late):
        one(images).square().sum().backward()
    for ours, theirs in zip(network.parameters(), late.parameters(), strict=True):
        assert ours.grad is not None
        assert ours.grad.abs().max() > 0
        assert_close(ours.grad, theirs.grad, rtol=0, atol=0)


def coarse_part(channels: int = 5) -> Coarse:
    torch.manual_seed(0)
    part = Coarse(channels, [7, 3], "replicate").double().eval()
    for module in part.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.normal_(module.weight)
    return part


def beside(outputs: int = 4) -> BesideCoarse:
    torch.manual_seed(1)
    return BesideCoarse(5, 3, outputs).double()


@pytest.mark.parametrize(("rows", "columns"), [(8, 16), (7, 18)])
def test_coarse_maps_are_seen_beside_those_they_are_made_from(rows, columns):
    part, seen = coarse_part(), beside()
    maps = torch.rand(2, 5, rows, columns, dtype=torch.float64, generator=generator())
    both = part(maps)
    assert torch.equal(both[0], maps)

    def mean(top: int, left: int) -> torch.Tensor:
        cells = [
            maps[..., min(row, rows - 1), min(column, columns - 1)]
            for row in range(top, top + 4)
            for column in range(left, left + 4)
        ]
        return torch.stack(cells).mean(dim=0)

    blocks = torch.stack(
        [
            torch.stack([mean(top, left) for left in range(0, columns, 4)], dim=-1)
            for top in range(0, rows, 4)
        ],
        dim=-2,
    )
    coarse = part.layers(blocks)
    assert_close(both[1], coarse)
    made = seen(both)
    assert made.shape == (2, 4, rows, columns)
    # A block of cells 4b to 4b + 3 has its middle at 4b + 1.5; between middles it is linear.
    for row, column in ((3, 9), (rows - 1, columns - 1), (0, 2)):
        y = min(max((row - 1.5) / 4, 0), coarse.shape[2] - 1)
        x = min(max((column - 1.5) / 4, 0), coarse.shape[3] - 1)
        top, left = int(y), int(x)
        below, right = min(top + 1, coarse.shape[2] - 1), min(left + 1, coarse.shape[3] - 1)
        down, along = y - top, x - left
        upper = coarse[..., top, left] * (1 - along) + coarse[..., top, right] * along
        lower = coarse[..., below, left] * (1 - along) + coarse[..., below, right] * along
        here = torch.cat([maps[..., row, column], upper * (1 - down) + lower * down], dim=1)
        assert_close(made[..., row, column], here @ seen.weight[:, :, 0, 0].T)


def test_coarse_maps_show_no_spot():
    """Wherever in its block a spot is, they are the same."""
    part = coarse_part()
    there, moved = torch.zeros(2, 1, 5, 16, 16, dtype=torch.float64)
    there[..., 4, 7], moved[..., 6, 5] = 1, 1
    assert_close(part(there)[1], part(moved)[1])


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
    [({}, 50), (NEURIPS_2017, 54)],
    ids=["plain", "paper"],
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


@pytest.mark.parametrize("options", [{}, NEURIPS_2017], ids=["plain", "paper"])
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


def test_scores_beside_coarse_maps_move_with_the_image_by_whole_blocks():
    images = random_images(152, 168)
    network = settled(**COARSE)
    here, moved = network(images[..., 8:, 16:]), network(images[..., :-8, :-16])
    away = 24  # cells: five blocks for two coarse convolutions and the interpolation, and the rest
    assert_close(
        here[..., away:-away, away:-away],
        moved[..., away + 4 : -away + 4, away + 8 : -away + 8],
        rtol=0,
        atol=1e-10,
    )


def test_coarse_maps_see_far():
    images = torch.rand(1, 3, 80, 96, dtype=torch.float64, generator=generator())
    settled(**COARSE)(images.requires_grad_())[0, :, 20, 26].sum().backward()
    seen = images.grad.abs().sum(dim=(0, 1)).sum(dim=1).nonzero().flatten()
    assert seen[-1] - seen[0] + 1 > 40


@pytest.mark.parametrize("size", [(12, 20), (10, 17)])
def test_what_is_added_and_its_gradients_are_those_of_pytorch_s_interpolation(size):
    coarse = torch.rand(2, 3, 3, 5, dtype=torch.float64, generator=generator(), requires_grad=True)
    draws = generator(1)
    maps, weights = torch.rand(2, 2, 3, *size, dtype=torch.float64, generator=draws)
    maps.requires_grad_()
    ours = add_enlarged(maps.clone(), coarse, 4)
    larger = F.interpolate(coarse, scale_factor=4, mode="bilinear", align_corners=False)
    theirs = maps + larger[..., : size[0], : size[1]]
    assert_close(ours, theirs)
    for made in zip(
        *(torch.autograd.grad((weights * sums).sum(), (maps, coarse)) for sums in (ours, theirs)),
        strict=True,
    ):
        assert_close(*made)


def test_coarse_maps_in_half_precision_and_channels_last_are_nearly_the_same():
    part, seen = coarse_part().float(), beside().float()
    maps = torch.rand(2, 5, 12, 18, generator=generator())
    wanted = seen(part(maps))
    last = maps.contiguous(memory_format=torch.channels_last)
    assert_close(seen(part(last)), wanted)
    with torch.autocast("cpu", torch.bfloat16):
        made = seen(part(last))
    assert made.dtype == torch.bfloat16
    assert made.is_contiguous(memory_format=torch.channels_last)
    assert_close(made.float(), wanted, rtol=0.03, atol=0.03 * wanted.abs().max().item())


@pytest.mark.parametrize(
    ("options", "before_scores"),
    [({}, -1), ({"score_scale": 3.0}, -1), ({"last_layer": "batchnorm_relu"}, -3)],
    ids=str,
)
def test_descriptors_are_made_from_the_features_of_the_scores(options, before_scores):
    images = random_images(16, 24, batch=2)
    network = settled(5, descriptors=4, **options)
    score_maps, descriptors = network(images, describe=True)
    assert_close(score_maps, network(images))
    assert descriptors.shape == (2, 4, 8, 12)
    features = network.layers[:before_scores]((images - MEAN) / DEVIATION)
    assert_close(descriptors, network.descriptors(features))
    with pytest.raises(ValueError, match="without descriptors"):
        settled()(images, describe=True)


@pytest.mark.parametrize(
    "options",
    [{}, {"last_layer": "batchnorm_relu", "descriptors": 4}, {"reference": True}],
    ids=str,
)
def test_the_state_of_some_landmarks_is_that_of_a_network_with_those_alone(options):
    images, chosen = random_images(16, 24, batch=2), [4, 1]
    network, fewer = settled(5, **options), settled(2, **options)
    if network.reference is not None:
        network.reference += random_images(1, 1, batch=5).flatten(1)[:, :2]
    fewer.load_state_dict(network.state_of(chosen))
    assert_close(fewer(images), network(images)[:, chosen])
    if network.reference is not None:
        assert torch.equal(fewer.reference, network.reference[chosen])


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
