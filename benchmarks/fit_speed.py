"""How long a fit takes: many images, and the few that an interactive page fits after every click.

    python benchmarks/fit_speed.py

Processor time of this thread in seconds, the middle of five runs, on made-up landmarks and points.
Set OMP_NUM_THREADS=1 to time one thread.
"""

import argparse
import sys
import time

import numpy as np

from warpmarks.cli.ending import run_script
from warpmarks.points import PointScheme, numbered_names, parse_normaliser
from warpmarks.regression.examples import Examples
from warpmarks.regression.fitting import fit_regressor

SIZES = ((20_000, 30, 5, "auto"), (5, 30, 5, "auto"), (5, 50, 68, "auto"), (100, 50, 68, "auto"))
"""Images, landmarks, points, method."""


def main(arguments: list[str]) -> None:
    """Print a line for each size."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.parse_args(arguments)
    for images, landmarks, points, method in SIZES:
        examples = made(images, landmarks, points)
        names = numbered_names(points)
        scheme = PointScheme(names, parse_normaliser("1:2", names, source="benchmark"))
        timings = []
        for _ in range(5):
            began, by_the_clock = time.process_time(), time.perf_counter()
            fit_regressor(examples, scheme, method=method)
            timings.append((time.process_time() - began, time.perf_counter() - by_the_clock))
        middle, clock = sorted(timings)[2]
        print(
            f"{images:6,} images, {landmarks} landmarks, {points} points, {method}: "
            f"{middle:.4f} s ({clock:.4f} s by the clock)"
        )


def made(images: int, landmarks: int, points: int) -> Examples:
    """Landmarks on a shape that moves and bends, and points between them, with noise."""
    generator = np.random.default_rng(0)
    shape = generator.uniform(20, 100, (landmarks, 2))
    mix = generator.dirichlet(np.ones(landmarks), points)
    found = (
        shape
        + generator.normal(0, 5, (images, 1, 2))
        + generator.normal(0, 3, (images, landmarks, 2))
    )
    annotated = np.einsum("pk,nkc->npc", mix, found)
    return Examples(
        tuple(str(index) for index in range(images)),
        found,
        np.ones((images, landmarks)),
        annotated + generator.normal(0, 1, annotated.shape),
        np.full((images, 2), 128.0),
    )


if __name__ == "__main__":
    sys.exit(run_script(main))
