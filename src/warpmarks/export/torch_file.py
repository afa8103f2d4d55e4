"""One file of torch.export: the same graph for programs that have torch, without this package."""

import io
from pathlib import Path

import torch

from warpmarks.detectors.detector import Detector
from warpmarks.detectors.exported import KEY
from warpmarks.export.about import describe
from warpmarks.export.graph import DetectorGraph
from warpmarks.export.tracing import quiet, trace
from warpmarks.regression.regressor import Regressor
from warpmarks.system.files import atomic_path


def write_torch(detector: Detector, path: Path, regressor: Regressor | None = None) -> None:
    """Write a detector, and a regressor if there is one, for `torch.export.load`.

    Raises:
        InputError: the file cannot be written.
    """
    program = trace(DetectorGraph(detector, regressor))
    about = describe(detector, regressor).model_dump_json()
    written = io.BytesIO()  # to a path torch would write the path's name into the file
    with quiet():
        torch.export.save(program, written, extra_files={f"{KEY}.json": about})
    with atomic_path(path) as temporary:
        temporary.write_bytes(written.getbuffer())
