"""One ONNX file: graph, weights and what it is."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from warpmarks.detectors.detector import Detector
from warpmarks.detectors.exported import KEY, ExportedDetector, ExportRecord
from warpmarks.errors import InputError
from warpmarks.export.about import describe
from warpmarks.export.graph import DetectorGraph
from warpmarks.export.tracing import quiet, trace
from warpmarks.regression.regressor import Regressor
from warpmarks.system.files import atomic_path

if TYPE_CHECKING:
    import onnx

OPSET, FILE_VERSION = 18, 8
"""Of the operators the oldest set that has all, and of files the version that came with it: every
onnxruntime since early 2023 reads them."""

TOLERANCE = 5e-3
"""In pixels of the picture: how far a file may be from the detector it was made of."""

NOISE_PICTURES = 16
"""On which they are compared, each landmark where they agree best: on noise a map may be torn
between two places, and then a little rounding goes a long way, through a second look farther."""

_INPUT = ("batch", "height", "width")


def write_onnx(
    detector: Detector,
    path: Path,
    regressor: Regressor | None = None,
    *,
    precision: torch.dtype = torch.float64,
) -> None:
    """Write a detector, and a regressor if there is one, as one file that says what it is.

    Args:
        detector: to write.
        path: of the file.
        regressor: whose points the file gives too.
        precision: see ``warpmarks.export.graph.DetectorGraph``.

    Raises:
        InputError: the libraries for it are missing, or the file cannot be written.
    """
    model = build_model(detector, regressor, precision)
    describe_model(model, describe(detector, regressor))
    save_model(model, path, check=lambda written: check_agreement(detector, written))


def build_model(
    detector: Detector,
    regressor: Regressor | None = None,
    precision: torch.dtype = torch.float64,
) -> "onnx.ModelProto":
    """The graph; batch, height and width of the images are dynamic.

    Raises:
        InputError: onnx or onnxscript is missing.
    """
    require_onnx()
    graph = DetectorGraph(detector, regressor, precision)
    program = trace(graph)
    with quiet():
        exported = torch.onnx.export(
            program,
            dynamo=True,
            opset_version=OPSET,
            input_names=["images"],
            output_names=list(graph.outputs),
            verbose=False,
        )
    assert exported is not None
    model = exported.model_proto
    model.ir_version = FILE_VERSION
    _name_sizes(model)
    _forget_tracing(model.graph)
    return model


def require_onnx() -> None:
    """Raise unless the libraries that write ONNX files are installed.

    Raises:
        InputError: one is missing.
    """
    try:
        import onnx
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"ONNX files need {error.name}, which is not installed: pip install 'warpmarks[export]'"
        ) from error
    del onnx, onnxruntime


def describe_model(model: "onnx.ModelProto", record: ExportRecord) -> None:
    """Put the record into the metadata of a model."""
    model.producer_name, model.producer_version = "warpmarks", record.version
    model.doc_string = (
        "images: bytes (batch, height, width, RGB), upright, of any size; landmarks and points: "
        "(x, y) in pixels of the images, where the centre of the first pixel is (0, 0); scores: 0 "
        "to 1 is best"
    )
    kept = [entry for entry in model.metadata_props if entry.key != KEY]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    entry = model.metadata_props.add()
    entry.key, entry.value = KEY, record.model_dump_json()


def save_model(
    model: "onnx.ModelProto", path: Path, *, check: Callable[[Path], None] | None = None
) -> None:
    """Write a model, whole or not at all; not if ``check`` of the file raises."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(model.SerializeToString())
        if check is not None:
            check(temporary)


def check_agreement(detector: Detector, path: Path) -> None:
    """Raise unless onnxruntime finds in the file what the detector finds.

    Raises:
        RuntimeError: it does not, which is no fault of the user.
    """
    generator = np.random.default_rng(0)
    coarse = generator.integers(0, 256, (NOISE_PICTURES, 9, 7, 3), dtype=np.uint8)
    height, width = detector.record.picture_height, detector.record.picture_width
    pictures = coarse.repeat(-(-height // 9), axis=1).repeat(-(-width // 7), axis=2)
    pictures = np.ascontiguousarray(pictures[:, :height, :width])
    expected, _ = detector.search(pictures)
    found, _ = ExportedDetector.load(path, device="cpu", threads=1).search(pictures)
    off = np.abs((found - expected) * (width, height)).max(axis=-1) / 2
    difference = float(off.min(axis=0).max())
    if not difference < TOLERANCE:
        raise RuntimeError(
            f"the exported file is {difference:.2g} px of the picture from the detector"
        )


def _name_sizes(model: "onnx.ModelProto") -> None:
    """Call the dynamic sizes what they are, in place of the tracer's names."""
    shape = model.graph.input[0].type.tensor_type.shape
    names = {size.dim_param: name for size, name in zip(shape.dim, _INPUT, strict=False)}
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        for size in value.type.tensor_type.shape.dim:
            if size.dim_param in names:
                size.dim_param = names[size.dim_param]


def _forget_tracing(graph: "onnx.GraphProto") -> None:
    """Leave out what the tracer notes of each node: a fifth of a file, with paths of sources."""
    values = (*graph.input, *graph.output, *graph.value_info, *graph.initializer)
    for part in (graph, *graph.node, *values):
        del part.metadata_props[:]
