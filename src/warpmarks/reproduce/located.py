"""The landmarks of annotated images, found once: many cells and several experiments ask for them.

OUTPUT/landmarks/RUN-HASH.safetensors   landmarks, scores, sizes

The hash is of the detector and of each image's path, size in bytes and time of change.
"""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from warpmarks.datasets.annotated import AnnotatedSet
from warpmarks.datasets.file_marks import size_and_time
from warpmarks.datasets.image_set import ImageSet
from warpmarks.detectors.detector import Detector
from warpmarks.evaluation.locating import locate_annotated
from warpmarks.regression.examples import Examples
from warpmarks.system.files import atomic_path
from warpmarks.system.progress import Progress

ARRAYS = ("landmarks", "scores", "sizes")


def locate_once(
    folder: Path, run: str, detector: Detector, annotated: AnnotatedSet, progress: Progress
) -> Examples:
    """As `locate_annotated`, or what that has found before for the same detector and images.

    Args:
        folder: that keeps it; it must exist.
        run: name of the detector's run.
        detector: to find them.
        annotated: the images, with their annotations as they are now.
        progress: is told of detecting.

    Raises:
        InputError: see `locate_annotated`, or it cannot be kept.
    """
    path = folder / f"{run}-{_digest(detector, annotated.images)}.safetensors"
    arrays = _read(path, len(annotated.images.names))
    if arrays is None:
        found = locate_annotated(detector, annotated, progress=progress)
        with atomic_path(path) as temporary:
            save_file(
                {name: np.ascontiguousarray(getattr(found, name)) for name in ARRAYS}, temporary
            )
        # Published protocols fit on every image, and what is read again knows no pictures.
        return replace(found, pictures=())
    return Examples(
        annotated.images.names,
        arrays["landmarks"],
        arrays["scores"],
        annotated.points,
        arrays["sizes"],
        lines=annotated.lines,
        accepted=annotated.accepted,
    )


def _digest(detector: Detector, images: ImageSet) -> str:
    """Hash of what finds landmarks and of the files that it finds them on."""
    whole = hashlib.blake2b(detector.digest.encode(), digest_size=8)
    for path in replace(images, root=images.root.resolve()).paths():
        state = size_and_time(path, missing="missing")  # whoever reads it will tell
        whole.update(f"\0{path}\0{state}".encode(errors="surrogateescape"))
    return whole.hexdigest()


def _read(path: Path, count: int) -> dict[str, np.ndarray] | None:
    try:
        arrays = load_file(path)
    except (OSError, ValueError, SafetensorError):
        return None
    whole = set(arrays) == set(ARRAYS) and all(len(array) == count for array in arrays.values())
    return arrays if whole else None
