"""What a format cannot hold, so that nothing goes without a word."""

from collections.abc import Container, Sequence
from enum import StrEnum

import numpy as np

from warpmarks.formats.table import HIDDEN, PointTable
from warpmarks.plots.colours import colour_code, landmark_colours


class Keeps(StrEnum):
    """What a format may hold beside images and places."""

    NAMES = "names of points"
    HIDDEN = "marks of hidden points"
    HIDDEN_NOWHERE = "marks of hidden points without a place"
    SCORES = "scores"
    SMOOTHED = "smoothed points"
    ACCEPTED = "marks of points that were accepted as suggested"
    BOXES = "boxes"
    LINES = "curves and outlines"
    SCALES = "scales"
    NOTES = "identifiers and notes"
    SKELETON = "lines between points"
    MIRROR = "mirror pairs"
    NORMALISER = "what errors are divided by"
    COLOURS = "colours of points"
    FRACTIONS = "fractions of pixels"
    OUTSIDE = "points outside of their image"


def lost(table: PointTable, keeps: Container[Keeps]) -> list[str]:
    """What the table has and a format does not keep, with how much of it there is, or which.

    The normaliser that a set has where nobody gave one is no loss, and our own colours are none.
    """
    hidden = table.visibility == HIDDEN
    counts: dict[Keeps, int | str] = {
        Keeps.NAMES: len(table.names) if table.named else 0,
        Keeps.HIDDEN: int((hidden & table.placed).sum()),
        Keeps.HIDDEN_NOWHERE: int((hidden & ~table.placed).sum()),
        Keeps.SCORES: 0 if table.scores is None else int(np.isfinite(table.scores).sum()),
        Keeps.SMOOTHED: 0 if table.smoothed is None else int(table.smoothed.sum()),
        Keeps.ACCEPTED: 0 if table.accepted is None else int(table.accepted.sum()),
        Keeps.BOXES: sum(extras.box is not None for extras in table.extras),
        Keeps.LINES: sum(len(extras.curves) + len(extras.outlines) for extras in table.extras),
        Keeps.SCALES: sum(extras.scale is not None for extras in table.extras),
        Keeps.NOTES: sum(bool(extras.identifier or extras.notes) for extras in table.extras),
        Keeps.SKELETON: len(table.skeleton),
        Keeps.MIRROR: len(table.mirror),
        Keeps.NORMALISER: "" if table.normaliser in (None, "box") else table.normaliser,
        Keeps.COLOURS: _chosen(table.colours or ()),
        Keeps.FRACTIONS: int((table.points[table.placed] % 1 != 0).any(axis=1).sum()),
        Keeps.OUTSIDE: int(table.outside.sum()),
    }
    return [
        f"{what.value} ({counts[what]})" for what in Keeps if counts[what] and what not in keeps
    ]


def _chosen(colours: Sequence[str]) -> int:
    """How many are none of those that the annotator gives points until somebody chooses others.

    They keep theirs when points before them are taken away, so that any of ours may be anywhere.
    """
    ours = {colour_code(colour) for colour in landmark_colours(max(64, len(colours)))}
    return sum(colour.lower() not in ours for colour in colours)
