"""Figures to files."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from warpmarks.system.files import atomic_path

if TYPE_CHECKING:
    import matplotlib.figure


def rendered(figure: "matplotlib.figure.Figure") -> UInt8[np.ndarray, "height width 4"]:
    """The figure's pixels, with opacity."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba()).copy()


def save_figure(figure: "matplotlib.figure.Figure", path: Path) -> None:
    """Write the figure as PNG, pixel for pixel, whole or not at all; the folder must exist."""
    from PIL import Image

    pixels = rendered(figure)
    with atomic_path(path) as temporary:
        Image.fromarray(pixels).save(temporary, format="PNG", compress_level=6)
