"""The detector that RUN means: a run's, or an exported file's, for which torch is not imported."""

from pathlib import Path
from typing import TYPE_CHECKING

from warpmarks.cli.options import Device

if TYPE_CHECKING:
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
