"""What a score says: is a point with a low one hidden, or found badly?

    python benchmarks/visibility.py RUN HEADS NAME [--split SPLIT] [--json FILE]

HEADS is a folder of the synthetic category (`warpmarks demo` renders one), of which visibility.csv
tells for each point whether it is seen; NAME is a regressor from the run's landmarks to its points
(`warpmarks fit RUN HEADS --split train --output NAME`). Hidden points are exact all the same, so
that errors are known of them too. *AUC* is the chance that a point of the one kind has a lower
score than one of the other: 0.5 says nothing, 1 all. *By quarters* are the mean errors of points
from the lowest scores to the highest, each point kind (an eye, an ear) ranked by itself.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from warpmarks.cli.ending import run_script
from warpmarks.datasets.image_set import find_images
from warpmarks.datasets.layout import read_landmarks
from warpmarks.datasets.synthetic import EYES, read_visibility
from warpmarks.detectors.point_detector import PointDetector
from warpmarks.errors import InputError
from warpmarks.metrics.by_score import errors_by_score
from warpmarks.system.files import write_json

BAD = 0.2
"""A point further off than this share of the eyes' distance is found badly."""


def main(arguments: list[str]) -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("heads", type=Path)
    parser.add_argument("regressor")
    parser.add_argument("--split", default="val", help="that is scored")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    options = parser.parse_args(arguments)

    if not (options.heads / "visibility.csv").is_file():
        raise InputError(
            f"{options.heads} has no visibility.csv: expected a folder of the synthetic category, "
            "as warpmarks demo renders one"
        )
    images = find_images(options.heads, split=options.split)
    detector = PointDetector.load(options.run, options.regressor)
    found = {
        one.name: one.detection
        for one in detector.detect_images(images)
        if one.detection is not None
    }
    points = [one.landmarks for one in found.values()]
    errors, visible = measured(options.heads, tuple(found), points)
    scores = np.stack([one.scores for one in found.values()])
    figures = {
        "images": len(found),
        "points": errors.size,
        "hidden_percent": percent((~visible).mean()),
        "error_percent": {
            "visible": percent(errors[visible].mean()),
            "hidden": percent(errors[~visible].mean()),
        },
        "auc": {
            "hidden": by_point(scores, ~visible),
            "badly_found": by_point(scores, errors > BAD),
            "badly_found_and_visible": by_point(scores, errors > BAD, among=visible),
        },
        "error_percent_by_quarters": [percent(v) for v in errors_by_score(errors, scores)],
        "hidden_percent_by_quarters": [
            percent(v) for v in errors_by_score((~visible).astype(float), scores)
        ],
    }
    print(json.dumps(figures, indent=2))
    if options.json:
        write_json(options.json, figures)


def measured(
    heads: Path, names: tuple[str, ...], points: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Errors of points (images, N) in shares of the eyes' distance, and which are visible."""
    table = read_landmarks(heads / "landmarks.csv")
    rows = {name: row for row, name in enumerate(table.images)}
    truth = table.points[[rows[name] for name in names]]
    seen = read_visibility(heads)
    eyes = np.linalg.norm(truth[:, EYES[0]] - truth[:, EYES[1]], axis=-1)
    errors = np.linalg.norm(np.stack(points) - truth, axis=-1) / eyes[:, None]
    return errors, np.array([seen[name] for name in names])


def by_point(
    scores: np.ndarray, lower: np.ndarray, among: np.ndarray | None = None
) -> float | None:
    """AUC, its mean over the points that are of both kinds somewhere."""
    areas = []
    for point in range(scores.shape[1]):
        counted = slice(None) if among is None else among[:, point]
        kinds = lower[counted, point]
        if 0 < kinds.sum() < len(kinds):
            areas.append(roc_auc_score(kinds, -scores[counted, point]))
    return round(float(np.mean(areas)), 3) if areas else None


def percent(share: float) -> float:
    """A share in %, to two digits."""
    return round(100 * float(share), 2)


if __name__ == "__main__":
    sys.exit(run_script(main))
