"""The detector of a run or of an exported file, of landmarks or of points."""

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from warpmarks.detectors.exported import ExportedDetector, is_exported
from warpmarks.detectors.point_detector import PointDetector
from warpmarks.errors import InputError
from warpmarks.points import numbered_names

if TYPE_CHECKING:
    from warpmarks.detectors.detector import Detector

AnyDetector: TypeAlias = "Detector | ExportedDetector | PointDetector"


def load_detector(
    run: Path,
    regressor: str | Path | None,
    *,
    device: str = "cpu",
    threads: int | None = None,
    copies: int | None = None,
) -> AnyDetector:
    """The detector of a run folder or of an exported file, with ``threads`` of the CPU.

    With ``copies`` in place of the run's, see `warpmarks.detectors.detector.Detector.load`.

    With a regressor, which an exported file has in itself, it is one of points. Torch is imported
    for a run only.

    Raises:
        InputError: there is none, it is damaged, it cannot use the device, or a regressor or copies
            were given beside an exported file.
    """
    if is_exported(run):
        refuse_beside_exported(run, regressor, copies)
        exported = ExportedDetector.load(run, device=device, threads=threads)
        if exported.regressor is None:
            return exported
        return PointDetector(exported, exported.regressor)

    import torch

    from warpmarks.detectors.detector import Detector

    if threads is not None:
        torch.set_num_threads(threads)
    if regressor is not None:
        return PointDetector.load(run, regressor, device=device, copies=copies)
    return Detector.load(run, device=device, copies=copies)


def refuse_beside_exported(run: Path, regressor: str | Path | None, copies: int | None) -> None:
    """Raise where a regressor or copies are named beside an exported file, which has its own.

    Raises:
        InputError: see above.
    """
    if regressor is not None:
        raise InputError(
            f"--regressor {regressor} was given, but {run} is an exported file: leave it out, "
            "or put it in with `warpmarks export --regressor`"
        )
    if copies is not None:
        raise InputError(
            f"--copies {copies} was given, but {run} is an exported file, which has its own: leave "
            "it out, or export the run anew with `warpmarks export --copies`"
        )


def names_of(detector: AnyDetector) -> tuple[str, ...]:
    """Of the regressor's points, or 1 to K of landmarks."""
    if isinstance(detector, PointDetector):
        return detector.names
    return numbered_names(detector.num_landmarks)
