from pathlib import Path

import numpy as np
import pytest

from warpmarks.plots.colours import landmark_colours
from warpmarks.plots.patches import cut_patches, draw_patches
from warpmarks.plots.saving import rendered

HEIGHT, WIDTH = 20, 33
IMAGES = np.random.default_rng(0).integers(0, 256, (3, HEIGHT, WIDTH, 3), np.uint8)


def test_a_patch_inside_is_the_slice_around_its_pixel():
    landmarks = np.array([[[20.4, 7.0]], [[12.0, 11.6]], [[3.5, 4.49]]])
    patches = cut_patches(IMAGES, landmarks, 7)
    np.testing.assert_array_equal(patches[0, 0], IMAGES[0, 4:11, 17:24])
    np.testing.assert_array_equal(patches[1, 0], IMAGES[1, 9:16, 9:16])
    np.testing.assert_array_equal(patches[2, 0], IMAGES[2, 1:8, 1:8])


@pytest.mark.parametrize("place", [(0, 0), (32, 19), (0, 12), (31, 0), (-9, 5), (40, 30)])
def test_beyond_the_border_the_edge_is_repeated(place: tuple[int, int]):
    x, y = place
    patches = cut_patches(IMAGES, np.full((3, 1, 2), place, float), 9)
    padded = np.pad(IMAGES[1], ((60, 60), (60, 60), (0, 0)), mode="edge")
    np.testing.assert_array_equal(patches[1, 0], padded[56 + y : 65 + y, 56 + x : 65 + x])


def test_a_landmark_that_was_not_found_has_a_black_patch():
    landmarks = np.full((3, 2, 2), 9.0)
    landmarks[1, 0, 1] = np.nan
    patches = cut_patches(IMAGES, landmarks, 3)
    assert not patches[1, 0].any()
    assert patches[1, 1].any()


def test_an_even_side_has_no_middle():
    with pytest.raises(ValueError, match="odd"):
        cut_patches(IMAGES, np.zeros((3, 1, 2)), 8)


def test_each_row_holds_a_landmark_and_each_column_an_image():
    landmarks = np.random.default_rng(1).uniform(4, 15, (3, 4, 2))
    pixels = rendered(draw_patches(IMAGES, landmarks, side=9, cell=9))[..., :3]
    patches = cut_patches(IMAGES, landmarks, 9)
    for row in range(4):
        top = round(9 * HEIGHT / WIDTH) + 12 + row * 12
        np.testing.assert_array_equal(pixels[top, 1], landmark_colours(4)[row])
        for column in range(3):
            left = 52 + 3 + 12 + 12 + column * 12
            tile = pixels[top : top + 9, left : left + 9]
            np.testing.assert_array_equal(tile, patches[column, row])


def test_a_word_of_warning_stays_in_its_chip_and_off_the_number():
    images = np.zeros((20, 60, 60, 3), np.uint8)
    words = ("lagging", "doubled", "nailed", "dead")
    figure = draw_patches(images, np.full((20, 4, 2), 30.0), flags=dict(enumerate(words)))
    figure.canvas.draw()
    boxes = {text.get_text(): text.get_window_extent() for text in figure.axes[0].texts}
    plates = {
        text.get_text(): text.get_bbox_patch().get_window_extent()
        for text in figure.axes[0].texts
        if text.get_bbox_patch() is not None
    }
    for number, word in enumerate(words, start=1):
        chip = 68  # and then the gap
        assert 0 <= plates[word].x0 < plates[word].x1 <= chip
        assert not plates[word].overlaps(boxes[str(number)])


def test_the_mean_of_one_part_seen_everywhere_is_that_part():
    part = np.zeros((5, 5, 3), np.uint8)
    part[2] = [40, 60, 20]
    images = np.zeros((50, HEIGHT, WIDTH, 3), np.uint8)
    landmarks = np.zeros((50, 1, 2))
    for index, image in enumerate(images):
        x, y = 4 + index % 20, 5 + index % 7
        image[y - 2 : y + 3, x - 2 : x + 3] = part
        landmarks[index] = x, y
    pixels = rendered(draw_patches(images, landmarks, side=5, cell=5, shown=2))[..., :3]
    top = round(5 * HEIGHT / WIDTH) + 12
    mean = pixels[top : top + 5, 55:60].astype(float)
    middle = part.reshape(-1, 3).mean(axis=0)
    np.testing.assert_allclose(mean, np.clip(middle + 2 * (part - middle), 0, 255), atol=1)


def test_many_landmarks_stand_in_two_blocks(tmp_path: Path):
    landmarks = np.random.default_rng(1).uniform(0, 20, (3, 50, 2))
    pixels = rendered(draw_patches(IMAGES, landmarks, flags={7: "nailed"}))
    assert pixels.shape[0] < 1900
    for colour in landmark_colours(50):
        assert (pixels[..., :3] == colour).all(axis=-1).any()


def test_landmarks_found_nowhere_leave_their_row_empty():
    pixels = rendered(draw_patches(IMAGES, np.full((3, 2, 2), np.nan)))
    assert (pixels[-1, 60:, 3] == 0).all()
