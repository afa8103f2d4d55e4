import numpy as np

from warpmarks.plots.colours import landmark_colours
from warpmarks.plots.predictions import PREDICTED
from warpmarks.plots.regressor import draw_regressor, name_place
from warpmarks.plots.saving import rendered
from warpmarks.plots.sheet import Tile

IMAGE = np.full((60, 90, 3), 120, np.uint8)
LANDMARKS = np.array([[10.0, 10], [80, 10], [10, 50], [80, 50]])
POINTS = np.array([[45.0, 12], [45, 48]])


def drawn(influences):
    figure = draw_regressor(IMAGE, LANDMARKS, POINTS, np.array(influences), ["a", "b"])
    return rendered(figure)[..., :3].astype(int)


def amount(pixels, landmark, rows, columns):
    """Pixels of a landmark's colour in a part of the picture, which is 507 by 760."""
    colour = landmark_colours(4)[landmark].astype(int)
    part = pixels[rows, columns]
    return int((np.abs(part - colour).sum(axis=-1) < 30).sum())


def test_arrows_are_as_thick_as_shares_and_small_shares_have_none():
    top, bottom = slice(60, 150), slice(360, 450)
    left, right = slice(130, 330), slice(430, 600)
    pixels = drawn([[0.7, 0.3, 0, 0], [0, 0.0, 0.81, 0.19]])
    thick, thin = amount(pixels, 0, top, left), amount(pixels, 1, top, right)
    assert thick > 1.6 * thin > 0
    assert amount(pixels, 2, bottom, left) > 0
    assert amount(pixels, 3, bottom, right) == 0


def test_a_point_of_many_small_shares_has_thin_lines_of_the_three_largest():
    pixels = drawn([[0.19, 0.18, 0.17, 0.16], [0, 0, 1, 0]])
    middle = slice(130, 340)
    assert amount(pixels, 0, slice(60, 150), slice(130, 330)) > 0
    assert amount(pixels, 2, middle, slice(130, 360)) > 0
    assert amount(pixels, 3, middle, slice(420, 640)) == 0


def test_the_picture_has_room_for_points_and_landmarks_beyond_the_image():
    plain = draw_regressor(IMAGE, LANDMARKS, POINTS, np.full((2, 4), 0.25), ["a", "b"])
    assert rendered(plain).shape[:2] == (507, 760)
    landmarks, points = LANDMARKS.copy(), POINTS.copy()
    landmarks[3] = 95, 59
    points[1] = 45, -12
    figure = draw_regressor(IMAGE, landmarks, points, np.eye(2, 4), ["a", "b"])
    pixels = rendered(figure)[..., :3].astype(int)
    height, width = pixels.shape[:2]
    assert 507 + 100 < height < 507 + 200
    assert 760 + 45 < width < 760 + 100
    assert amount(pixels, 3, slice(height - 60, None), slice(760, None)) > 100
    ring = np.abs(pixels - [0x2F, 0xD5, 0x56]).sum(axis=-1) < 30
    assert ring[: height - 507].any()
    assert not ring[0].any()


def test_names_have_the_rings_colour_and_dots_their_numbers():
    figure = draw_regressor(IMAGE, LANDMARKS, POINTS, np.eye(2, 4), ["left", "right"])
    written = {text.get_text(): text for text in figure.axes[0].texts}
    assert set(written) == {"1", "2", "3", "4", "left", "right"}
    assert {written[name].get_color() for name in ("left", "right")} == {PREDICTED}
    scale = 760 / 90
    for number, place in enumerate(LANDMARKS, start=1):
        np.testing.assert_allclose(
            written[str(number)].get_position(), scale * (place + 0.5) - 0.5, atol=0.5
        )


def test_a_name_stands_where_no_neighbour_is():
    tile, size = Tile(0, 0, 400, 300), np.array([60.0, 20])
    point = np.array([200.0, 150])

    def side(*neighbours):
        taken = np.array([point, *neighbours], dtype=float)
        return np.sign(name_place(point, size, 15.0, taken, tile) - point).tolist()

    assert side() == [1, 0]
    assert side([240, 150]) == [-1, 0]
    assert side([240, 150], [160, 150]) == [0, 1]
    assert side([240, 150], [160, 150], [200, 180]) == [0, -1]
    point = np.array([390.0, 150])
    assert side() == [-1, 0]  # there is no room at the right


def test_points_far_away_and_nowhere_do_not_enlarge_the_picture():
    points = np.array([[4000.0, 10], [np.nan, np.nan]])
    figure = draw_regressor(IMAGE, LANDMARKS, points, np.eye(2, 4), ["a", "b"])
    assert rendered(figure).shape[:2] == (507, 760)
