"""Learn object landmarks from a folder of pictures, without annotations.

The names below are the public interface. Each is imported when it is first asked for, so that
``import warpmarks`` costs nothing and the command line starts at once.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warpmarks.configuration import TrainingConfig
    from warpmarks.datasets.annotated import AnnotatedSet, read_annotated
    from warpmarks.datasets.image_set import ImageSet, find_images
    from warpmarks.datasets.reading import UnreadableImage
    from warpmarks.detectors.base import ImageDetector, NamedDetection
    from warpmarks.detectors.detector import Detection, Detector
    from warpmarks.detectors.exported import ExportedDetector
    from warpmarks.detectors.point_detector import PointDetector
    from warpmarks.errors import InputError
    from warpmarks.evaluation.fit_on_images import fit_on_images
    from warpmarks.evaluation.locating import locate_annotated
    from warpmarks.points import Normaliser, PointScheme
    from warpmarks.recipe_reading import load_recipe
    from warpmarks.regression.examples import Examples
    from warpmarks.regression.fitting import Fit, fit_regressor
    from warpmarks.regression.regressor import Regressor
    from warpmarks.regression.storage import load_regressor, save_regressor
    from warpmarks.report.run_report import report_run
    from warpmarks.runs.record import RunRecord
    from warpmarks.system.memory import keep_freed_memory
    from warpmarks.system.progress import Progress
    from warpmarks.training import (
        Conduct,
        Evaluation,
        PairMeasures,
        PointMeasures,
        TrainingResult,
        finetune,
        supervise,
        train,
    )
    from warpmarks.video.choosing import FrameChoice
    from warpmarks.video.detecting import FramePoints, detect_video
    from warpmarks.video.extracting import find_frames
    from warpmarks.video.reading import Video

    __version__: str

__all__ = [
    "AnnotatedSet",
    "Conduct",
    "Detection",
    "Detector",
    "Evaluation",
    "Examples",
    "ExportedDetector",
    "Fit",
    "FrameChoice",
    "FramePoints",
    "ImageDetector",
    "ImageSet",
    "InputError",
    "NamedDetection",
    "Normaliser",
    "PairMeasures",
    "PointDetector",
    "PointMeasures",
    "PointScheme",
    "Progress",
    "Regressor",
    "RunRecord",
    "TrainingConfig",
    "TrainingResult",
    "UnreadableImage",
    "Video",
    "__version__",
    "detect_video",
    "find_frames",
    "find_images",
    "finetune",
    "fit_on_images",
    "fit_regressor",
    "keep_freed_memory",
    "load_recipe",
    "load_regressor",
    "locate_annotated",
    "read_annotated",
    "report_run",
    "save_regressor",
    "supervise",
    "train",
]

_HOME_OF = {
    "AnnotatedSet": "warpmarks.datasets.annotated",
    "Conduct": "warpmarks.training",
    "Detection": "warpmarks.detectors.detector",
    "Detector": "warpmarks.detectors.detector",
    "Evaluation": "warpmarks.training",
    "Examples": "warpmarks.regression.examples",
    "ExportedDetector": "warpmarks.detectors.exported",
    "Fit": "warpmarks.regression.fitting",
    "FrameChoice": "warpmarks.video.choosing",
    "FramePoints": "warpmarks.video.detecting",
    "ImageDetector": "warpmarks.detectors.base",
    "ImageSet": "warpmarks.datasets.image_set",
    "InputError": "warpmarks.errors",
    "NamedDetection": "warpmarks.detectors.base",
    "Normaliser": "warpmarks.points",
    "PairMeasures": "warpmarks.training",
    "PointDetector": "warpmarks.detectors.point_detector",
    "PointMeasures": "warpmarks.training",
    "PointScheme": "warpmarks.points",
    "Progress": "warpmarks.system.progress",
    "Regressor": "warpmarks.regression.regressor",
    "RunRecord": "warpmarks.runs.record",
    "TrainingConfig": "warpmarks.configuration",
    "TrainingResult": "warpmarks.training",
    "UnreadableImage": "warpmarks.datasets.reading",
    "Video": "warpmarks.video.reading",
    "detect_video": "warpmarks.video.detecting",
    "find_frames": "warpmarks.video.extracting",
    "find_images": "warpmarks.datasets.image_set",
    "finetune": "warpmarks.training",
    "fit_on_images": "warpmarks.evaluation.fit_on_images",
    "fit_regressor": "warpmarks.regression.fitting",
    "keep_freed_memory": "warpmarks.system.memory",
    "load_recipe": "warpmarks.recipe_reading",
    "load_regressor": "warpmarks.regression.storage",
    "locate_annotated": "warpmarks.evaluation.locating",
    "read_annotated": "warpmarks.datasets.annotated",
    "report_run": "warpmarks.report.run_report",
    "save_regressor": "warpmarks.regression.storage",
    "supervise": "warpmarks.training",
    "train": "warpmarks.training",
}


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("warpmarks")
    if name in _HOME_OF:
        from importlib import import_module

        return getattr(import_module(_HOME_OF[name]), name)
    raise AttributeError(f"module 'warpmarks' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
