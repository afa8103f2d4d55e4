"""The detector that RUN means: a run's, or an exported file's, for which torch is not imported."""

from pathlib import Path
from typing import TYPE_CHECKING

from warpmarks.cli.options import Device
from warpmarks.errors import InputError

if TYPE_CHECKING:
    from warpmarks.detectors.loading import AnyDetector


def load_detector(
    run: Path, regressor: str | None, device: Device, threads: int | None, copies: int | None
) -> "AnyDetector":
    """The detector of a run folder or of a file that ``warpmarks export`` wrote.

    With a regressor, which an exported file has in itself, it is one of points.

    Raises:
        InputError: there is none, it cannot be used, or a GPU was asked for and there is none.
    """
    from warpmarks.detectors import loading
    from warpmarks.detectors.exported import is_exported

    if is_exported(run):
        return loading.load_detector(
            run, regressor, device=device.value, threads=threads, copies=copies
        )
    if run.is_file():
        of_torch = "; a .pt2 file is for torch.export.load" if run.suffix.lower() == ".pt2" else ""
        raise InputError(
            f"{run} is a file: expected the folder of a run, or an .onnx file{of_torch}"
        )

    from warpmarks.cli.devices import prepare

    return loading.load_detector(
        run, regressor, device=str(prepare(device, threads)), copies=copies
    )
