"""Where each landmark lies over all instances: a cloud that moves with the object, or a nail."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from warpmarks.plots.colours import colour_code, ink_on, landmark_colours
from warpmarks.plots.sheet import draw_dots, in_points, new_figure
from warpmarks.plots.themes import LIGHT, Theme

if TYPE_CHECKING:
    import matplotlib.figure

_MARGIN = 14
_SPECKS = 20_000  # drawn in all; more would be a blot


def draw_scatter(
    landmarks: Float[np.ndarray, "images points 2"],
    height: int,
    width: int,
    *,
    theme: Theme = LIGHT,
    picture_width: int = 760,
) -> "matplotlib.figure.Figure":
    """Every landmark of every instance in the frame of the view, and each one's mean, numbered.

    Args:
        landmarks: in pixels of views of height x width; NaN is left out.
        height: of the views.
        width: of the views.
        theme: light or dark.
        picture_width: pixels of the picture.
    """
    num_landmarks = landmarks.shape[1]
    inner = picture_width - 2 * _MARGIN
    picture_height = round(inner * height / width) + 2 * _MARGIN
    figure = new_figure(picture_height, picture_width)
    figure.set_facecolor(theme.paper)
    share = (_MARGIN / picture_width, _MARGIN / picture_height)
    axes = figure.add_axes((*share, 1 - 2 * share[0], 1 - 2 * share[1]))
    axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), facecolor=theme.paper)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(theme.soft_ink)

    colours = landmark_colours(num_landmarks)
    every = max(1, -(-landmarks.shape[0] * num_landmarks // _SPECKS))
    for index, colour in enumerate(colours):
        specks = landmarks[::every, index]
        draw_dots(axes, specks, 5.0, c=[colour / 255], alpha=0.4, linewidths=0, zorder=2)
    diameter = 24.0 if num_landmarks <= 36 else 18.0  # room for two digits
    for index, colour in enumerate(colours):
        points = landmarks[np.isfinite(landmarks[:, index]).all(axis=-1), index]
        if not len(points):
            continue
        mean = points.mean(axis=0)
        draw_dots(
            axes,
            mean[None],
            diameter,
            c=colour_code(colour),
            edgecolors=theme.ink,
            linewidths=in_points(1.6),
            zorder=3,
        )
        axes.text(
            float(mean[0]),
            float(mean[1]),
            str(index + 1),
            fontsize=in_points(0.56 * diameter),
            fontweight="bold",
            color=ink_on(colour),
            ha="center",
            va="center_baseline",
            zorder=4,
        )
    return figure
