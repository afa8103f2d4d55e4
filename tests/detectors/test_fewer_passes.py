import pytest
import torch
from tests.detectors.test_folding import trained
from torch import nn
from torch.nn import functional as F

from warpmarks.detectors.fewer_passes import PooledConvolution, in_fewer_passes
from warpmarks.detectors.folding import folded
from warpmarks.heatmaps import spatial_softmax
from warpmarks.network import BesideCoarse

SETTINGS = [
    {},
    {"coarse": [6, 4], "padding": "reflect", "score_scale": 3.0},
    {"last_layer": "batchnorm_relu", "padding": "zeros"},
    {"dilations": [2, 1, 1, 1, 1, 1]},
]


@pytest.mark.parametrize("changes", SETTINGS, ids=lambda changes: ",".join(changes) or "paper")
def test_the_probability_maps_are_the_same(changes):
    network = trained(**changes)
    images = torch.rand(2, 3, 21, 30, generator=torch.Generator().manual_seed(1))
    expected = spatial_softmax(network(images).detach())
    for memory in (torch.contiguous_format, torch.channels_last):
        found = in_fewer_passes(folded(network))(images.contiguous(memory_format=memory))
        torch.testing.assert_close(spatial_softmax(found), expected, atol=1e-5, rtol=1e-4)


def test_what_goes_through_maps_for_little_is_gone():
    network = in_fewer_passes(folded(trained(coarse=[6, 4])))
    kinds = {type(module) for module in network.modules()}
    assert not kinds & {nn.MaxPool2d, nn.BatchNorm2d, BesideCoarse}
    score_maps = network(torch.rand(1, 3, 16, 24).contiguous(memory_format=torch.channels_last))
    assert score_maps.is_contiguous()


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kernel", [(5, 5), (3, 1)])
def test_a_pooled_convolution_keeps_the_largest_of_each_four_cells(kernel, bias):
    generator = torch.Generator().manual_seed(2)
    padding = tuple(side // 2 for side in kernel)
    layer = nn.Conv2d(2, 3, kernel, padding=padding, padding_mode="replicate", bias=bias)
    maps = torch.randn(2, 2, 9, 14, generator=generator)
    with torch.no_grad():
        expected = F.max_pool2d(layer(maps), 2)
        torch.testing.assert_close(PooledConvolution(layer)(maps), expected, atol=1e-6, rtol=1e-5)
