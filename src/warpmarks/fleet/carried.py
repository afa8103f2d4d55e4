"""A detector as files that can be sent to machines where its run is not."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from warpmarks.detector import Detector
from warpmarks.errors import InputError
from warpmarks.point_detector import PointDetector
from warpmarks.regression.storage import RECORD, WEIGHTS, regressor_path

FleetDetector: TypeAlias = Detector | PointDetector

_REGRESSOR = "regressor"


def files_of(run: Path, regressor: str | None) -> dict[str, bytes]:
    """The files that a detector, or one with a regressor, is made from.

    Raises:
        InputError: one of them cannot be read.
    """
    wanted = {name: run / name for name in ("run.json", "weights.safetensors")}
    if regressor is not None:
        folder = regressor_path(regressor, run)
        wanted |= {f"{_REGRESSOR}/{name}": folder / name for name in (RECORD, WEIGHTS)}
    try:
        return {name: path.read_bytes() for name, path in wanted.items()}
    except OSError as error:
        raise InputError(f"{error.filename} cannot be read ({error.strerror})") from error


def load_detector(run: str | Path, regressor: str | Path | None, device: str) -> FleetDetector:
    """The detector of a run, or of a run with a regressor.

    Raises:
        InputError: there is none, or it is damaged.
    """
    if regressor is None:
        return Detector.load(run, device=device)
    return PointDetector.load(run, regressor, device=device)


def load_carried(files: Mapping[str, bytes], device: str) -> FleetDetector:
    """The detector of ``files_of``."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for within, content in files.items():
            (folder / within).parent.mkdir(exist_ok=True)
            (folder / within).write_bytes(content)
        has_regressor = (folder / _REGRESSOR).is_dir()
        return load_detector(folder, folder / _REGRESSOR if has_regressor else None, device)


def names_of(detector: FleetDetector) -> tuple[str, ...]:
    """Of the regressor's points, or 1 to K of landmarks."""
    if isinstance(detector, PointDetector):
        return detector.names
    return tuple(str(number + 1) for number in range(detector.num_landmarks))
