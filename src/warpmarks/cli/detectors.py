"""The detector that RUN means: a run's, or an exported file's, for which torch is not imported."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from warpmarks.cli.options import Device
from warpmarks.errors import InputError

if TYPE_CHECKING:
    from warpmarks.detecting import Columns
    from warpmarks.detector import Detector
    from warpmarks.exported import ExportedDetector


def load_detector(run: Path, device: Device, threads: int | None) -> "Detector | ExportedDetector":
    """The detector of a run folder or of a file that ``warpmarks export`` wrote.

    Raises:
        InputError: there is none, it cannot be used, or a GPU was asked for and there is none.
    """
    from warpmarks.exported import ExportedDetector, is_exported

    if is_exported(run):
        return ExportedDetector.load(run, device=device.value, threads=threads)

    from warpmarks.cli.devices import prepare
    from warpmarks.detector import Detector

    return Detector.load(run, device=prepare(device, threads))


def columns_of(detector: "Detector | ExportedDetector", *, scores: bool) -> "Columns":
    """What is written of each image: landmarks, or the points of an exported regressor.

    Raises:
        InputError: scores were asked for, which points have none of.
    """
    from warpmarks.detecting import Columns
    from warpmarks.exported import ExportedDetector

    if not isinstance(detector, ExportedDetector) or detector.regressor is None:
        return Columns(detector.num_landmarks, scores, made_by=detector.digest)
    if scores:
        raise InputError(
            "--scores are of landmarks, but the exported file gives the points of a regressor: "
            "leave --scores out, or export without --regressor"
        )
    regressor_hash = hashlib.sha256(detector.regressor.weights.tobytes())
    return Columns(
        detector.regressor.num_points,
        False,
        made_by=f"{detector.digest} {regressor_hash.hexdigest()}",
        points=detector.points,
    )
