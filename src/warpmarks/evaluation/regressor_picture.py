"""The picture of a regressor: arrows on the average of the labelled images."""

from pathlib import Path

import numpy as np
import torch

from warpmarks.coordinates import to_normalised, to_pixels
from warpmarks.datasets.image_set import ImageSet
from warpmarks.datasets.placement import place
from warpmarks.datasets.reading import read_picture
from warpmarks.detectors.detector import Detector
from warpmarks.evaluation.average_image import average_image
from warpmarks.plots.regressor import draw_regressor
from warpmarks.plots.saving import save_figure
from warpmarks.regression.examples import Examples
from warpmarks.regression.regressor import Regressor
from warpmarks.spreading import spread_evenly
from warpmarks.warps.sampling import picture_to_view, view_to_picture

NAME = "regressor.png"
AVERAGED = 64
DISPLAY_SIDE = 240
"""Pixels of the average's shorter side."""


def draw_regressor_picture(
    folder: Path, regressor: Regressor, detector: Detector, examples: Examples, images: ImageSet
) -> None:
    """Draw regressor.png into a folder.

    Args:
        folder: must exist.
        regressor: of the detector.
        detector: whose landmarks these are.
        examples: some of the images with their landmarks.
        images: where the files of these images are.
    """
    record = detector.record
    view = (record.view_height, record.view_width)
    picture = (record.picture_height, record.picture_width)
    margin, way = record.config.image.margin, record.config.image.fit
    enlarged = max(1.0, DISPLAY_SIDE / min(view))
    large_picture = (round(picture[0] * enlarged), round(picture[1] * enlarged))
    large_view = (round(view[0] * enlarged), round(view[1] * enlarged))
    shown = spread_evenly(len(examples), AVERAGED)
    pictures, landmarks = [], []
    for row in shown:
        seen, size = read_picture(images.root / examples.names[row], *large_picture, way)
        pictures.append(seen)
        in_picture = place(size, picture, way).to_picture(examples.landmarks[row])
        landmarks.append(picture_to_view(torch.from_numpy(in_picture), margin).numpy())
    average = average_image(
        torch.from_numpy(np.stack(pictures)),
        np.stack(landmarks),
        examples.scores[shown],
        size=large_view,
        margin=margin,
    )
    # The regressor speaks of pixels of an original: one of middling shape stands for all.
    aspects = examples.sizes[:, 0] / examples.sizes[:, 1]
    width, height = examples.sizes[np.argsort(aspects)[len(aspects) // 2]]
    placement = place((int(height), int(width)), picture, way)
    in_view = to_normalised(torch.from_numpy(average.shape), *large_view)
    in_original = placement.to_original(view_to_picture(in_view, margin).numpy())
    points = regressor.predict(in_original[None], np.array([[width, height]]))[0]
    points_in_view = picture_to_view(torch.from_numpy(placement.to_picture(points)), margin)
    figure = draw_regressor(
        average.aligned,
        average.shape,
        to_pixels(points_in_view, *large_view).numpy(),
        regressor.influences(),
        regressor.scheme.names,
    )
    save_figure(figure, folder / NAME)
