"""A fit on annotated images, with what a fit on few of them takes from their pictures beside."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from warpmarks.arguments import expect
from warpmarks.datasets.annotated import ANNOTATED, AnnotatedSet
from warpmarks.detectors.detector import Detector
from warpmarks.evaluation.locating import locate_annotated
from warpmarks.evaluation.mirrored_images import locate_mirrored
from warpmarks.evaluation.warped_copies import KnownCopies, copies_of_each, locate_warped_copies
from warpmarks.regression.examples import Examples
from warpmarks.regression.fitting import Fit, check_examples, fit_regressor
from warpmarks.regression.geometric import FEWEST
from warpmarks.regression.repeated import first_alike, merged
from warpmarks.system.progress import Progress

FEW = 100
"""Pictures up to which a geometric fit takes warped copies of them, and them in the mirror."""


def fit_on_images(
    detector: Detector,
    annotated: AnnotatedSet,
    *,
    examples: Examples | None = None,
    method: str = "auto",
    bias: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
    known: KnownCopies | None = None,
) -> Fit:
    """The map from landmarks to the points of annotated images, as ``warpmarks fit`` makes it.

    A fit on few images is better for warped copies of them, and for the images in the mirror: the
    detector sees them for it.

    Args:
        detector: of the landmarks.
        annotated: the images.
        examples: the landmarks that it found on them, if they are known; they are found if None.
        method: see `warpmarks.regression.fitting.fit_regressor`.
        bias: whether the map has an offset.
        seed: of the copies' warps.
        progress: told of the images done.
        known: copies that fits with this detector have located, in a dictionary that is empty at
            first: of several fits each picture's are located once.

    Raises:
        InputError: an image cannot be read, or the images do not allow a fit, see `fit_regressor`.
    """
    expect(detector, Detector, "detector", "what Detector.load(run) gives")
    expect(annotated, AnnotatedSet, "annotated", ANNOTATED)
    if examples is None:
        examples = locate_annotated(detector, annotated, progress=progress)
    check_examples(examples, annotated.scheme)
    warped = mirrored = None
    alike = first_alike(examples)
    distinct, rows = merged(examples, alike)
    once = replace(annotated.subset(np.unique(alike)), points=distinct.annotations)
    if takes_copies(method, len(distinct)):
        warped = locate_warped_copies(detector, once, seed=seed, progress=progress, known=known)
    if takes_mirrored(detector, method, len(distinct)):
        mirrored = replace(locate_mirrored(detector, once).subset(rows), names=examples.names)
    return fit_regressor(
        examples,
        annotated.scheme,
        method=method,
        bias=bias,
        detector=detector.digest,
        warped=warped,
        mirrored=mirrored,
    )


def takes_copies(method: str, pictures: int) -> bool:
    """Whether a fit on so many pictures is better for warped copies of them, or made of them.

    The free part of a geometric map is held back from fewer images than leave-one-out needs, and
    many images say themselves what copies would.
    """
    if method == "warps":
        return True
    return method in {"auto", "geometric"} and FEWEST <= pictures <= FEW


def takes_mirrored(detector: Detector, method: str, pictures: int) -> bool:
    """Whether a fit on so many pictures is better for the same pictures in the mirror.

    It is if the detector's training has shown it mirrored pictures.
    """
    seen = detector.record.has_seen_mirrored
    return seen and method in {"auto", "geometric"} and pictures <= FEW


def images_seen_anew(
    detector: Detector, method: str, names: Sequence[str], known: set[tuple[str, int]]
) -> int:
    """How many the detector is shown for a fit on these images: what the fit takes.

    Args:
        detector: of the landmarks.
        method: of the fit.
        names: of the images.
        known: images, and of how many copies each, that fits before have been shown; those of this
            fit are added.
    """
    pictures, seen = len(names), 0
    if takes_copies(method, pictures):
        copies = copies_of_each(pictures)
        new = {(name, copies) for name in names} - known
        known |= new
        seen = copies * len(new)
    return seen + (pictures if takes_mirrored(detector, method, pictures) else 0)
