from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from tiny_runs import tiny_config, tiny_record
from warpmarks.detectors.detector import Detector
from warpmarks.points import PointScheme, parse_normaliser
from warpmarks.regression.regressor import Regressor
from warpmarks.runs.weights import build_network

NAMES = ("snout", "left ear", "right ear", "tail")


@pytest.fixture(scope="session")
def make_detector() -> Callable[..., Detector]:
    """Random weights and sharp maps: landmarks that hang on every pixel, far from the centre."""

    def make(
        fit: str = "crop", looks: int = 2, *, copies: int = 2, unbend: bool = True
    ) -> Detector:
        config = tiny_config(
            looks=looks,
            copies=copies,
            unbend=unbend,
            image={"size": 18, "fit": fit, "margin": 0.1},
            network={
                # WebGPU convolves other numbers of channels wrongly, as of onnxruntime-web 1.30.
                "filters": [4, 8, 8, 8, 8],
                "dilations": [1] * 6,
                "coarse": [8, 4],
                "descriptors": 3,
                "score_scale": 12.0,
            },
            loss={"pooling": 2, "exchange_weight": 0.5},
        )
        network = build_network(config, torch.Generator().manual_seed(3))
        if looks == 2:
            network.reference.copy_(torch.tensor([[-0.3, -0.1], [0.1, -0.2], [0.2, 0.3]]))
        return Detector(network, tiny_record(config, view=(16, 20), picture=(20, 25)), device="cpu")

    return make


@pytest.fixture(scope="session")
def detector(make_detector: Callable[..., Detector]) -> Detector:
    return make_detector()


@pytest.fixture(scope="session")
def regressor(detector: Detector) -> Regressor:
    """With bias, and more points than landmarks."""
    generator = np.random.default_rng(5)
    return Regressor(
        generator.normal(size=(2 * len(NAMES), 2 * detector.num_landmarks)),
        generator.normal(size=2 * len(NAMES)),
        PointScheme(NAMES, parse_normaliser("snout:tail", NAMES, source="test"), ((1, 2),)),
        "linear",
        detector.digest,
        17,
        generator.normal(size=(len(NAMES), 2)),
    )


@pytest.fixture(scope="session")
def program(detector: Detector, regressor: Regressor) -> torch.export.ExportedProgram:
    """Tracing takes longer than everything else: it is done once."""
    from warpmarks.export.graph import DetectorGraph
    from warpmarks.export.tracing import trace

    return trace(DetectorGraph(detector, regressor))


@pytest.fixture(scope="session")
def onnx_file(
    detector: Detector,
    regressor: Regressor,
    program: torch.export.ExportedProgram,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    from warpmarks.export import onnx_file

    path = tmp_path_factory.mktemp("onnx") / "mice.onnx"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_file, "trace", lambda _: program)
        onnx_file.write_onnx(detector, path, regressor)
    return path
