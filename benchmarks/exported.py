"""What exported files cost in accuracy and gain in speed.

    python benchmarks/exported.py RUN SET FILE... [--normaliser 1:2]

The map to the annotated points is fitted on the run's own landmarks of 1,000 images of the split
train; run and files are scored with it on 600 of the split val. Speed is the processor time of one
thread for the search in pictures of the run's size, decoding left out, the best of several batches:
other programs' work counts little.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch

from warpmarks.cli.ending import run_script
from warpmarks.datasets.annotated import read_annotated
from warpmarks.datasets.reading import read_picture
from warpmarks.detectors.base import ImageDetector
from warpmarks.detectors.detector import Detector
from warpmarks.detectors.exported import ExportedDetector
from warpmarks.evaluation.locating import locate_annotated
from warpmarks.metrics.errors import mean_error, point_distances, relative_errors
from warpmarks.regression.fitting import fit_regressor
from warpmarks.system.memory import keep_freed_memory

BATCH, REPEATS, FITTED, SCORED = 32, 12, 1000, 600


def seconds_per_image(detector: ImageDetector, pictures: np.ndarray) -> float:
    """Of processor time, the best of REPEATS batches."""
    detector.search(pictures)
    spent = []
    for _ in range(REPEATS):
        start = time.process_time()
        detector.search(pictures)
        spent.append(time.process_time() - start)
    return min(spent) / len(pictures)


def main(arguments: list[str]) -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run")
    parser.add_argument("set")
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--normaliser", help="that errors are in %% of, in place of the set's")
    options = parser.parse_args(arguments)
    run, files = options.run, options.files
    torch.set_num_threads(1)
    keep_freed_memory()
    detector = Detector.load(run, device="cpu")
    exported = {name: ExportedDetector.load(name, device="cpu", threads=1) for name in files}
    training, scored = (
        read_annotated(options.set, split=split, normaliser=options.normaliser)
        for split in ("train", "val")
    )
    training = training.draw(min(FITTED, len(training.images.names)), 0)
    scored = scored.draw(min(SCORED, len(scored.images.names)), 0)
    fitted = fit_regressor(locate_annotated(detector, training), training.scheme).regressor
    lengths = training.scheme.normaliser.lengths
    height, width = detector.record.picture_height, detector.record.picture_width
    pictures = np.stack(
        [
            read_picture(path, height, width, detector.record.config.image.fit)[0]
            for path in scored.images.paths()[:BATCH]
        ]
    )
    reference = None
    print(f"{'':<28}{'error %':>9}{'moved px':>10}{'most':>8}{'ms/image':>10}{'MiB':>7}")
    for name in (run, *files):
        each: ImageDetector = exported.get(name, detector)
        found = locate_annotated(each, scored)
        reference = found.landmarks if reference is None else reference
        distances = point_distances(fitted.predict(found.landmarks, found.sizes), scored.points)
        errors = relative_errors(distances, lengths(scored.points, found.sizes))
        moved = np.linalg.norm(found.landmarks - reference, axis=-1)
        size = Path(name).stat().st_size / 2**20 if name != run else 0
        print(
            f"{name:<28}{100 * mean_error(errors):9.3f}{moved.mean():10.4f}{moved.max():8.2f}"
            f"{1000 * seconds_per_image(each, pictures):10.3f}{size:7.2f}"
        )


if __name__ == "__main__":
    sys.exit(run_script(main))
