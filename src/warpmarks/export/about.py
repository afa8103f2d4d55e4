"""What an exported file says of itself."""

from importlib.metadata import version
from typing import Literal

from warpmarks.detectors.detector import Detector
from warpmarks.detectors.exported import ExportRecord, exported_regressor
from warpmarks.regression.regressor import Regressor


def describe(
    detector: Detector,
    regressor: Regressor | None = None,
    *,
    precision: Literal["float32", "int8"] = "float32",
) -> ExportRecord:
    """The record of a detector's file."""
    record = detector.record
    return ExportRecord(
        version=version("warpmarks"),
        precision=precision,
        num_landmarks=detector.num_landmarks,
        landmark_names=None if record.scheme is None else record.scheme.names,
        view=(record.view_height, record.view_width),
        picture=(record.picture_height, record.picture_width),
        margin=record.config.image.margin,
        fit=record.config.image.fit,
        looks=detector.looks,
        copies=record.config.copies if detector.looks > 1 else 1,
        digest=detector.digest,
        regressor=None if regressor is None else exported_regressor(regressor),
    )
