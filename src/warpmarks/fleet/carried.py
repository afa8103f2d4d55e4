"""A detector as files that can be sent to machines where its run is not."""

import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path

from warpmarks.datasets.results import RUN
from warpmarks.detectors.exported import is_exported
from warpmarks.detectors.loading import AnyDetector, load_detector, refuse_beside_exported
from warpmarks.errors import InputError
from warpmarks.regression.storage import RECORD, WEIGHTS, load_regressor, regressor_path
from warpmarks.runs.folder import RunFolder
from warpmarks.runs.record import with_copies
from warpmarks.system.memory import keep_freed_memory

_EXPORTED, _REGRESSOR = "run.onnx", "regressor"


def files_of(run: Path, regressor: str | None, copies: int | None = None) -> dict[str, bytes]:
    """The files that the detector of a run, of an exported one, or of a regressor is made from.

    With ``copies`` in place of the run's, see `warpmarks.detectors.detector.Detector.load`.

    Raises:
        InputError: there is no such run or regressor, one of its files cannot be read, no run can
            have as many copies, or a regressor or copies were given beside an exported file.
    """
    record = None
    if is_exported(run):
        refuse_beside_exported(run, regressor, copies)
        wanted = {_EXPORTED: run}
    else:
        record = RunFolder(run).record()
        if not (weights := RunFolder(run).weights_path).is_file():
            raise InputError(f"{weights} is missing: the run has not come to its first checkpoint")
        wanted = {name: run / name for name in (RUN, "weights.safetensors")}
        if regressor is not None:
            folder = regressor_path(regressor, run)
            load_regressor(folder)
            wanted |= {f"{_REGRESSOR}/{name}": folder / name for name in (RECORD, WEIGHTS)}
    try:
        files = {name: path.read_bytes() for name, path in wanted.items()}
    except OSError as error:
        raise InputError(f"{error.filename} cannot be read ({error.strerror})") from error
    if record is not None and copies is not None and copies != record.config.copies:
        files[RUN] = with_copies(record, copies).model_dump_json().encode()
    return files


def digest_of(files: Mapping[str, bytes]) -> str:
    """Hash of ``files_of``."""
    whole = hashlib.blake2b(digest_size=16)
    for name, content in sorted(files.items()):
        whole.update(f"{name} {len(content)}\n".encode() + content)
    return whole.hexdigest()


def load_carried(
    files: Mapping[str, bytes], *, device: str = "cpu", threads: int | None = None
) -> AnyDetector:
    """The detector of ``files_of``, in a process that from then on keeps freed memory."""
    keep_freed_memory()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for within, content in files.items():
            (folder / within).parent.mkdir(exist_ok=True)
            (folder / within).write_bytes(content)
        if _EXPORTED in files:
            return load_detector(folder / _EXPORTED, None, device=device, threads=threads)
        has_regressor = (folder / _REGRESSOR).is_dir()
        regressor = folder / _REGRESSOR if has_regressor else None
        return load_detector(folder, regressor, device=device, threads=threads)
