"""Dots, lines, maps and patches stand where they belong in the saved file."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from warpmarks.plots.colours import landmark_colours
from warpmarks.plots.deformations import draw_deformations
from warpmarks.plots.instances import draw_instances
from warpmarks.plots.probability_maps import draw_probability_maps
from warpmarks.plots.saving import save_figure
from warpmarks.plots.scatter import draw_scatter

HEIGHT, WIDTH = 40, 60
GREY = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)


def saved(figure, folder: Path) -> np.ndarray:
    save_figure(figure, folder / "picture.png")
    with Image.open(folder / "picture.png") as image:
        return np.asarray(image.convert("RGB"))


def places_of(colour: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Centre (x, y) of the pixels of a colour."""
    rows, columns = np.nonzero((pixels == colour).all(axis=-1))
    assert len(rows), "the colour is nowhere"
    return np.array([columns.mean(), rows.mean()])


def spread_out(count: int, seed: int = 0) -> np.ndarray:
    """Points far enough from each other and from the border to be seen whole."""
    grid = np.stack(np.meshgrid(np.linspace(6, 53, 4), np.linspace(7, 32, 3)), -1).reshape(-1, 2)
    return np.random.default_rng(seed).permutation(grid)[:count]


@pytest.mark.parametrize("num_landmarks", [1, 5, 10])
def test_each_dot_has_its_colour_at_its_place(tmp_path: Path, num_landmarks: int):
    landmarks = spread_out(num_landmarks)
    figure = draw_instances(GREY[None], landmarks[None], tile_width=6 * WIDTH)
    pixels = saved(figure, tmp_path)
    assert pixels.shape == (6 * HEIGHT, 6 * WIDTH, 3)
    for point, colour in zip(landmarks, landmark_colours(num_landmarks), strict=True):
        np.testing.assert_allclose(places_of(colour, pixels), 6 * (point + 0.5) - 0.5, atol=0.5)


def test_each_instance_has_its_own_landmarks(tmp_path: Path):
    landmarks = np.stack([spread_out(1, seed) for seed in range(6)])
    figure = draw_instances(np.stack([GREY] * 6), landmarks, columns=3, tile_width=120)
    pixels = saved(figure, tmp_path)
    assert pixels.shape == (2 * 80 + 6, 3 * 120 + 2 * 6, 3)
    for index, (point,) in enumerate(landmarks):
        top, left = index // 3 * 86, index % 3 * 126
        tile = pixels[top : top + 80, left : left + 120]
        found = places_of(landmark_colours(1)[0], tile)
        np.testing.assert_allclose(found, 2 * (point + 0.5) - 0.5, atol=0.5)


def test_a_landmark_outside_its_image_is_not_drawn_on_a_neighbour(tmp_path: Path):
    landmarks = np.array([[[WIDTH + 10.0, 20.0]], [[np.nan, 20.0]]])
    pixels = saved(draw_instances(np.stack([GREY] * 2), landmarks, columns=2), tmp_path)
    assert not (pixels == landmark_colours(1)[0]).all(axis=-1).any()


def test_a_picture_of_many_landmarks_still_shows_every_colour(tmp_path: Path):
    grid = np.stack(np.meshgrid(np.linspace(3, 56, 10), np.linspace(3, 36, 10)), -1).reshape(-1, 2)
    pixels = saved(draw_instances(GREY[None], grid[None], tile_width=360), tmp_path)
    for colour in landmark_colours(100):
        assert (pixels == colour).all(axis=-1).any()


def test_deformations_keep_the_original_leftmost_and_lines_lead_to_the_dots(tmp_path: Path):
    images = np.stack([GREY, GREY])[None]
    expected = np.array([[10.0, 30.0]])
    found = np.array([[45.0, 12.0]])
    figure = draw_deformations(
        images,
        np.stack([expected, found])[None],
        expected=np.stack([expected, expected])[None],
        names=(),
        tile_width=4 * WIDTH,
    )
    pixels = saved(figure, tmp_path)
    original, deformed = pixels[:, : 4 * WIDTH], pixels[:, -4 * WIDTH :]
    colour = landmark_colours(1)[0]
    dot = places_of(colour, original)
    np.testing.assert_allclose(dot, 4 * (expected[0] + 0.5) - 0.5, atol=0.7)
    x, y = np.rint(4 * (0.7 * expected[0] + 0.3 * found[0] + 0.5) - 0.5).astype(int)
    assert np.abs(deformed[y, x].astype(int) - colour).max() <= 2
    x, y = np.rint(4 * (found[0] + 0.5) - 0.5).astype(int)
    np.testing.assert_array_equal(deformed[y, x], colour)


def test_probability_maps_lie_over_the_image(tmp_path: Path):
    maps = np.zeros((2, 20, 30))
    maps[0, 4, 22] = 1
    maps[1] = 1 / 600
    # Cell (22, 4) of a map of half the resolution is pixels 44 to 45, 8 to 9.
    landmarks = np.array([[44.5, 8.5], [29.5, 19.5]])
    pixels = saved(draw_probability_maps(GREY, maps, landmarks, tile_width=6 * WIDTH), tmp_path)
    sure, unsure = landmark_colours(2)
    composite = pixels[6 * HEIGHT + 6 :, : 6 * WIDTH].astype(int)
    ground = composite[-20, 20]
    redness = np.clip(composite[..., 0] - composite[..., 1] - (ground[0] - ground[1]), 0, None)
    y, x = np.mgrid[0 : 6 * HEIGHT, 0 : 6 * WIDTH]
    centre = [(redness * axis).sum() / redness.sum() for axis in (x, y)]
    np.testing.assert_allclose(centre, 6 * (landmarks[0] + 0.5) - 0.5, atol=1.5)
    # The even map fills its own tile with its colour, but hardly tints the others.
    assert (pixels == unsure).all(axis=-1).mean() > 0.2
    assert np.abs(ground - 0.42 * 128).max() < 40
    assert (pixels == sure).all(axis=-1).any()


def test_probability_maps_of_one_landmark_and_of_zeros(tmp_path: Path):
    picture = draw_probability_maps(GREY, np.zeros((1, 5, 7)), np.full((1, 2), np.nan))
    pixels = saved(picture, tmp_path).astype(int)
    # Nothing lights up: the view and its map are grey, and only the landmark's chip has its colour.
    colour = landmark_colours(1)[0].astype(int)
    assert (np.abs(pixels - colour).max(axis=-1) < 10).mean() < 0.05
    assert (np.ptp(pixels, axis=-1) < 10).mean() > 0.9


def test_the_scatter_shows_clouds_around_the_means(tmp_path: Path):
    cloud = np.random.default_rng(0).normal([45, 10], [3, 1.5], (200, 2))
    nailed = np.full((200, 2), [12.0, 30.0])
    landmarks = np.stack([cloud, nailed], axis=1)
    landmarks[5] = np.nan
    pixels = saved(draw_scatter(landmarks, HEIGHT, WIDTH, picture_width=628), tmp_path)
    assert pixels.shape == (428, 628, 3)  # ten pixels of the picture for one of the view, and 14
    for point, colour in zip(([45, 10], [12, 30]), landmark_colours(2), strict=True):
        place = 10 * (np.array(point) + 0.5) + 14 - 0.5
        np.testing.assert_allclose(places_of(colour, pixels), place, atol=6)
    coloured = pixels.max(axis=-1).astype(int) - pixels.min(axis=-1) > 40
    around_cloud, around_nail = coloured[:214, 314:], coloured[214:, :314]
    assert around_cloud.sum() > 4 * around_nail.sum()
