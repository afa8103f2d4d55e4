import numpy as np
import pytest
from matplotlib.figure import Figure

from warpmarks.plots.curves import PANELS, Panel, draw_panel
from warpmarks.plots.history import History
from warpmarks.plots.saving import rendered
from warpmarks.plots.score_curve import draw_score_curve
from warpmarks.plots.themes import DARK, LIGHT, Theme


def line(step: int, **changes: object) -> dict[str, object]:
    return {
        "step": step,
        "seconds": step / 10,
        "pairs_per_second": 26.0,
        "learning_rate": 1e-3,
        "loss": 50.0 / (1 + step),
        "equivariance": 30.0 / (1 + step),
        "diversity": 20.0 / (1 + step),
        "equivariance_error_percent": 12.0 / (1 + step / 100),
        "spread_percent": [1.0 + step / 100, 2.0, 0.0],
        "dead": [],
        "nailed": [2],
        "doubled": [[0, 1]],
        "mean_concentration": 0.5,
    } | changes


NAN = float("nan")
HISTORIES = {
    "many": [line(100 * i) for i in range(40)],
    "one": [line(0)],
    "one of NaN": [line(0, loss=NAN, equivariance=NAN, diversity=NAN, spread_percent=[NAN] * 3)],
    "ran away": [line(0), line(9, loss=NAN, learning_rate=0.0), line(20, loss=float("inf"))],
    "zeros": [line(5, loss=0.0, equivariance_error_percent=0.0, pairs_per_second=0.0)],
    "little said": [{"step": 3}],
    "none": [],
}


def legend_words(figure: Figure) -> list[str]:
    legend = figure.axes[0].get_legend()
    return [] if legend is None else [text.get_text() for text in legend.get_texts()]


@pytest.mark.parametrize("lines", HISTORIES.values(), ids=HISTORIES)
@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.name)
def test_curves_can_be_drawn_of_any_log(panel: Panel, lines: list[dict[str, object]]):
    assert rendered(draw_panel(panel, History.from_lines(lines))).std() > 1


@pytest.mark.parametrize("top", [1.003, 1.4, 2.93, 40.0, 5e4])
@pytest.mark.parametrize("least", [0.057, 0.7, 1.1, 23.0])
def test_an_axis_of_losses_has_two_numbers_at_least(top: float, least: float):
    lines = [
        line(step, **dict.fromkeys(("loss", "equivariance", "diversity"), value))
        for step, value in ((0, least * top), (9, least))
    ]
    figure = draw_panel(PANELS[1], History.from_lines(lines))
    figure.draw_without_rendering()
    (axes,) = figure.axes
    low, high = axes.get_ylim()
    labels = [
        tick.label1.get_text()
        for tick in axes.yaxis.get_major_ticks()
        if low <= tick.get_loc() <= high
    ]
    assert len(set(filter(None, labels))) >= 2


def test_many_landmarks_are_a_band_with_the_extremes_named():
    spreads = np.linspace(2, 9, 50)
    spreads[[7, 30]] = 0.1, 20
    lines = [line(100 * step, spread_percent=list(spreads * (1 + step))) for step in range(3)]
    lines.append(line(300, spread_percent=[NAN] * 50))
    figure = draw_panel(PANELS[3], History.from_lines(lines))
    (axes,) = figure.axes
    named = {text.get_text(): text.xy for text in axes.texts}
    assert named == {"landmark 8": (200, pytest.approx(0.3)), "landmark 31": (200, 60)}
    assert len(axes.lines) == 3
    whole, half = (one.get_paths()[0].vertices[:, 1] for one in axes.collections)
    assert (np.nanmin(whole), np.nanmax(whole)) == pytest.approx((0.1, 60))
    assert 3 < np.nanmin(half) < 4
    few = draw_panel(PANELS[3], History.from_lines([line(0, spread_percent=list(spreads[:16]))]))
    assert len(few.axes[0].lines) == 16


def test_self_training_is_tinted_from_where_it_began():
    lines = [line(100 * i, self_training_from=120 if i > 1 else None) for i in range(4)]
    history = History.from_lines(lines)
    assert np.isnan(history.self_training_from[:2]).all()
    figure = draw_panel(PANELS[0], history)
    (axes,) = figure.axes
    assert legend_words(figure) == ["self-training"]
    pixels = rendered(figure)[..., :3].astype(int)

    def at(step: float) -> np.ndarray:
        x, y = axes.transData.transform((step, axes.get_ylim()[1] / 50))
        return pixels[round(len(pixels) - y), round(x)]

    assert (at(118) == 255).all()
    assert (at(123) < 255).all()
    assert (at(305) == at(123)).all()
    without = draw_panel(PANELS[0], History.from_lines([line(0), line(9)]))
    assert legend_words(without) == []


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.name)
def test_the_word_for_self_training_covers_no_line(panel: Panel):
    rising = [line(100 * i, self_training_from=100, loss=1.0 + i, dead=[0] * i) for i in range(30)]
    figure = draw_panel(panel, History.from_lines(rising))
    figure.canvas.draw()
    (axes,) = figure.axes
    legend = axes.get_legend()
    assert legend is not None
    assert "self-training" in legend_words(figure)
    box, paper = legend.get_window_extent(), figure.bbox
    assert box.y0 >= axes.get_window_extent().y1
    assert paper.x0 <= box.x0 < box.x1 <= paper.x1
    assert box.y1 <= paper.y1


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.name)
@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_a_panel_stands_on_the_paper_of_its_theme(panel: Panel, theme: Theme):
    pixels = rendered(draw_panel(panel, History.from_lines(HISTORIES["many"]), theme=theme))
    paper = [int(theme.paper[i : i + 2], 16) for i in (1, 3, 5)]
    np.testing.assert_array_equal(pixels[0, 0, :3], paper)
    assert pixels.std() > 1


def test_the_error_curve_passes_through_its_values():
    error = [9.0, 3.0, 6.0, 5.0]
    lines = [line(100 * i, equivariance_error_percent=value) for i, value in enumerate(error)]
    (panel,) = (panel for panel in PANELS if panel.name == "error")
    figure = draw_panel(panel, History.from_lines(lines))
    (axes,) = figure.axes
    pixels = rendered(figure)
    colour = np.array([int(LIGHT.series[0][i : i + 2], 16) for i in (1, 3, 5)])
    for step, value in zip((0, 100, 200, 300), error, strict=True):
        x, y = axes.transData.transform((step, value))
        row, column = round(len(pixels) - y), round(x)
        assert (
            np.abs(pixels[row - 2 : row + 3, column - 2 : column + 3, :3] - colour.astype(int)).max(
                -1
            )
            < 8
        ).any()


def test_the_learning_rate_is_drawn_between_evaluations_too():
    (panel,) = (panel for panel in PANELS if panel.name == "learning_rate")
    lines = [line(100), line(200, learning_rate=0.0)]
    schedule = np.array([[0, 0.0], [10, 3e-3], [90, 0.0], [95, 2e-3], [200, 0.0]])
    (drawn,) = draw_panel(panel, History.from_lines(lines, schedule)).axes[0].lines
    np.testing.assert_array_equal(drawn.get_xydata(), schedule)
    (drawn,) = draw_panel(panel, History.from_lines(lines)).axes[0].lines
    assert drawn.get_drawstyle() == "default"
    np.testing.assert_array_equal(drawn.get_xydata(), [[100, 1e-3], [200, 0]])


def test_the_score_curve_leaves_out_what_is_not_known():
    shares = np.array([5.0, 50.0, 100.0])
    by_score, at_best = np.array([NAN, 6.0, 9.0]), np.array([1.0, 4.0, 9.0])
    figure = draw_score_curve(shares, by_score, at_best, normaliser="the body", theme=DARK)
    first, second = figure.axes[0].lines
    np.testing.assert_allclose(first.get_xydata(), [[50, 6], [100, 9]])
    np.testing.assert_allclose(second.get_xydata(), [[5, 1], [50, 4], [100, 9]])
    assert figure.axes[0].get_ylim()[0] == 0
    assert "the body" in figure.axes[0].get_ylabel()
    assert rendered(figure).std() > 1


def test_columns_follow_the_steps_and_the_later_line_counts():
    history = History.from_lines([line(20, dead=[1]), line(10), line(20, dead=[0, 1, 2])])
    assert history.steps.tolist() == [10, 20]
    assert history.dead.tolist() == [0, 3]
    assert history.doubled.tolist() == [1, 1]
    np.testing.assert_allclose(history.spread_percent, [[1.1, 2, 0], [1.2, 2, 0]])


def test_what_the_log_does_not_say_is_nan():
    history = History.from_lines([{"step": 1, "loss": None}, line(2)])
    assert np.isnan(history.loss).tolist() == [True, False]
    assert np.isnan(history.dead).tolist() == [True, False]
    assert np.isnan(history.spread_percent).all(axis=1).tolist() == [True, False]
