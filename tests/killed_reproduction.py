"""Carries out an experiment in a process of its own, which a test kills: set, output."""

import sys
import warnings
from pathlib import Path

from blob_experiment import run

TRAINING = [""]


def step(_number, _count, doing) -> None:
    TRAINING[0] = doing.name


def tell(evaluation) -> None:
    sys.stdout.write(f"{TRAINING[0]}: {evaluation.step}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    blobs, output = sys.argv[1:]
    run(Path(blobs), Path(output), on_step=step, on_evaluation=tell, checkpoint_seconds=0)
