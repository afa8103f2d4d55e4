"""Score a run's landmarks as the paper does: a linear map without bias to annotated points.

    python benchmarks/linear_map.py RUN SET [--points 1 2] [--fit train] [--score val] [--labels N]

The map takes the 2K coordinates of the landmarks to those of the annotations, both about the centre
of the image in halves of its sides (sec. 4.3), and is fitted in closed form in float64 on the
``--fit`` split of a set with ``landmarks.csv`` and ``split.csv``. The error on the ``--score``
split is the mean distance to the annotation over the distance of the two annotated ``--points``
(counted from 1) of the same image, in %. Beside it stands the error of the mean annotated shape.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from warpmarks.datasets.image_set import ImageSet, find_images
from warpmarks.datasets.layout import read_landmarks
from warpmarks.detector import Detector
from warpmarks.errors import InputError


def main(arguments: list[str]) -> None:
    """Print the errors as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("set", type=Path)
    parser.add_argument("--points", type=int, nargs=2, default=(1, 2), help="normaliser, from 1")
    parser.add_argument("--fit", default="train", help="split the map is fitted on")
    parser.add_argument("--score", default="val", help="split that is scored")
    parser.add_argument("--labels", type=int, default=None, help="fit on the first so many images")
    options = parser.parse_args(arguments)

    detector = Detector.load(options.run)
    first, second = (point - 1 for point in options.points)
    landmarks, annotations, _ = located(detector, options.set, options.fit, options.labels)
    solution = fit_linear_map(landmarks, annotations)
    found, truth, half_sizes = located(detector, options.set, options.score, None)
    predicted = (found.reshape(len(found), -1) @ solution).reshape(truth.shape)
    mean_shape = np.broadcast_to(np.nanmean(annotations, axis=0), truth.shape)

    def error_percent(points: np.ndarray) -> float:
        distances = np.linalg.norm((points - truth) * half_sizes, axis=-1)
        eyes = np.linalg.norm((truth[:, first] - truth[:, second]) * half_sizes[:, 0], axis=-1)
        return round(float(100 * np.nanmean(distances / eyes[:, None])), 3)

    result = {
        "error_percent": error_percent(predicted),
        "mean_shape_error_percent": error_percent(mean_shape),
        "num_landmarks": detector.num_landmarks,
        "fitted_on": len(landmarks),
        "scored_on": len(truth),
    }
    print(json.dumps(result))


def fit_linear_map(landmarks: np.ndarray, annotations: np.ndarray) -> np.ndarray:
    """W of y = W x by least squares, each annotated point from the images that show it."""
    features = landmarks.reshape(len(landmarks), -1)
    targets = annotations.reshape(len(annotations), -1)
    columns = []
    for target in targets.T:
        known = np.isfinite(target)
        columns.append(np.linalg.lstsq(features[known], target[known], rcond=None)[0])
    return np.stack(columns, axis=1)


def located(
    detector: Detector, root: Path, split: str, labels: int | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Landmarks and annotations about the images' centres, and half the images' sides."""
    table = read_landmarks(root / "landmarks.csv")
    annotated = dict(zip(table.images, table.points, strict=True))
    images = find_images(root, split=split)
    names = [name for name in images.names if np.isfinite(annotated[name]).any()][:labels]
    if not names:
        raise InputError(f"{root}: no image of split {split} is annotated")
    landmarks, points, half_sizes = [], [], []
    for found in detector.detect_images(ImageSet(images.root, tuple(names))):
        if found.detection is None:
            continue
        half_size = found.detection.size / 2
        landmarks.append((found.detection.landmarks + 0.5) / half_size - 1)
        points.append((annotated[found.name] + 0.5) / half_size - 1)
        half_sizes.append(half_size)
    return np.stack(landmarks), np.stack(points), np.stack(half_sizes)[:, None]


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except InputError as error:
        sys.exit(f"error: {error}")
