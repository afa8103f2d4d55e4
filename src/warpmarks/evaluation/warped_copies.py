"""Warped copies of annotated images: how the paper's map learns from few labels (sec. 4.3).

A copy is the image seen through a random thin-plate spline g, as in training; an annotation p of
the image is at g^{-1}(p) of the copy, and the detector finds its landmarks there anew. Both are
given in pixels of the original image, as if the copy were a picture of its size.
"""

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from warpmarks.datasets.annotated import AnnotatedSet
from warpmarks.datasets.placement import Placement, place
from warpmarks.datasets.reading import read_picture
from warpmarks.detectors.detector import Detector
from warpmarks.evaluation.locating import identity_of
from warpmarks.regression.examples import Examples
from warpmarks.runs.geometry import Geometry, warps_of
from warpmarks.system.progress import Progress, SilentProgress, one_by_one
from warpmarks.system.seeding import generator_of
from warpmarks.warps import RandomWarps, ThinPlateSpline
from warpmarks.warps.sampling import picture_to_view, view_to_picture
from warpmarks.warps.views import TOLERANCE

COPIES, TOGETHER = 50, 1000
"""Copies of each image, and of all images together, at most."""

CHUNK = 64
REDRAWS = 10

KnownCopies = dict[tuple[str, bytes, int, int], tuple[np.ndarray, ...]]
"""Copies that were located before, by picture, its annotations, their number and their seed."""


def copies_of_each(images: int) -> int:
    """How many copies of each of so many images a fit takes: many of few, at least one of many."""
    return max(1, min(COPIES, TOGETHER // max(1, images)))


def locate_warped_copies(
    detector: Detector,
    annotated: AnnotatedSet,
    *,
    seed: int,
    copies: int | None = None,
    progress: Progress | None = None,
    known: KnownCopies | None = None,
) -> Examples:
    """Landmarks and annotations of warped copies, each under the name of its image.

    Warps follow from the seed and the picture, whatever other images there are.

    Args:
        detector: finds the landmarks; the warps are those that its training drew.
        annotated: the images.
        seed: of the warps.
        copies: of each image; chosen by the number of images if not given.
        progress: told of the images done.
        known: what calls with this detector have found before; what is found now is added.

    Raises:
        UnreadableImage: an image cannot be read.
    """
    progress = progress or SilentProgress()
    record = detector.record
    size = (record.picture_height, record.picture_width)
    geometry = Geometry(size, (record.view_height, record.view_width))
    warps = warps_of(record.config.warps.first, record.config, geometry)
    margin = record.config.image.margin
    count = copies_of_each(len(annotated.images.names)) if copies is None else copies
    known = {} if known is None else known
    names: list[str] = []
    parts: list[tuple[np.ndarray, ...]] = []
    images = one_by_one(progress, "Warping annotated images", annotated.images.names)
    for name, path, points in zip(images, annotated.images.paths(), annotated.points, strict=True):
        names += [name] * count
        picture, (height, width) = read_picture(path, *size, record.config.image.fit)
        shown = identity_of(picture, height, width)
        key = (shown, points.tobytes(), count, seed)
        if key not in known:
            placement = place((height, width), size, record.config.image.fit)
            in_view = picture_to_view(torch.from_numpy(placement.to_picture(points)), margin)
            warp, moved = _draw(warps, in_view, count, generator_of(f"{seed}/{shown}"))
            landmarks, scores = _detect(detector, picture, warp)
            known[key] = (
                _in_original(landmarks, placement, margin),
                scores.double().cpu().numpy(),
                _in_original(moved, placement, margin),
                np.tile(np.array([width, height], dtype=np.float64), (count, 1)),
            )
        parts.append(known[key])
    return Examples(tuple(names), *(np.concatenate(part) for part in zip(*parts, strict=True)))


def _draw(
    warps: RandomWarps, points: Float[Tensor, "points 2"], count: int, generator: torch.Generator
) -> tuple[ThinPlateSpline, Float[Tensor, "count points 2"]]:
    """Warps whose inverse is known at all annotated points, and where it takes them; nan stays nan.

    A point may lie beyond the controls, where a spline can turn over: that warp is drawn again, and
    in the end its affine part is taken alone.
    """
    known = points.isfinite().all(-1)
    wanted = points.double().expand(count, -1, -1)
    warp = warps.draw(count, generator)
    for attempt in range(REDRAWS + 1):
        found = warp.inverse(wanted)
        exact = ((warp(found) - wanted).norm(dim=-1) < TOLERANCE) | ~known
        wrong = torch.nonzero(~exact.all(-1))[:, 0]
        if len(wrong) == 0:
            break
        again = warps.draw(len(wrong), generator)
        warp.weights[wrong] = again.weights if attempt < REDRAWS - 1 else 0
        warp.affine[wrong] = again.affine
    return warp, found


def _detect(
    detector: Detector,
    picture: UInt8[np.ndarray, "height width 3"],
    warp: ThinPlateSpline,
) -> tuple[Float[Tensor, "count k 2"], Float[Tensor, "count k"]]:
    """Landmarks in normalised coordinates of the copies' views, and their scores."""
    whole = torch.from_numpy(picture)[None]
    warp = warp.to(torch.empty(0, device=detector.device))
    sights = []
    for first in range(0, len(warp.weights), CHUNK):
        some = warp.part(slice(first, first + CHUNK))
        sights.append(detector.look(whole.expand(len(some.weights), -1, -1, -1), some))
    landmarks, scores = [sight.landmarks for sight in sights], [sight.scores for sight in sights]
    return torch.cat(landmarks), torch.cat(scores)


def _in_original(
    points: Float[Tensor, "*shape 2"], placement: Placement, margin: float
) -> Float[np.ndarray, "*shape 2"]:
    """Normalised coordinates of a view to pixels of the original."""
    return placement.to_original(view_to_picture(points.double().cpu(), margin).numpy())
