import csv
import io

import numpy as np
import pytest
from scipy.spatial import procrustes

from warpmarks.annotator.shapes import align, principal_modes, table

NAMES = ("left", "right", 'tip "of" it')


def moved(shape: np.ndarray, turn: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    cosine, sine = np.cos(turn), np.sin(turn)
    return scale * shape @ np.array([[cosine, sine], [-sine, cosine]]) + shift


@pytest.fixture
def shape():
    return np.array([[0.0, 0.0], [4.0, 0.5], [3.0, 5.0], [-1.0, 2.0]])


def test_copies_of_a_shape_become_one(shape):
    copies = np.stack(
        [
            moved(shape, 0.3, 2, (9, -3)),
            moved(shape, -1.1, 0.5, (0, 70)),
            moved(shape, 0.8, 1, (5, 5)),
        ]
    )
    aligned = align(copies)
    np.testing.assert_allclose(aligned.shapes - aligned.mean, 0, atol=1e-10)
    own = np.sqrt(((shape - shape.mean(axis=0)) ** 2).sum())
    np.testing.assert_allclose(aligned.centroid_sizes, own * np.array([2, 0.5, 1]))
    assert len(principal_modes(aligned).shares) == 0


def test_two_shapes_are_as_far_apart_as_scipy_says(shape):
    generator = np.random.default_rng(0)
    other = moved(shape + generator.normal(0, 0.3, shape.shape), 0.9, 3, (10, 2))
    first, second = align(np.stack([shape, other])).shapes
    # SciPy also scales the second by the cosine of their distance.
    disparity = procrustes(shape, other)[2]
    squared = ((first - second) ** 2).sum()
    assert squared == pytest.approx(2 - 2 * np.sqrt(1 - disparity), rel=1e-9)


def test_a_mirrored_shape_stays_mirrored(shape):
    aligned = align(np.stack([shape, shape * (-1, 1)]))
    assert np.abs(aligned.shapes[0] - aligned.shapes[1]).max() > 0.1


def test_the_alignment_is_upright_as_the_shapes_are(shape):
    aligned = align(np.stack([moved(shape, 0.1, 1, (0, 0)), moved(shape, -0.1, 1, (3, 3))]))
    upright = shape - shape.mean(axis=0)
    np.testing.assert_allclose(aligned.mean, upright / np.linalg.norm(upright), atol=1e-9)


def test_one_way_to_vary_is_one_mode(shape):
    way = np.zeros(shape.shape)
    way[2] = (0.0, 1.0)
    amounts = np.array([-0.3, -0.1, 0.0, 0.1, 0.3])
    shapes = np.stack([moved(shape + amount * way, 0.2 * amount, 1, (4, 4)) for amount in amounts])
    modes = principal_modes(align(shapes))
    assert modes.shares[0] > 0.999
    assert modes.shares.sum() == pytest.approx(1)
    # Mean and displacement at one deviation give the shape that lies there.
    assert np.abs(np.corrcoef(modes.scores[:, 0], amounts)[0, 1]) > 0.999
    deviation = np.linalg.norm(modes.displacements[0])
    assert deviation == pytest.approx(modes.scores[:, 0].std(ddof=1))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_images_or_points_are_no_error(count):
    for points in (1, 2, 3):
        shapes = np.arange(count * points * 2, dtype=float).reshape(count, points, 2) ** 2
        aligned = align(shapes)
        modes = principal_modes(aligned)
        assert aligned.shapes.shape == shapes.shape
        assert np.isfinite(aligned.shapes).all()
        assert modes.displacements.shape == (len(modes.shares), points, 2)
        assert modes.scores.shape == (count, len(modes.shares))


def test_the_table_has_a_line_per_image_and_quotes_names(shape):
    generator = np.random.default_rng(1)
    shapes = shape[:3] + generator.normal(0, 0.2, (4, 3, 2))
    aligned = align(shapes)
    modes = principal_modes(aligned)
    images = ["a.png", "line\nbreak.png", "b,c.png", "Icon\r.png"]
    rows = list(csv.reader(io.StringIO(table(images, NAMES, aligned, modes))))
    assert rows[0][:4] == ["image", "centroid_size", "left x", "left y"]
    assert rows[0][6] == 'tip "of" it x'
    assert [row[0] for row in rows[1:]] == images
    values = np.array([row[1:] for row in rows[1:]], dtype=float)
    np.testing.assert_allclose(values[:, 0], aligned.centroid_sizes, atol=1e-4)
    np.testing.assert_allclose(values[:, 1:7], aligned.shapes.reshape(4, 6), atol=1e-6)
    np.testing.assert_allclose(values[:, 7:], modes.scores, atol=1e-6)
