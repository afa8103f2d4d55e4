import pytest
import torch
from torch.torch_version import TorchVersion

from warpmarks.errors import InputError
from warpmarks.export import tracing
from warpmarks.export.graph import DetectorGraph


@pytest.mark.parametrize("version", ["2.6.0+cu124", "2.7.1"])
def test_a_torch_that_traces_otherwise_is_told_of(detector, monkeypatch, version):
    monkeypatch.setattr(torch, "__version__", TorchVersion(version))
    sentence = rf"^this torch is {version.replace('+', '.')}: exporting expects 2\.8 or newer, so"
    with pytest.raises(InputError, match=sentence):
        tracing.trace(DetectorGraph(detector))
