"""Training a landmark network without annotations."""

from warpmarks.training.health import Health, diagnose
from warpmarks.training.loop import Evaluation
from warpmarks.training.start import TrainingResult, train

__all__ = ["Evaluation", "Health", "TrainingResult", "diagnose", "train"]
