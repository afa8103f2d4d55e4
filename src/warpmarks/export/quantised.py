"""The ONNX file with the network's convolutions in bytes, calibrated on images.

All convolutions but the last are quantised, their weights by channel. The last one, whose scores
the softmax makes much of, what lays images into the picture, the soft-argmax and the regressor stay
as they are: a landmark's place hangs on their digits, and they take little of the time.
"""

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from warpmarks.datasets.image_set import ImageSet
from warpmarks.datasets.reading import UnreadableImage, read_picture
from warpmarks.detectors.detector import Detector
from warpmarks.errors import InputError
from warpmarks.export.about import describe
from warpmarks.export.onnx_file import build_model, describe_model, require_onnx, save_model
from warpmarks.export.tracing import quiet
from warpmarks.regression.regressor import Regressor
from warpmarks.spreading import spread_evenly
from warpmarks.system.progress import Progress, SilentProgress, one_by_one

MOST = 128
"""Images that calibrate: on more, the ranges hardly change."""

_BATCH = 16
_IN_BYTES = ("Conv", "Relu", "MaxPool", "Pad")


def write_int8(
    detector: Detector,
    path: Path,
    images: ImageSet,
    regressor: Regressor | None = None,
    *,
    progress: Progress | None = None,
) -> None:
    """Write a detector with its convolutions in bytes.

    Args:
        detector: to export.
        path: of the file.
        images: of the kind that it will see; at most MOST of them are read, spread evenly.
        regressor: to fold in.
        progress: a listener.

    Raises:
        InputError: the libraries for it are missing, none of the images can be read, or the file
            cannot be written.
    """
    require_onnx()
    import onnx
    from onnxruntime import quantization

    progress = progress or SilentProgress()
    progress.start("Exporting", None)
    model = build_model(detector, regressor)
    pictures = _read_some(detector, images, progress)
    progress.start("Quantising", None)
    with tempfile.TemporaryDirectory() as folder, quiet():
        plain, quantised = Path(folder) / "plain.onnx", Path(folder) / "int8.onnx"
        onnx.save(model, plain)
        convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
        last = convolutions[-1].input[1]
        quantization.quantize_static(
            plain,
            quantised,
            _Batches(pictures),
            op_types_to_quantize=list(_IN_BYTES),
            nodes_to_exclude=[node.name for node in convolutions if node.input[1] == last],
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )
        written = onnx.load(quantised)
    describe_model(written, describe(detector, regressor, precision="int8"))
    save_model(written, path)
    progress.finish()


def _read_some(detector: Detector, images: ImageSet, progress: Progress) -> list[np.ndarray]:
    record = detector.record
    size = (record.picture_height, record.picture_width)
    paths = images.paths()
    chosen = [paths[index] for index in spread_evenly(len(paths), MOST)]
    pictures = []
    for path in one_by_one(progress, "Reading", chosen):
        with suppress(UnreadableImage):
            pictures.append(read_picture(path, *size, record.config.image.fit)[0])
    if not pictures:
        raise InputError(f"--calibrate {images.source}: none of its images can be read")
    return pictures


class _Batches:
    """What onnxruntime reads calibration images from."""

    def __init__(self, pictures: list[np.ndarray]) -> None:
        self._batches: Iterator[np.ndarray] = iter(
            [np.stack(pictures[i : i + _BATCH]) for i in range(0, len(pictures), _BATCH)]
        )

    def get_next(self) -> dict[str, Any] | None:
        """The next batch as the graph's input."""
        batch = next(self._batches, None)
        return None if batch is None else {"images": batch}
