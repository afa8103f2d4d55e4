"""The colours of drawings that are not photographs, for light and for dark surroundings."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Theme:
    """Paper, ink and the colours of up to three series, each at least 4.5 : 1 on the paper."""

    paper: str
    ink: str
    soft_ink: str
    grid: str
    series: tuple[str, str, str]


LIGHT = Theme("#ffffff", "#1b1f24", "#57606a", "#dfe3e8", ("#0958c4", "#b04500", "#1a7432"))
DARK = Theme("#171b21", "#e6edf3", "#9aa4af", "#333a43", ("#6cb0ff", "#f5954b", "#4cc38a"))
