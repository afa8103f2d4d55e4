import numpy as np
import pytest

from warpmarks.datasets.published.cats import SCHEME
from warpmarks.datasets.published.faces import FIVE_POINTS, SIXTY_EIGHT_POINTS
from warpmarks.datasets.published.registry import PUBLISHED
from warpmarks.points import parse_normaliser

# The 68 points of one frontal face, from left to right and top to bottom as the scheme has them.
ROWS = {
    "jaw": [(x, 40 + (50 - abs(x - 50)) ** 1.02) for x in np.linspace(2, 98, 17)],
    "brow": [(x, 30) for x in (10, 18, 26, 34, 42, 58, 66, 74, 82, 90)],
    "nose": [(50, y) for y in (40, 48, 56, 64)] + [(x, 70) for x in (40, 45, 50, 55, 60)],
    "left eye": [(15, 40), (22, 36), (29, 36), (36, 40), (29, 44), (22, 44)],
    "right eye": [(64, 40), (71, 36), (78, 36), (85, 40), (78, 44), (71, 44)],
    "upper lip": [(30, 80), (36, 76), (43, 74), (50, 75), (57, 74), (64, 76), (70, 80)],
    "lower lip": [(64, 86), (57, 89), (50, 90), (43, 89), (36, 86)],
    "inner": [(34, 80), (43, 78), (50, 79), (57, 78), (66, 80), (57, 84), (50, 85), (43, 84)],
}
FACE = np.array([point for row in ROWS.values() for point in row], dtype=float)


def test_mirroring_a_symmetric_face_changes_the_pairs_and_nothing_else():
    assert FACE.shape == (68, 2)
    mirrored = FACE * [-1, 1] + [100, 0]
    order = np.arange(68)
    for first, second in SIXTY_EIGHT_POINTS.mirror:
        order[[first, second]] = order[[second, first]]
    np.testing.assert_allclose(mirrored[order], FACE, atol=1e-9)
    assert SIXTY_EIGHT_POINTS.names[36:42] == tuple(f"left eye {n}" for n in range(1, 7))
    assert len(set(SIXTY_EIGHT_POINTS.names)) == 68


@pytest.mark.parametrize(("convention", "length"), [("pupils", 49.0), ("outer eye corners", 70.0)])
def test_the_two_conventions_of_300w(convention, length):
    text = PUBLISHED["300w"].normalisers[convention]
    normaliser = parse_normaliser(text, SIXTY_EIGHT_POINTS.names, source="here")
    lengths = normaliser.lengths(FACE[None], np.array([[100.0, 100.0]]))
    np.testing.assert_allclose(lengths, [length])


def test_five_points():
    pairs = {frozenset(FIVE_POINTS.names[index] for index in pair) for pair in FIVE_POINTS.mirror}
    assert pairs == {
        frozenset({"left eye", "right eye"}),
        frozenset({"left mouth corner", "right mouth corner"}),
    }
    assert (FIVE_POINTS.normaliser.first, FIVE_POINTS.normaliser.second) == ((0,), (1,))


def test_the_ears_of_cats_are_mirrored_base_to_base():
    for first, second in SCHEME.mirror:
        assert SCHEME.names[first].replace("left", "right") == SCHEME.names[second]
    assert len(SCHEME.mirror) == 4
