"""Shapes apart from place, size and turn: generalised Procrustes analysis, and how shapes vary.

Points are complex numbers x + iy, so that a turn and a scaling is one product. Every shape is moved
to its centroid and scaled to centroid size 1 (the root of the summed squared distances to the
centroid), then turned onto the mean until the mean rests (Gower 1975). No shape is mirrored.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex, Float

from warpmarks.complex_points import from_complex, to_complex
from warpmarks.system.files import csv_writer

ROUNDS = 100
STILL = 1e-12
NO_VARIANCE = 1e-9
"""Of shapes of centroid size 1: less is rounding."""

MODES = 8
"""Principal modes that are told of at most."""


@dataclass(frozen=True)
class Aligned:
    """Shapes that were laid onto each other.

    Attributes:
        shapes: at centroid size 1 about the origin; y downwards, as in images.
        mean: as they.
        centroid_sizes: before, in the unit of the points.
    """

    shapes: Float[np.ndarray, "images points 2"]
    mean: Float[np.ndarray, "points 2"]
    centroid_sizes: Float[np.ndarray, " images"]


@dataclass(frozen=True)
class Modes:
    """Principal modes of aligned shapes, the largest first.

    Attributes:
        shares: of the variance.
        displacements: of the points at one standard deviation.
        scores: of each shape along each mode, in the unit of the aligned shapes.
    """

    shares: Float[np.ndarray, " modes"]
    displacements: Float[np.ndarray, "modes points 2"]
    scores: Float[np.ndarray, "images modes"]


def align(shapes: Float[np.ndarray, "images points 2"]) -> Aligned:
    """Generalised Procrustes alignment; the mean is turned as the shapes are on average.

    A shape without extent stays a point at the origin.
    """
    if not shapes.size:
        return Aligned(shapes, np.zeros(shapes.shape[1:]), np.zeros(len(shapes)))
    unit, sizes = _unit_shapes(shapes)
    start = mean = _at_size_1(unit.mean(axis=0))
    turned = unit
    for _ in range(ROUNDS):
        turned = _turned_onto(unit, mean)
        fresh = _at_size_1(turned.mean(axis=0))
        moved = np.abs(fresh - mean).max(initial=0.0)
        mean = fresh
        if moved < STILL:
            break
    back = np.vdot(mean, start)
    turn = back / abs(back) if abs(back) > 0 else 1.0
    return Aligned(from_complex(turned * turn), from_complex(mean * turn), sizes)


def principal_modes(aligned: Aligned) -> Modes:
    """How the aligned shapes vary about their mean; modes without variance are left out."""
    count, mean = len(aligned.shapes), aligned.mean
    if not aligned.shapes.size:
        return Modes(np.zeros(0), np.zeros((0, *mean.shape)), np.zeros((count, 0)))
    mean = aligned.shapes.mean(axis=0)
    flat = (aligned.shapes - mean).reshape(count, -1)
    left, strengths, directions = np.linalg.svd(flat, full_matrices=False)
    total = (strengths**2).sum()
    kept = strengths > NO_VARIANCE
    kept &= np.arange(len(strengths)) < MODES
    # A mode has no sign: its largest component is made positive, for it not to change by chance.
    largest = np.abs(directions).argmax(axis=1)
    signs = np.sign(directions[np.arange(len(directions)), largest])
    signs[signs == 0] = 1.0
    deviations = strengths / np.sqrt(max(count - 1, 1))
    displacements = (signs * deviations)[:, None] * directions
    return Modes(
        strengths[kept] ** 2 / total if total > 0 else strengths[kept],
        displacements[kept].reshape(int(kept.sum()), *mean.shape),
        (left * strengths * signs)[:, kept],
    )


def table(images: Sequence[str], names: Sequence[str], aligned: Aligned, modes: Modes) -> str:
    """Comma-separated: image, centroid size, Procrustes coordinates and mode scores."""
    text = io.StringIO()
    writer = csv_writer(text)
    header = ["image", "centroid_size", *(f"{name} {axis}" for name in names for axis in "xy")]
    writer.writerow([*header, *(f"mode{number}" for number in range(1, len(modes.shares) + 1))])
    for image, size, shape, scores in zip(
        images, aligned.centroid_sizes, aligned.shapes, modes.scores, strict=True
    ):
        cells = (f"{value:.6f}" for value in (*shape.ravel(), *scores))
        writer.writerow([image, f"{size:.4f}", *cells])
    return text.getvalue()


def _unit_shapes(
    shapes: Float[np.ndarray, "images points 2"],
) -> tuple[Complex[np.ndarray, "images points"], Float[np.ndarray, " images"]]:
    """Shapes at centroid size 1 about the origin, and their sizes before."""
    points = to_complex(shapes)
    around = points - points.mean(axis=1, keepdims=True)
    sizes = np.sqrt((np.abs(around) ** 2).sum(axis=1))
    return around / np.where(sizes > 0, sizes, 1.0)[:, None], sizes


def _turned_onto(
    unit: Complex[np.ndarray, "images points"], mean: Complex[np.ndarray, " points"]
) -> Complex[np.ndarray, "images points"]:
    products = unit.conj() @ mean
    lengths = np.abs(products)
    turns = np.where(lengths > 0, products / np.where(lengths > 0, lengths, 1.0), 1.0)
    return unit * turns[:, None]


def _at_size_1(shape: Complex[np.ndarray, " points"]) -> Complex[np.ndarray, " points"]:
    size = np.sqrt((np.abs(shape) ** 2).sum())
    return shape / size if size > 0 else shape
