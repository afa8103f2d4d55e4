import numpy as np
import pytest
from numpy.random import default_rng
from numpy.testing import assert_allclose

from warpmarks.errors import InputError
from warpmarks.points import numbered_names, parse_normaliser
from warpmarks.published_normalisers import CONVENTIONS

SIZES = np.array([[90.0, 40.0], [31.0, 77.0]])


def lengths(text, points):
    names = numbered_names(points.shape[1])
    return parse_normaliser(text, names, source="--normaliser").lengths(points, SIZES)


def test_of_68_facial_points():
    face = default_rng(0).uniform(0, 60, (2, 68, 2))
    for image, pupils, corners in zip(
        face, lengths("inter-ocular", face), lengths("outer-eye-corners", face), strict=True
    ):
        right, left = (sum(image[i] for i in eye) / 6 for eye in (range(36, 42), range(42, 48)))
        assert pupils == pytest.approx(np.hypot(*(right - left)))
        assert corners == pytest.approx(np.hypot(*(image[36] - image[45])))


@pytest.mark.parametrize("convention", ["inter-ocular", "outer-eye-corners"])
def test_of_the_68_without_the_jaw(convention):
    face = default_rng(0).uniform(0, 60, (2, 68, 2))
    inner = [i for i in range(17, 68)]
    assert_allclose(lengths(convention, face[:, inner]), lengths(convention, face))
    without_mouth_corners = [i for i in inner if i not in {60, 64}]
    assert_allclose(lengths(convention, face[:, without_mouth_corners]), lengths(convention, face))


def test_of_five_facial_points():
    face = default_rng(1).uniform(0, 60, (2, 5, 2))
    assert_allclose(lengths("inter-ocular", face), np.linalg.norm(face[:, 0] - face[:, 1], axis=1))
    with pytest.raises(InputError, match=r"known for sets of 68, 51, 49 .* has 5 points:"):
        lengths("outer-eye-corners", face)


def test_of_points_that_are_called_eyes():
    names = ("Snout", "right_eye", " tail", "Left eye")
    points = default_rng(2).uniform(0, 60, (2, 4, 2))
    normaliser = parse_normaliser("inter-ocular", names, source="--normaliser")
    expected = np.linalg.norm(points[:, 1] - points[:, 3], axis=1)
    assert_allclose(normaliser.lengths(points, SIZES), expected)
    with pytest.raises(InputError, match="this set has 4 points"):
        parse_normaliser("inter-ocular", ("snout", "b", "c", "left eye"), source="--normaliser")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1:2", "the distance from 1 to 2"),
        ("1+2:3-5", "the distance from 1+2 to 3-5"),
        ("inter-ocular", "the inter-ocular distance"),
        ("box-side", "the longer side of the points' box"),
    ],
)
def test_in_words(text, words):
    normaliser = parse_normaliser(text, numbered_names(5), source="--normaliser")
    assert normaliser.words == words


def test_of_boxes_and_images():
    points = np.array([[[3.0, 5], [np.nan, np.nan], [7, 21], [5, 9]]] * 2)
    assert_allclose(lengths("box", points), 8.0)
    assert_allclose(lengths("box-side", points), 16.0)
    assert_allclose(lengths("box-side", points[..., ::-1]), 16.0)
    assert_allclose(lengths("image", points), [60.0, np.sqrt(31 * 77)])
    points[0, [0, 2]] = np.nan
    assert_allclose(lengths("box", points), [np.nan, 8.0])  # one point is no box
    assert_allclose(lengths("box-side", points), [np.nan, 16.0])


def test_nothing_is_divided_by_a_length_of_zero():
    points = np.array([[[3.0, 5], [3, 5]], [[0, 0], [3, 4]], [[np.nan, np.nan], [1, 1]]])
    sizes = np.full((3, 2), 50.0)
    normaliser = parse_normaliser("1:2", numbered_names(2), source="--normaliser")
    assert_allclose(normaliser.lengths(points, sizes), [0, 5, np.nan])
    assert_allclose(normaliser.divisors(points, sizes), [np.nan, 5, np.nan])


def test_conventions_are_named_where_one_is_misspelt():
    with pytest.raises(InputError, match="interocular") as caught:
        lengths("interocular", np.zeros((2, 5, 2)))
    assert all(name in str(caught.value) for name in CONVENTIONS)
