"""The detector that RUN means: a run's, or an exported file's, for which torch is not imported."""

from pathlib import Path
from typing import TYPE_CHECKING

from warpmarks.cli.options import Device
from warpmarks.errors import InputError

if TYPE_CHECKING:
    from warpmarks.detector import Detector
    from warpmarks.exported import ExportedDetector
    from warpmarks.point_detector import PointDetector


def load_detector(
    run: Path, regressor: str | None, device: Device, threads: int | None
) -> "Detector | ExportedDetector | PointDetector":
    """The detector of a run folder or of a file that ``warpmarks export`` wrote.

    With a regressor, which an exported file has in itself, it is one of points.

    Raises:
        InputError: there is none, it cannot be used, or a GPU was asked for and there is none.
    """
    from warpmarks.exported import ExportedDetector, is_exported
    from warpmarks.point_detector import PointDetector

    if is_exported(run):
        if regressor is not None:
            raise InputError(
                f"--regressor {regressor} was given, but {run} is an exported file: leave it out, "
                "or fold it in with `warpmarks export --regressor`"
            )
        exported = ExportedDetector.load(run, device=device.value, threads=threads)
        if exported.regressor is None:
            return exported
        return PointDetector(exported, exported.regressor)

    from warpmarks.cli.devices import prepare

    where = prepare(device, threads)
    if regressor is not None:
        return PointDetector.load(run, regressor, device=where)

    from warpmarks.detector import Detector

    return Detector.load(run, device=where)
