"""Losses and health of a run against its steps."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from warpmarks.plots.axes import FONT, draw_legend, dress
from warpmarks.plots.colours import landmark_colours
from warpmarks.plots.history import History
from warpmarks.plots.sheet import in_points, new_figure
from warpmarks.plots.themes import LIGHT, Theme

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

_FEW = 25  # evaluations up to which each one gets a dot
_LINES = 16  # landmarks up to which each one gets a line
_TICKS = 2  # with a number at least, on an axis of losses
_PANEL_WIDTH, _PANEL_HEIGHT = 680, 420


@dataclass(frozen=True)
class Panel:
    """One drawing against steps: its file name, its title, how to read it, and how it is drawn."""

    name: str
    title: str
    caption: str
    draw: Callable[["matplotlib.axes.Axes", History, Theme], None]


def draw_panel(
    panel: Panel, history: History, *, theme: Theme = LIGHT
) -> "matplotlib.figure.Figure":
    """One panel as a picture, without its title."""
    figure = new_figure(_PANEL_HEIGHT, _PANEL_WIDTH)
    figure.set_facecolor(theme.paper)
    axes = figure.subplots()
    _dress(axes, history, theme)
    panel.draw(axes, history, theme)
    if axes.get_legend_handles_labels()[1]:
        draw_legend(axes, theme, columns=4)
    figure.tight_layout(pad=0.8)
    return figure


def _draw_losses(axes: "matplotlib.axes.Axes", history: History, theme: Theme) -> None:
    named = {
        "total": history.loss,
        "equivariance": history.equivariance,
        "diversity": history.diversity,
    }
    for (name, values), colour in zip(named.items(), theme.series, strict=False):
        _draw_line(axes, history, values, colour=colour, label=name)
    axes.set_ylabel("loss")
    _logarithmic_if_possible(axes, list(named.values()))


def _draw_distance(axes: "matplotlib.axes.Axes", history: History, theme: Theme) -> None:
    _draw_line(axes, history, history.loss, colour=theme.series[0])
    axes.set_ylabel("loss")
    _logarithmic_if_possible(axes, [history.loss])


def _draw_training_error(axes: "matplotlib.axes.Axes", history: History, theme: Theme) -> None:
    _draw_percent(axes, history, history.training_error_percent, "% of the normaliser", theme)


def _draw_error(axes: "matplotlib.axes.Axes", history: History, theme: Theme) -> None:
    _draw_percent(axes, history, history.equivariance_error_percent, "% of the shorter side", theme)


def _draw_percent(
    axes: "matplotlib.axes.Axes",
    history: History,
    values: Float[np.ndarray, " evaluations"],
    unit: str,
    theme: Theme,
) -> None:
    _draw_line(axes, history, values, colour=theme.series[0])
    axes.set_ylabel(unit)
    _from_zero(axes, values)
    finite = np.flatnonzero(np.isfinite(values))
    if len(finite):
        last = finite[-1]
        axes.annotate(
            f"{values[last]:.2f} %",
            (history.steps[last], values[last]),
            xytext=(0, in_points(12)),
            textcoords="offset points",
            ha="right",
            color=theme.ink,
            fontsize=in_points(FONT),
            fontweight="bold",
        )


def _draw_troubles(axes: "matplotlib.axes.Axes", history: History, theme: Theme) -> None:
    from matplotlib.ticker import MaxNLocator

    named = {"dead": history.dead, "nailed": history.nailed, "doubled": history.doubled}
    # Different widths, so that lines that lie on each other can all be seen.
    for (name, values), colour, width in zip(
        named.items(), theme.series, (7.0, 4.5, 2.0), strict=False
    ):
        _draw_line(axes, history, values, colour=colour, label=name, width=width, steps=True)
    axes.set_ylabel("landmarks")
    _from_zero(axes, np.concatenate(list(named.values())), at_least=4)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))


def _draw_spread(axes: "matplotlib.axes.Axes", history: History, theme: Theme) -> None:
    spreads = history.spread_percent
    shown: list[int] = list(range(spreads.shape[1]))
    known = np.flatnonzero(np.isfinite(spreads).all(axis=1))
    if len(shown) > _LINES and len(known):
        _draw_band(axes, history, theme)
        last = spreads[known[-1]]
        shown = [int(last.argmin()), int(last.argmax())]
        room_below = last.min() > 0.2 * last.max()
        for index, above in zip(shown, (-20 if room_below else 8, 8), strict=True):
            axes.annotate(
                f"landmark {index + 1}",
                (history.steps[known[-1]], last[index]),
                xytext=(0, in_points(above)),
                textcoords="offset points",
                ha="right",
                color=theme.ink,
                fontsize=in_points(FONT),
            )
    colours = landmark_colours(spreads.shape[1])
    for index in shown:
        _draw_line(
            axes,
            history,
            spreads[:, index],
            colour=tuple(colours[index] / 255),
            width=1.8,
            rim=theme.soft_ink,
        )
    axes.set_ylabel("% of the shorter side")
    _from_zero(axes, spreads)


def _draw_band(axes: "matplotlib.axes.Axes", history: History, theme: Theme) -> None:
    """Range, middle half and middle one of the landmarks."""
    least, low, middle, high, most = np.percentile(
        history.spread_percent, [0, 25, 50, 75, 100], axis=1
    )
    for bottom, top, alpha in ((least, most, 0.2), (low, high, 0.45)):
        colour = theme.series[0]
        axes.fill_between(history.steps, bottom, top, color=colour, alpha=alpha, linewidth=0)
    _draw_line(axes, history, middle, colour=theme.series[0])


def _draw_learning_rate(axes: "matplotlib.axes.Axes", history: History, theme: Theme) -> None:
    """The schedule where it is known; else straight lines, which show falls and rises alike."""
    axes.set_ylabel("learning rate")
    if history.schedule is None:
        _draw_line(axes, history, history.learning_rate, colour=theme.series[0])
        _logarithmic_if_possible(axes, [history.learning_rate])
        return
    steps, rates = history.schedule.T
    axes.plot(steps, rates, color=theme.series[0], linewidth=in_points(3.0))
    _from_zero(axes, rates)


def _draw_speed(axes: "matplotlib.axes.Axes", history: History, theme: Theme) -> None:
    _draw_line(axes, history, history.pairs_per_second, colour=theme.series[0])
    axes.set_ylabel("pairs per second")
    _from_zero(axes, history.pairs_per_second)


PANELS: tuple[Panel, ...] = (
    Panel(
        "error",
        "Equivariance error",
        "How far a landmark lands from where the deformation took it, on warps held out from "
        "training, in % of the view's shorter side. Lower is better; a detector that nails its "
        "landmarks scores badly here.",
        _draw_error,
    ),
    Panel(
        "losses",
        "Losses",
        "The objective and its two terms on held-out warps. Equivariance falls as landmarks follow "
        "the warps; diversity falls as landmarks part from each other, and rises in self-training, "
        "often many times over: there landmarks are taught where to be, and no longer held apart. "
        "The equivariance error is what to judge by.",
        _draw_losses,
    ),
    Panel(
        "troubles",
        "Landmarks in trouble",
        "Dead: no clear peak anywhere. Nailed: at one place of the image whatever it shows. "
        "Doubled: pairs that share a place. All three should end at zero.",
        _draw_troubles,
    ),
    Panel(
        "spread",
        "Spread per landmark",
        "How much each landmark's place varies between images, in % of the view's shorter side, "
        "one line per landmark in its colour; of more than 16 landmarks the range, the middle "
        "half, the middle one, and the lines of the two that end lowest and highest. A landmark "
        "near zero does not look at the image.",
        _draw_spread,
    ),
    Panel(
        "learning_rate",
        "Learning rate",
        "It falls to zero, and where a run ends with self-training it rises and falls once more; "
        "with a plateau schedule each step down answers a plateau of the loss.",
        _draw_learning_rate,
    ),
    Panel(
        "speed",
        "Speed",
        "Training pairs per second, everything included. Dips are other work on the machine.",
        _draw_speed,
    ),
)


_SUPERVISED: tuple[Panel, ...] = (
    Panel(
        "training_error",
        "Training error",
        "How far the points lie from their annotations on the images that were trained on. It says "
        "how well these are learned, not how well others are predicted.",
        _draw_training_error,
    ),
    Panel(
        "losses",
        "Loss",
        "The mean distance to the annotations on warped images, in halves of the view's shorter "
        "side.",
        _draw_distance,
    ),
)


def panels_for(history: History) -> tuple[Panel, ...]:
    """The drawings that there are numbers for: a supervised run has a training error."""
    if not np.isfinite(history.training_error_percent).any():
        return PANELS
    return _SUPERVISED + tuple(panel for panel in PANELS if panel.name != "losses")


def _dress(axes: "matplotlib.axes.Axes", history: History, theme: Theme) -> None:
    from matplotlib.ticker import MaxNLocator

    dress(axes, theme, x_label="step", y_label="")
    axes.xaxis.set_major_formatter(_short_count)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_xlim(0, 1.03 * max(float(history.steps.max(initial=0.0)), 1.0))
    _mark_self_training(axes, history, theme)


def _mark_self_training(axes: "matplotlib.axes.Axes", history: History, theme: Theme) -> None:
    """Tint what is self-training; the legend, which covers no line, says so."""
    began = history.self_training_from[np.isfinite(history.self_training_from)]
    if not len(began):
        return
    _, end = axes.get_xlim()
    axes.axvspan(
        began[-1],
        end,
        color=theme.grid,
        alpha=0.45,
        linewidth=0,
        zorder=0,
        label="self-training",
    )


def _short_count(value: float, _position: float | None = None) -> str:
    """12000 as 12k: step counts must not collide on a phone."""
    thousand = 1000
    return f"{value / thousand:g}k" if abs(value) >= thousand else f"{value:g}"


def _draw_line(
    axes: "matplotlib.axes.Axes",
    history: History,
    values: Float[np.ndarray, " evaluations"],
    *,
    colour: str | tuple[float, ...],
    label: str | None = None,
    width: float = 3.0,
    steps: bool = False,
    rim: str | None = None,
) -> None:
    from matplotlib.patheffects import Normal, Stroke

    (line,) = axes.plot(
        history.steps,
        values,
        color=colour,
        label=label,
        linewidth=in_points(width),
        drawstyle="steps-post" if steps else "default",
        marker="o" if len(values) <= _FEW else "",
        markersize=in_points(1.6 * width + 2),
        markeredgewidth=0,
        solid_joinstyle="round",
        clip_on=not len(values),  # an empty line that is not clipped has no extent
    )
    if rim is not None:
        line.set_path_effects([Stroke(linewidth=in_points(width + 1.6), foreground=rim), Normal()])


def _logarithmic_if_possible(
    axes: "matplotlib.axes.Axes", columns: list[Float[np.ndarray, " evaluations"]]
) -> None:
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

    values = np.concatenate(columns)
    finite = values[np.isfinite(values)]
    if len(finite) and (finite > 0).all():
        axes.set_yscale("log")
        few_decades = finite.max() < 1e3 * finite.min()
        finer = (LogLocator(subs=(1, 2, 5)), LogLocator(subs=range(1, 10)), MaxNLocator(4))
        for locator in finer if few_decades else (LogLocator(subs=(1,)), *finer):
            axes.yaxis.set_major_locator(locator)
            low, high = axes.get_ylim()
            if sum(low <= tick <= high for tick in axes.get_yticks()) >= _TICKS:
                break
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
    elif not len(finite):
        _say_nothing_yet(axes)


def _from_zero(axes: "matplotlib.axes.Axes", values: np.ndarray, at_least: float = 0.0) -> None:
    finite = values[np.isfinite(values)]
    if not len(finite):
        _say_nothing_yet(axes)
    top = max(float(finite.max(initial=0.0)), at_least)
    axes.set_ylim(0, 1.15 * top if top > 0 else 1.0)


def _say_nothing_yet(axes: "matplotlib.axes.Axes") -> None:
    axes.set_yticks([])
    axes.text(
        0.5,
        0.5,
        "no numbers yet",
        transform=axes.transAxes,
        ha="center",
        fontsize=in_points(FONT),
        color=axes.xaxis.label.get_color(),
    )
