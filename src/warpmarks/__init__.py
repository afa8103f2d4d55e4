"""Learn object landmarks from a folder of pictures, without annotations.

The names below are the public interface. Each is imported when it is first asked for, so that
``import warpmarks`` costs nothing and the command line starts at once.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warpmarks.configuration import TrainingConfig
    from warpmarks.datasets.annotated import AnnotatedSet, read_annotated
    from warpmarks.datasets.image_set import ImageSet, find_images
    from warpmarks.detectors.base import NamedDetection
    from warpmarks.detectors.detector import Detection, Detector
    from warpmarks.detectors.exported import ExportedDetector
    from warpmarks.detectors.point_detector import PointDetector
    from warpmarks.errors import InputError
    from warpmarks.evaluation.fit_on_images import fit_on_images
    from warpmarks.evaluation.locating import locate_annotated
    from warpmarks.points import PointScheme
    from warpmarks.recipe_reading import load_recipe
    from warpmarks.regression.examples import Examples
    from warpmarks.regression.fitting import Fit, fit_regressor
    from warpmarks.regression.regressor import Regressor
    from warpmarks.regression.storage import load_regressor, save_regressor
    from warpmarks.report.run_report import report_run
    from warpmarks.system.memory import keep_freed_memory
    from warpmarks.training import TrainingResult, finetune, supervise, train
    from warpmarks.video.detecting import FramePoints, detect_video
    from warpmarks.video.extracting import find_frames

    __version__: str

__all__ = [
    "AnnotatedSet",
    "Detection",
    "Detector",
    "Examples",
    "ExportedDetector",
    "Fit",
    "FramePoints",
    "ImageSet",
    "InputError",
    "NamedDetection",
    "PointDetector",
    "PointScheme",
    "Regressor",
    "TrainingConfig",
    "TrainingResult",
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
    "Detection": "warpmarks.detectors.detector",
    "Detector": "warpmarks.detectors.detector",
    "Examples": "warpmarks.regression.examples",
    "ExportedDetector": "warpmarks.detectors.exported",
    "Fit": "warpmarks.regression.fitting",
    "FramePoints": "warpmarks.video.detecting",
    "ImageSet": "warpmarks.datasets.image_set",
    "InputError": "warpmarks.errors",
    "NamedDetection": "warpmarks.detectors.base",
    "PointDetector": "warpmarks.detectors.point_detector",
    "PointScheme": "warpmarks.points",
    "Regressor": "warpmarks.regression.regressor",
    "TrainingConfig": "warpmarks.configuration",
    "TrainingResult": "warpmarks.training",
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
