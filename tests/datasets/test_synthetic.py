import os
import platform
import subprocess
import sys
import zlib

import numpy as np
import pytest

from warpmarks.datasets.synthetic import EYES, MIRROR_PAIRS, POINT_NAMES, render
from warpmarks.errors import InputError

# From `render(instance, size=48, seed=3)` on an AMD EPYC with NumPy 2.4.6.
CHECKSUMS = {5: 1502190621, 11: 1512465272}


def test_a_picture_is_the_same_every_time_and_on_every_machine():
    for instance, checksum in CHECKSUMS.items():
        image = render(instance, size=48, seed=3).image
        assert image.shape == (48, 48, 3)
        assert image.dtype == np.uint8
        assert zlib.crc32(image.tobytes()) == checksum


@pytest.mark.skipif(platform.machine() not in {"x86_64", "AMD64"}, reason="names x86 features")
def test_a_processor_without_vector_units_draws_the_same_picture():
    script = (
        "import zlib; from warpmarks.datasets.synthetic import render\n"
        "print(zlib.crc32(render(5, size=48, seed=3).image.tobytes()))"
    )
    features = "AVX2 FMA3 AVX512F X86_V3 X86_V4"
    plain = os.environ | {"NPY_DISABLE_CPU_FEATURES": features}
    command = [sys.executable, "-W", "ignore", "-c", script]
    run = subprocess.run(command, env=plain, capture_output=True, text=True, check=False)
    assert int(run.stdout) == CHECKSUMS[5]


def test_other_instances_and_seeds_are_other_pictures():
    pictures = {render(i, size=16, seed=s).image.tobytes() for i in range(8) for s in range(3)}
    assert len(pictures) == 24


def test_the_same_scene_is_drawn_at_every_size():
    small, large = render(4, size=32), render(4, size=96)
    # Normalised coordinates, -1 and 1 at the outer edges, do not depend on the size.
    np.testing.assert_allclose(
        (2 * small.annotations + 1) / 32, (2 * large.annotations + 1) / 96, atol=1e-12
    )
    np.testing.assert_array_equal(small.visible, large.visible)
    shrunk = large.image.reshape(32, 3, 32, 3, 3).mean(axis=(1, 3))
    assert np.abs(shrunk - small.image).mean() < 8  # of 255; another instance differs by about 60


def test_points_come_in_the_order_of_their_names():
    assert len(POINT_NAMES) == 10
    assert [POINT_NAMES[index] for index in EYES] == ["left eye", "right eye"]
    for left, right in MIRROR_PAIRS:
        assert POINT_NAMES[left].replace("left", "right") == POINT_NAMES[right]
    for instance in range(20):
        points = dict(zip(POINT_NAMES, render(instance, size=16).annotations, strict=True))
        for side in ("eye", "ear base", "mouth corner"):
            assert points[f"left {side}"][0] < points[f"right {side}"][0]
        below = [points[name][1] for name in ("left ear base", "left eye", "nose tip", "chin")]
        assert below == sorted(below)


def test_a_pupil_is_at_the_eye_points():
    """Dark at the point, and darker than the iris and the white around it."""
    inside, around = [], []
    for instance in range(30):
        sample = render(instance, size=256)
        grey = sample.image.mean(axis=2)
        rows, columns = np.mgrid[:256, :256]
        eye_distance = np.linalg.norm(sample.annotations[0] - sample.annotations[1])
        for x, y in sample.annotations[list(EYES)][sample.visible[list(EYES)]]:
            radius = np.hypot(columns - x, rows - y) / eye_distance
            inside.append(grey[radius < 0.05].mean())
            around.append(grey[(radius > 0.15) & (radius < 0.25)].mean())
    assert len(inside) > 40
    assert np.median(inside) < 40
    assert np.mean(np.array(inside) < np.array(around)) > 0.95


def test_points_move_as_much_as_in_sets_of_real_faces():
    points = np.array([render(instance, size=8).annotations for instance in range(120)]) / 8
    eye_distance = np.linalg.norm(points[:, EYES[0]] - points[:, EYES[1]], axis=-1).mean()
    error = np.linalg.norm(points - points.mean(axis=0), axis=-1).mean() / eye_distance
    assert 0.25 < error < 0.45
    # Nothing that a fixed place could pass for: every point wanders, in both directions.
    assert (points.std(axis=0) > 0.04).all()


def test_nearly_all_points_are_in_the_middle_of_the_picture():
    samples = [render(instance, size=20) for instance in range(60)]
    points = (2 * np.array([sample.annotations for sample in samples]) + 1) / 20 - 1
    assert (np.abs(points) < 0.8).all(axis=-1).mean() > 0.95
    assert (np.abs(points) < 1).all()


@pytest.mark.parametrize("numbers", [{"instance": -1}, {"instance": 0, "seed": -2}])
def test_negative_numbers_are_refused(numbers):
    with pytest.raises(InputError, match="give 0 or more"):
        render(**numbers)


def test_one_pixel_is_a_picture():
    assert render(0, size=1).image.shape == (1, 1, 3)
    with pytest.raises(InputError, match="size"):
        render(0, size=0)
