"""Lightning Pose's labels: DeepLabCut's CSV with a column ``visible`` after each x and y.

``visible`` counts as COCO does: 0 not labelled, 1 hidden (with or without a place), 2 visible
(lightning-pose pull request 440). A file without it is DeepLabCut's, and read as such.

Pixels: as ours, as in DeepLabCut's.
"""

from pathlib import Path

import numpy as np

from warpmarks.formats.deeplabcut import read as read_deeplabcut
from warpmarks.formats.deeplabcut import write_table
from warpmarks.formats.image_files import ImageFiles
from warpmarks.formats.table import PointTable


def read(path: Path, files: ImageFiles) -> PointTable:
    """Read labels.

    Raises:
        InputError: the header or a cell is wrong; the message names the line.
    """
    return read_deeplabcut(path, files)


def write(path: Path, table: PointTable) -> None:
    """Write labels with ``visible``.

    Raises:
        InputError: a name cannot be held, or the file cannot be written.
    """
    values = np.concatenate([table.points, table.visibility[..., None]], axis=2)
    write_table(path, table, ["x", "y", "visible"], values, "Lightning Pose's CSV")
