"""A detector as files that can be sent to machines where its run is not."""

import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from warpmarks.datasets.results import RUN
from warpmarks.detectors.exported import ExportedDetector, is_exported
from warpmarks.detectors.point_detector import PointDetector
from warpmarks.errors import InputError
from warpmarks.points import numbered_names
from warpmarks.regression.storage import RECORD, WEIGHTS, load_regressor, regressor_path
from warpmarks.runs.folder import RunFolder

if TYPE_CHECKING:
    from warpmarks.detectors.detector import Detector

FleetDetector: TypeAlias = "Detector | ExportedDetector | PointDetector"

_EXPORTED, _REGRESSOR = "run.onnx", "regressor"


def files_of(run: Path, regressor: str | None) -> dict[str, bytes]:
    """The files that the detector of a run, of an exported one, or of a regressor is made from.

    Raises:
        InputError: there is no such run or regressor, one of its files cannot be read, or a
            regressor was given beside an exported file.
    """
    if is_exported(run):
        _refuse_beside_exported(run, regressor)
        wanted = {_EXPORTED: run}
    else:
        RunFolder(run).record()
        if not (weights := RunFolder(run).weights_path).is_file():
            raise InputError(f"{weights} is missing: the run has not come to its first checkpoint")
        wanted = {name: run / name for name in (RUN, "weights.safetensors")}
        if regressor is not None:
            folder = regressor_path(regressor, run)
            load_regressor(folder)
            wanted |= {f"{_REGRESSOR}/{name}": folder / name for name in (RECORD, WEIGHTS)}
    try:
        return {name: path.read_bytes() for name, path in wanted.items()}
    except OSError as error:
        raise InputError(f"{error.filename} cannot be read ({error.strerror})") from error


def digest_of(files: Mapping[str, bytes]) -> str:
    """Hash of ``files_of``."""
    whole = hashlib.blake2b(digest_size=16)
    for name, content in sorted(files.items()):
        whole.update(f"{name} {len(content)}\n".encode() + content)
    return whole.hexdigest()


def load(
    run: Path, regressor: str | Path | None, *, device: str = "cpu", threads: int | None = None
) -> FleetDetector:
    """The detector of a run folder or of an exported file, with ``threads`` of the CPU.

    With a regressor, which an exported file has in itself, it is one of points. Torch is imported
    for a run only.

    Raises:
        InputError: there is none, it is damaged, it cannot use the device, or a regressor was given
            beside an exported file.
    """
    if is_exported(run):
        _refuse_beside_exported(run, regressor)
        exported = ExportedDetector.load(run, device=device, threads=threads)
        if exported.regressor is None:
            return exported
        return PointDetector(exported, exported.regressor)

    import torch

    from warpmarks.detectors.detector import Detector

    if threads is not None:
        torch.set_num_threads(threads)
    if regressor is not None:
        return PointDetector.load(run, regressor, device=device)
    return Detector.load(run, device=device)


def _refuse_beside_exported(run: Path, regressor: str | Path | None) -> None:
    if regressor is not None:
        raise InputError(
            f"--regressor {regressor} was given, but {run} is an exported file: leave it out, "
            "or put it in with `warpmarks export --regressor`"
        )


def load_carried(
    files: Mapping[str, bytes], *, device: str = "cpu", threads: int | None = None
) -> FleetDetector:
    """The detector of ``files_of``."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for within, content in files.items():
            (folder / within).parent.mkdir(exist_ok=True)
            (folder / within).write_bytes(content)
        if _EXPORTED in files:
            return load(folder / _EXPORTED, None, device=device, threads=threads)
        has_regressor = (folder / _REGRESSOR).is_dir()
        regressor = folder / _REGRESSOR if has_regressor else None
        return load(folder, regressor, device=device, threads=threads)


def names_of(detector: FleetDetector) -> tuple[str, ...]:
    """Of the regressor's points, or 1 to K of landmarks."""
    if isinstance(detector, PointDetector):
        return detector.names
    return numbered_names(detector.num_landmarks)
