"""Trains in a process of its own, which a test interrupts: images, run, steps, devices."""

import signal
import sys
import warnings
from pathlib import Path

from tiny_runs import train_tiny
from warpmarks.training import Evaluation


def tell(evaluation: Evaluation) -> None:
    sys.stdout.write(f"step {evaluation.step}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    warnings.filterwarnings("ignore")
    images, run, steps, devices = sys.argv[1:]
    try:
        train_tiny(
            Path(images),
            Path(run),
            steps=int(steps),
            devices=int(devices),
            checkpoint_seconds=0.01,
            on_evaluation=tell,
        )
    except KeyboardInterrupt:
        sys.exit(130)
