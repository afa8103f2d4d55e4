"""The colours of drawings that are not photographs, for light and for dark surroundings."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Theme:
    """Paper, ink and the colours of up to eight series, each at least 4.5 : 1 on the paper.

    The first three are the quiet ones of drawings with few; each of the others was chosen as unlike
    those before it as can be, to usual sight and without red or green cones.
    """

    paper: str
    ink: str
    soft_ink: str
    grid: str
    series: tuple[str, ...]


LIGHT = Theme(
    "#ffffff",
    "#1b1f24",
    "#57606a",
    "#dfe3e8",
    ("#0958c4", "#b04500", "#1a7432", "#871e78", "#e10f78", "#874bff", "#7869a5", "#2d00f0"),
)
DARK = Theme(
    "#171b21",
    "#e6edf3",
    "#9aa4af",
    "#333a43",
    ("#6cb0ff", "#f5954b", "#4cc38a", "#b469b4", "#ff2d0f", "#e100ff", "#ffb4d2", "#d2d200"),
)
