import math

import numpy as np
from numpy.random import default_rng
from numpy.testing import assert_array_equal

from warpmarks.regression.mirrored import (
    NEAR,
    NOBODY,
    SURE,
    as_partners,
    found_partners,
    partners_of,
    without_offset,
)

EYES_AND_MOUTH = np.array([[-0.4, -0.3], [0.4, -0.3], [0.0, 0.4]])


def seen(images=4, noise=0.05):
    """Points of images, and where the mirror puts them."""
    points = EYES_AND_MOUTH + default_rng(0).normal(0, noise, (images, 3, 2))
    return points, points * [-1, 1]


def slow_partners(pairs, mirrored, found, size):
    """By one pair of points after the other: plain Python, no nan in it."""
    points = range(mirrored.shape[1])

    def apart(i, j):
        places = zip(mirrored[:, i].tolist(), found[:, j].tolist(), strict=True)
        lengths = [math.dist(one, other) for one, other in places if not math.isnan(one[0])]
        return sum(lengths) / len(lengths) if lengths else math.inf

    def sure_of(i):
        j = min(points, key=lambda other: apart(i, other))
        others = min((apart(i, other) for other in points if other != j), default=math.inf)
        nearest = all(apart(i, j) < apart(other, j) for other in points if other != i)
        return j if nearest and apart(i, j) <= min(SURE * others, NEAR * size) else NOBODY

    def beaten(i, j):
        return any(apart(i, other) < SURE * apart(i, j) for other in points)

    sure = [sure_of(i) for i in points]
    partners = [j if j != NOBODY and sure[j] == i else NOBODY for i, j in enumerate(sure)]
    if pairs:
        partners = [j if i == j else NOBODY for i, j in enumerate(partners)]
    for first, second in pairs:
        wrong = beaten(first, second) or beaten(second, first)
        partners[first], partners[second] = (NOBODY, NOBODY) if wrong else (second, first)
    return partners


def test_partners_are_those_of_a_slow_search():
    """Some are sure and some are not, for each of the reasons."""
    generator = default_rng(5)
    for count in range(1, 7):
        for _ in range(60):
            mirrored = generator.normal(0, [1.0, 0.6], (1, count, 2)) + np.zeros((3, 1, 1))
            found = mirrored[:, generator.permutation(count)]
            if count > 1 and generator.random() < 0.5:  # changes places and is its own else
                found = mirrored.copy()
                found[:, [0, 1]] = mirrored[:, [1, 0]]
            found = found + generator.normal(0, generator.choice([0.05, 0.3]), found.shape)
            mirrored = mirrored + generator.normal(0, 0.05, mirrored.shape)
            mirrored[generator.random((3, count)) < 0.3] = np.nan
            for pairs in ([], [(0, 1)] if count > 1 else [], [(3, 0), (1, 2)] if count > 3 else []):
                expected = slow_partners(pairs, mirrored, found, 0.9)
                assert_array_equal(partners_of(pairs, mirrored, found, 0.9), expected)


def test_pairs_are_believed_and_others_are_their_own_or_nobody():
    mirrored = default_rng(3).normal(0, 1, (2, 5, 2))
    found = mirrored[:, [0, 1, 4, 3, 2]]  # points 2 and 4 seem to change places
    found[:, :2] = mirrored[:, :2].mean(axis=1, keepdims=True)  # of 0 and 1 nobody can say
    assert_array_equal(partners_of([(0, 1)], mirrored, found, 1.0), [1, 0, NOBODY, 3, NOBODY])
    assert_array_equal(partners_of([], mirrored, found, 1.0), [NOBODY, NOBODY, 4, 3, 2])


def test_a_pair_that_the_mirror_contradicts_is_not_believed():
    """Ears numbered from left to right: outer, inner; inner, outer."""
    ears = np.array([[-0.5, -0.3], [-0.2, -0.2], [0.2, -0.2], [0.5, -0.3], [0.0, 0.4]])
    points = ears + default_rng(2).normal(0, 0.02, (3, 5, 2))
    mirrored = points * [-1, 1]
    found = mirrored[:, [3, 2, 1, 0, 4]] + default_rng(1).normal(0, 0.05, (3, 5, 2))
    by_name, right = [(0, 2), (1, 3)], [(0, 3), (1, 2)]
    assert_array_equal(partners_of(by_name, mirrored, found, 0.5), [NOBODY] * 4 + [4])
    assert_array_equal(partners_of(right, mirrored, found, 0.5), [3, 2, 1, 0, 4])
    mirrored[:, 0] = np.nan
    assert_array_equal(partners_of(right, mirrored, found, 0.5), [3, 2, 1, 0, 4])


def test_partners_are_read_off_what_is_found_in_the_mirror():
    _, mirrored = seen()
    found = mirrored[:, [1, 0, 2]] + default_rng(1).normal(0, 0.1, (4, 3, 2))
    mirrored[1, 0] = np.nan
    assert_array_equal(found_partners(mirrored, found, 0.6), [1, 0, 2])


def test_what_is_of_one_side_only_has_no_partner():
    """Of a left eye alone the mirror makes a right one, which is no point."""
    _, mirrored = seen()
    mirrored, found = mirrored[:, [0, 2]], mirrored[:, [1, 2]]
    assert_array_equal(found_partners(mirrored, found, 0.6), [NOBODY, 1])


def test_partners_that_do_not_come_back_are_none():
    """Each is found where another is, in a ring: in a mirror's mirror none would be itself."""
    _, mirrored = seen()
    assert_array_equal(found_partners(mirrored, mirrored[:, [1, 2, 0]], 0.6), [NOBODY] * 3)


def test_what_is_half_way_between_two_is_not_sure():
    _, mirrored = seen(noise=0.0)
    found = mirrored[:, [1, 0, 2]].copy()
    found[:, :2] = mirrored[:, :2].mean(axis=1, keepdims=True)
    assert_array_equal(found_partners(mirrored, found, 0.6), [NOBODY, NOBODY, 2])


def test_one_point_is_its_own_partner_if_the_mirror_leaves_it_where_it_is():
    mirrored = seen()[1][:, 2:]
    assert_array_equal(found_partners(mirrored, mirrored + 0.05, 0.6), [0])
    of_one_side = seen()[1][:, :1]
    assert_array_equal(found_partners(of_one_side, of_one_side * [-1, 1], 0.6), [NOBODY])


def test_annotations_in_the_mirror_are_those_of_the_partners():
    _, mirrored = seen()
    annotations = as_partners(mirrored, np.array([1, 0, NOBODY]))
    assert_array_equal(annotations[:, 0], mirrored[:, 1])
    assert_array_equal(annotations[:, 1], mirrored[:, 0])
    assert np.isnan(annotations[:, 2]).all()


def test_annotations_off_to_one_side_are_put_back_in_the_mirror():
    points, mirrored = seen()
    off = np.array([0.1, 0.02])
    found = mirrored + off  # a fit learns where people click
    annotated = (points + off) * [-1, 1]
    annotated[2, 1] = np.nan
    found[0, :2] += 5.0  # most landmarks of one image went wrong
    moved = without_offset(annotated, found)
    np.testing.assert_allclose(moved[1], (mirrored + off)[1])
    assert np.isnan(moved[2, 1]).all()
    assert np.isnan(without_offset(np.full((1, 2, 2), np.nan), np.zeros((1, 2, 2)))).all()
