import inspect

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from warpmarks.configuration import NetworkConfig, TrainingConfig, load_recipe, override
from warpmarks.network import LandmarkNetwork, UNet
from warpmarks.weights import build_network


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def settled(num_landmarks: int = 3, **options) -> UNet:
    """A network in float64 as it detects, whose normalisation does something."""
    network = UNet(num_landmarks, generator=generator(), **options).double()
    draws = generator(1)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1, generator=draws)
                module.running_var.uniform_(0.5, 2, generator=draws)
    return network.eval()


@pytest.mark.parametrize(("height", "width"), [(32, 48), (28, 44), (20, 36)])
def test_a_map_has_half_the_image_s_height_and_width_also_where_levels_are_odd(height, width):
    network = UNet(7, generator=generator())
    images = torch.rand(2, 3, height, width, generator=generator())
    assert network(images).shape == (2, 7, height // 2, width // 2)


def test_the_settings_have_the_network_s_own_defaults():
    made = inspect.signature(UNet).parameters
    settings = NetworkConfig()
    for name in ("widths", "padding", "score_scale"):
        assert made[name].default == getattr(settings, name), name


@pytest.mark.parametrize(("kind", "made"), [("unet", UNet), ("convolutions", LandmarkNetwork)])
def test_a_network_of_the_kind_that_is_set_is_built_channels_last(kind, made):
    config = override(TrainingConfig(), [f"network.kind={kind}", "num_landmarks=4"])
    network = build_network(config, generator())
    assert type(network) is made
    weight = next(p for p in network.parameters() if p.ndim == 4 and p.shape[2] > 1)
    assert weight.is_contiguous(memory_format=torch.channels_last)


def test_the_widths_are_those_of_the_resolutions():
    network = UNet(5, widths=(4, 6, 10, 12), generator=generator())
    assert network.image[0].out_channels == 4
    assert network.maps[0].out_channels == 6
    assert [down[0][0].out_channels for down in network.down] == [10, 12]
    assert network.last.in_channels == 6
    assert network.last.out_channels == 5


def test_a_cell_sees_the_whole_view():
    network = settled()
    images = torch.rand(1, 3, 48, 64, dtype=torch.float64, generator=generator(3))
    network(images.requires_grad_())[0, :, 12, 16].sum().backward()
    seen = images.grad.abs().sum(dim=(0, 1)) > 0
    corners = seen[:16, :16], seen[:16, -16:], seen[-16:, :16], seen[-16:, -16:]
    assert all(corner.any() for corner in corners)


def test_scores_move_with_the_image_by_whole_steps_of_the_lowest_resolution():
    widths = (4, 6, 8, 8)  # the lowest resolution is an eighth of the image's
    network = settled(widths=widths)
    pictures = torch.rand(1, 3, 232, 248, dtype=torch.float64, generator=generator(4))
    here, moved = network(pictures[..., 8:, 8:]), network(pictures[..., :-8, :-8])
    away = 48  # cells from the border, more than half of what a cell sees
    assert_close(
        here[..., away:-away, away:-away],
        moved[..., away + 4 : -away + 4, away + 4 : -away + 4],
        rtol=0,
        atol=1e-10,
    )


def test_replicated_edges_do_not_tell_a_cell_where_it_is_and_zeros_do():
    grey = torch.full((1, 3, 32, 48), 0.7, dtype=torch.float64)

    def unevenness(padding):
        maps = settled(padding=padding)(grey)
        return (maps - maps.mean(dim=(2, 3), keepdim=True)).abs().max().item()

    assert unevenness("replicate") < 1e-10
    assert unevenness("zeros") > 1e-3


def test_the_score_scale_multiplies_the_scores():
    images = torch.rand(1, 3, 32, 48, dtype=torch.float64, generator=generator(2))
    assert_close(settled(score_scale=5.0)(images), 5 * settled()(images))


def test_the_same_generator_gives_the_same_weights():
    first, second = UNet(3, generator=generator(5)), UNet(3, generator=generator(5))
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(first.last.weight, UNet(3, generator=generator(6)).last.weight)


def test_one_resolution_is_refused():
    with pytest.raises(ValueError, match="needs two resolutions, got 1"):
        UNet(3, widths=(8,))


def test_the_recipes_say_which_network_they_take():
    assert load_recipe("paper").network.kind == "convolutions"
