"""Annotated images so small that a test can train on them, in memory and in a folder."""

import csv
from pathlib import Path

import numpy as np
from PIL import Image

from warpmarks.configuration import TrainingConfig
from warpmarks.coordinates import to_pixels
from warpmarks.points import Normaliser, PointScheme
from warpmarks.runs.geometry import Geometry, plan_geometry
from warpmarks.training.annotated_batches import AnnotatedPictures

SIZES = np.array([[60, 120], [90, 100], [80, 81]])
"""(height, width) of the originals."""


def config(**changes) -> TrainingConfig:
    values = {"num_landmarks": 2, "batch_size": 4, "image": {"size": 96}}
    return TrainingConfig.model_validate(values | changes)


def geometry() -> Geometry:
    return plan_geometry(config().image, 1.5)


def annotated(fit: str = "stretch") -> AnnotatedPictures:
    """A red blob around the first point of each image; the second point of image 1 is not known."""
    height, width = geometry().picture
    points = np.array(
        [[[50.0, 33.0], [80.0, 20.0]], [[45.0, 51.0], [np.nan] * 2], [[38.0, 35.0]] * 2]
    )
    scheme = PointScheme(("a", "b"), Normaliser("points", "1:2", (0,), (1,)))
    made = AnnotatedPictures(np.zeros((3, height, width, 3), np.uint8), points, SIZES, scheme)
    in_pictures = to_pixels(made.in_view(fit, 0.0)[:, 0], height, width).numpy()
    y, x = np.mgrid[0:height, 0:width]
    for picture, (px, py) in zip(made.pictures, in_pictures, strict=True):
        near = np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * 1.5**2))
        picture[..., 0] = np.round(255 * near)
    return made


COUNT = 8
FOLDER_SIZES = ((36, 52), (44, 60))
"""(height, width) of the images, in turn."""


def make_annotated_set(root: Path) -> Path:
    """A red and a green blob on grey, on images of two sizes, each blob's middle annotated.

    The green blob of image 03 is not annotated.
    """
    (root / "images").mkdir(parents=True)
    generator = np.random.default_rng(1)
    rows = [["image", "x1", "y1", "x2", "y2"]]
    for index in range(COUNT):
        height, width = FOLDER_SIZES[index % 2]
        y, x = np.mgrid[0:height, 0:width]
        pixels = np.full((height, width, 3), 90.0)
        row = [f"{index:02}.png"]
        for channel, (low, high) in enumerate([(0.25, 0.5), (0.5, 0.75)]):
            centre = generator.uniform((low * width, 0.3 * height), (high * width, 0.7 * height))
            near = np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / 24)
            pixels[..., channel] += 160 * near
            row += [f"{centre[0]:.2f}", f"{centre[1]:.2f}"]
        if index == 3:
            row[3:] = ["", ""]
        rows.append(row)
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(root / "images" / row[0])
    with (root / "landmarks.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return root
