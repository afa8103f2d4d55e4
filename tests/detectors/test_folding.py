import torch
from torch import nn

from warpmarks.detectors.folding import folded
from warpmarks.network import LandmarkNetwork


def trained(**changes) -> LandmarkNetwork:
    """Statistics and parameters of normalisation that are not those of a new network."""
    generator = torch.Generator().manual_seed(0)
    network = LandmarkNetwork(3, filters=[4, 5, 6, 5, 7], generator=generator, **changes)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.5, 2, generator=generator)
                module.bias.uniform_(-1, 1, generator=generator)
                module.running_mean.uniform_(-1, 1, generator=generator)
                module.running_var.uniform_(0.3, 3, generator=generator)
    return network.eval()


def test_a_folded_network_gives_the_same_maps():
    for changes in ({}, {"coarse": [6, 4]}, {"last_layer": "batchnorm_relu", "padding": "zeros"}):
        network = trained(**changes)
        images = torch.rand(2, 3, 20, 28, generator=torch.Generator().manual_seed(1))
        quick = folded(network)
        assert not any(isinstance(module, nn.BatchNorm2d) for module in quick.modules())
        torch.testing.assert_close(quick(images), network(images).detach(), atol=1e-4, rtol=1e-4)


def test_the_network_itself_stays_as_it_was():
    network = trained()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    folded(network)
    assert network.state_dict().keys() == before.keys()
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
