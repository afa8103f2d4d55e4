"""Detection: from files, reading alone, the network alone."""

import math
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from warpmarks.benchmark.timing import Yardstick, best_time, best_times, of_convolutions
from warpmarks.configuration import TrainingConfig
from warpmarks.coordinates import pixel_centres
from warpmarks.datasets.image_set import find_images
from warpmarks.datasets.reading import read_picture
from warpmarks.datasets.synthetic import write_image_set
from warpmarks.detectors.detector import Detector
from warpmarks.runs.folder import provenance
from warpmarks.runs.geometry import plan_geometry
from warpmarks.runs.record import ImageSource, RunRecord
from warpmarks.runs.weights import build_network


@dataclass(frozen=True)
class DetectionTiming:
    """Detection at one size, in images a second.

    Attributes:
        size: side of the view in pixels.
        looks: at each image.
        copies: of the object in the last of them.
        from_files: everything in.
        reading: decoding and resizing alone, on one thread.
        network: from pictures to landmarks alone.
        convolution_share: rate of arithmetic of ``network`` over the yardstick's, each the best of
            as many runs, in turn.
    """

    size: int
    looks: int
    copies: int
    from_files: float
    reading: float
    network: float
    convolution_share: float


def time_detection(
    config: TrainingConfig, device: torch.device, seconds: float, yardstick: Yardstick
) -> DetectionTiming:
    """Detection on the synthetic category, with a network whose weights are drawn at random.

    Args:
        config: of the network, its looks and copies.
        device: where to compute.
        seconds: about how long each rate is measured.
        yardstick: timed in turn with the network.
    """
    geometry = plan_geometry(config.image, 1.0)
    created, versions, commit = provenance()
    record = RunRecord(
        config=config,
        recipe="benchmark",
        view_height=geometry.view[0],
        view_width=geometry.view[1],
        picture_height=geometry.picture[0],
        picture_width=geometry.picture[1],
        images=ImageSource(name="synthetic", digest="", count=0, unreadable=0),
        created=created,
        versions=versions,
        git_commit=commit,
    )
    network = build_network(config)
    if config.looks > 1:
        # Any will do for a second look, as long as one is known.
        network.get_buffer("reference").copy_(_lattice(config.num_landmarks))
    detector = Detector(network, record, device=device)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "set"
        write_image_set(root, 128)
        images = find_images(root)
        from_files = best_time(lambda: list(detector.detect_images(images)), device, seconds)
        size = (record.picture_height, record.picture_width)
        some = images.paths()[:32]
        reading = best_time(lambda: [read_picture(path, *size) for path in some], device, 1.0)
    pictures = np.zeros((32, *size, 3), np.uint8)
    # Of the network as it is defined: a detector may compute it with fewer or more.
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        detector.network(torch.zeros(32, 3, *geometry.view, device=device))
    passes = detector.looks - 1 + (config.copies if detector.looks > 1 else 1)
    in_turn = (lambda: detector.search(pictures), yardstick.run)
    alone, beside = best_times(in_turn, device, seconds)
    return DetectionTiming(
        size=config.image.size,
        looks=config.looks,
        copies=config.copies,
        from_files=len(images.names) / from_files,
        reading=len(some) / reading,
        network=len(pictures) / alone,
        convolution_share=passes * of_convolutions(counter) / alone * beside / Yardstick.OPERATIONS,
    )


def _lattice(count: int) -> Float[Tensor, "count 2"]:
    """So many places about the view's middle, none in it."""
    side = math.ceil(math.sqrt(count))
    return 0.8 * pixel_centres(side, side).reshape(-1, 2)[:count] + 0.1
