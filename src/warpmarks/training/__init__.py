"""Training a landmark network, without annotations or on them."""

from warpmarks.training.conduct import Conduct
from warpmarks.training.health import Health, diagnose
from warpmarks.training.start import TrainingResult
from warpmarks.training.supervised import supervise
from warpmarks.training.supervised_task import PointMeasures
from warpmarks.training.task import Evaluation
from warpmarks.training.unsupervised import finetune, finetuning_config, train
from warpmarks.training.unsupervised_task import PairMeasures

__all__ = [
    "Conduct",
    "Evaluation",
    "Health",
    "PairMeasures",
    "PointMeasures",
    "TrainingResult",
    "diagnose",
    "finetune",
    "finetuning_config",
    "supervise",
    "train",
]
