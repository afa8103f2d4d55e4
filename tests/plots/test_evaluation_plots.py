"""What is drawn of evaluations stands where it belongs."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from warpmarks.plots.average_image import draw_average
from warpmarks.plots.colours import landmark_colours
from warpmarks.plots.error_curve import draw_error_curve
from warpmarks.plots.label_curve import LabelSeries, draw_label_curve
from warpmarks.plots.point_errors import draw_point_errors
from warpmarks.plots.predictions import ANNOTATED, PREDICTED, PredictedImage, draw_predictions
from warpmarks.plots.saving import rendered
from warpmarks.plots.themes import DARK, LIGHT

HEIGHT, WIDTH = 40, 60
PAD = 10
GREY = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
NONE = np.full((1, 2), np.nan)


def coloured(pixels: np.ndarray, colour: object) -> np.ndarray:
    """Centre (x, y) of the pixels of a colour; nan where there is none."""
    wanted = np.round(255 * np.array(to_rgb(colour))) if isinstance(colour, str) else colour
    rows, columns = np.nonzero((pixels[..., :3] == wanted).all(axis=-1))
    return np.array([columns.mean(), rows.mean()]) if len(rows) else np.full(2, np.nan)


def predicted(predictions: np.ndarray, annotations: np.ndarray) -> PredictedImage:
    return PredictedImage(GREY, np.array([[12.0, 31.0]]), predictions, annotations)


def test_landmarks_stand_left_and_predictions_right():
    point, truth = np.array([[40.0, 11.0]]), np.array([[15.0, 30.0]])
    pixels = rendered(draw_predictions([("", [predicted(point, truth)])], tile_side=6 * WIDTH))
    assert pixels.shape[:2] == (6 * HEIGHT + 2 * PAD, 2 * 6 * WIDTH + 3 + 2 * PAD)
    pixels = pixels[PAD:-PAD, PAD:-PAD]
    left, right = pixels[:, : 6 * WIDTH], pixels[:, 6 * WIDTH + 3 :]

    def place(at):
        return 6 * (np.array(at) + 0.5) - 0.5

    colour = landmark_colours(1)[0]
    np.testing.assert_allclose(coloured(left, colour), place([12, 31]), atol=0.6)
    np.testing.assert_allclose(coloured(right, PREDICTED), place([40, 11]), atol=0.6)
    np.testing.assert_allclose(coloured(right, ANNOTATED), place([15, 30]), atol=0.6)
    assert np.isnan(coloured(left, PREDICTED)).all()
    assert np.isnan(coloured(right, colour)).all()
    # The line between the two is white in its middle.
    x, y = np.rint(place([27.5, 20.5])).astype(int)
    assert (right[y, x, :3] > 230).all()


def test_what_is_not_annotated_has_no_blue_dot_and_no_line():
    drawn = predicted(np.array([[40.0, 11.0]]), NONE)
    pixels = rendered(draw_predictions([("", [drawn])], tile_side=6 * WIDTH))
    assert np.isfinite(coloured(pixels, PREDICTED)).all()
    assert np.isnan(coloured(pixels, ANNOTATED)).all()


def test_the_caption_stands_farthest_from_points_and_dots_at_the_edge_are_whole():
    points = np.array([[0.0, 0.0], [59.0, 12.0], [3.0, 39.4]])
    shown = PredictedImage(GREY, NONE, points, np.full((3, 2), np.nan), "7 %")
    figure = draw_predictions([("best", [shown])], tile_side=6 * WIDTH)
    (caption,) = (text for text in figure.axes[0].texts if text.get_text() == "7 %")
    assert (caption.get_ha(), caption.get_va()) == ("right", "bottom")
    assert caption.get_zorder() > 5
    lowest = (rendered(figure)[-PAD:, 6 * WIDTH :, 3] > 0).any(axis=1)
    assert lowest[0]
    assert not lowest[-1]
    free = PredictedImage(GREY, NONE, NONE, NONE, "7 %")
    (caption,) = draw_predictions([("", [free])]).axes[0].texts
    assert (caption.get_ha(), caption.get_va()) == ("left", "top")


def test_rows_may_be_of_unequal_shapes_and_lengths():
    high = PredictedImage(GREY.transpose(1, 0, 2), NONE, np.array([[9.0, 50.0]]), NONE, "7 %")
    wide = predicted(np.array([[9.0, 9.0]]), NONE)
    figure = draw_predictions([("best", [wide, wide, high]), ("worst", [wide])], tile_side=120)
    pixels = rendered(figure)
    assert pixels.shape[:2] == (120 + 16 + 80 + 2 * PAD, 3 * 243 + 2 * 16 + 2 * PAD)
    pixels = pixels[PAD:-PAD, PAD:-PAD]
    assert (pixels[130, :, 3] == 0).all()  # between the rows
    assert (pixels[180, 300:, 3] == 0).all()  # beside the single pair


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_the_error_curve_rises_where_its_images_are(theme):
    errors = np.array([4.0, 4, 4, 12, np.nan])
    figure = draw_error_curve(
        [("ours", errors), ("mean shape", errors + 6)],
        threshold=10,
        normaliser="the box",
        theme=theme,
    )
    (axes,) = figure.axes
    ours, other = axes.lines[:2]
    for line, expected in ((ours, {3.9: 0, 4: 75, 11.9: 75, 12.0: 100}), (other, {9.9: 0, 10: 75})):
        assert line.get_drawstyle() == "steps-post"
        x, y = line.get_data()
        for at, share in expected.items():
            assert y[np.flatnonzero(x <= at)[-1]] == share
    assert axes.get_xlim() == (0, 12.5)
    (label,) = axes.texts  # where the curves, at 75 and 75 %, and the axes leave most room
    assert (label.get_text(), label.xy) == ("10 %", (10, 37.5))
    pixels = rendered(figure)
    assert tuple(pixels[0, 0, :3]) == tuple(round(255 * c) for c in to_rgb(theme.paper))


@pytest.mark.parametrize("errors", [[2.0, 4.0], [2.0, 30.0], [20.0, 30.0]])
def test_the_area_of_the_error_curve_reaches_to_the_threshold(errors):
    figure = draw_error_curve([("a", np.array(errors))], threshold=10, normaliser="eyes")
    (tinted,) = figure.axes[0].collections
    corners = tinted.get_paths()[0].vertices
    x, y = corners[:, 0], corners[:, 1]
    area = abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
    expected = sum(50 * max(0, 10 - error) for error in errors)
    np.testing.assert_allclose(area, expected, atol=1e-6)
    assert x.max() == 10


def test_the_curve_by_labels_shows_all_series_and_the_mean_shape():
    ours = LabelSeries("ours", [1, 5, 1000], np.array([15.0, 13, 10]), np.array([2.0, 1, np.nan]))
    supervised = LabelSeries("supervised", [20], np.array([24.0]), np.array([0.0]))
    figure = draw_label_curve([ours, supervised], normaliser="the box", mean_shape=26.0)
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "ours",
        "supervised",
        "mean shape",
    ]
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels == ["1", "5", "20", "1,000"]
    assert axes.get_ylim()[1] > 26
    assert rendered(figure).std() > 1
    assert rendered(draw_label_curve([ours], normaliser="the box", theme=DARK)).std() > 1


def test_the_mean_shape_has_a_point_for_each_number_of_labels():
    ours = LabelSeries("ours", [1, 5], np.array([15.0, 13]), np.array([2.0, 1]))
    shape = LabelSeries("mean shape", [1, 5], np.array([31.0, 26]), np.array([3.0, 1]))
    (axes,) = draw_label_curve([ours], normaliser="the box", mean_shape=shape).axes
    line = axes.lines[-1]
    assert line.get_label() == "mean shape"
    assert line.get_linestyle() == "--"
    np.testing.assert_allclose(line.get_xydata(), [[1, 31], [5, 26]])
    assert axes.get_ylim()[1] > 31


NAMES = ["default", "paper", "without exchange", "narrow warps of the second view", "one look"]


@pytest.mark.parametrize("count", [3, 4, 8, 11])
def test_the_curve_by_labels_shows_every_series_there_is(count):
    labels, spreads = [1, 5, 100], np.array([1.5, 0.5, 0.0])
    names = [*NAMES, *(f"variant {index} of many" for index in range(count))][:count]
    series = [
        LabelSeries(name, labels, np.array([15.0, 9, 7.5]) + index, spreads)
        for index, name in enumerate(names)
    ]
    figure = draw_label_curve(series, normaliser="the box")
    (axes,) = figure.axes
    lines = [line for line in axes.lines if line.get_label() in names]
    assert len(lines) == count
    looks = {(line.get_color(), line.get_marker(), line.get_linestyle()) for line in lines}
    assert len(looks) == count
    low, high = axes.get_ylim()
    for index, line in enumerate(lines):
        np.testing.assert_allclose(line.get_ydata(), series[index].errors)
        np.testing.assert_allclose(line.get_xdata(), labels, rtol=0.2)
        assert low < 7.5 + index < 16.5 + index < high
    assert (low == 0) == (count == 3)
    figure.canvas.draw()
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == names
    box, drawn = legend.get_window_extent(), axes.get_window_extent()
    assert drawn.y1 <= box.y0 < box.y1 <= figure.bbox.y1
    assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
    assert drawn.x0 < 0.15 * figure.bbox.width
    assert drawn.height > 0.75 * 560


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_eight_series_have_colours_of_their_own_that_stand_out_from_the_paper(theme):
    def luminance(colour: str) -> float:
        scaled = np.array(to_rgb(colour))
        linear = np.where(scaled <= 0.04045, scaled / 12.92, ((scaled + 0.055) / 1.055) ** 2.4)
        return float(linear @ np.array([0.2126, 0.7152, 0.0722]))

    assert len(set(theme.series)) == 8
    for colour in theme.series:
        low, high = sorted([luminance(colour), luminance(theme.paper)])
        assert (high + 0.05) / (low + 0.05) >= 4.5


def test_counts_that_lie_close_share_a_label():
    crowded = LabelSeries("a", [9, 10, 11, 40], np.array([4.0, 3, 2, 1]), np.zeros(4))
    (axes,) = draw_label_curve([crowded], normaliser="the box").axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["9", "40"]


def test_each_point_has_its_row_from_top_to_bottom():
    errors, mean_shape = np.array([3.0, np.nan, 8.0]), np.array([10.0, 12.0, np.nan])
    names = ["$eye$", "a name that is much too long for any table", "nose"]
    figure = draw_point_errors(
        names, errors, errors - 1, errors + 1, mean_shape, normaliser="the box"
    )
    pixels = rendered(figure)
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "$eye$",
        "a name that is much too lon…",
        "nose",
    ]
    dots = next(line for line in axes.lines if line.get_label() == "from the landmarks")
    assert dots.get_xdata().tolist()[0] == 3
    assert dots.get_ydata().tolist() == [2, 1, 0]
    (told,) = axes.texts
    assert (told.get_text(), told.xy) == ("annotated on none of the images", (0, 1))
    assert np.isfinite(coloured(pixels, LIGHT.series[0])).all()


def test_the_average_has_its_shape_on_the_right_and_more_contrast():
    dull = np.full((HEIGHT, WIDTH, 3), 110, np.uint8)
    dull[:, 30:] = 130
    aligned = dull.copy()
    aligned[10:20, 10:20] = 90
    pixels = rendered(draw_average(dull, aligned, np.array([[44.0, 8.0]]), tile_width=5 * WIDTH))
    assert pixels.shape[:2] == (5 * HEIGHT, 3 * 5 * WIDTH + 12)
    left, middle, right = (pixels[:, i * 306 : i * 306 + 300, :3].astype(int) for i in range(3))
    assert (left[150, 250] - left[150, 50]).tolist() == [36, 36, 36]
    assert (middle[150, 250] - middle[75, 75]).tolist() == [72, 72, 72]
    expected = 5 * (np.array([44.0, 8.0]) + 0.5) - 0.5
    np.testing.assert_allclose(coloured(right, landmark_colours(1)[0]), expected, atol=0.6)


def test_an_average_of_full_contrast_is_left_as_it_is():
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[:, 30:] = 255
    pixels = rendered(draw_average(image, image, NONE, tile_width=WIDTH))
    np.testing.assert_array_equal(pixels[30:, 66:126, :3], image[30:])
