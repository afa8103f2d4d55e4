"""Contrast of the page's colours, computed from its style sheet."""

import re
from pathlib import Path

import pytest

STYLE = Path(__file__).parents[2] / "web" / "src" / "style.css"
TEXT, SHAPE = 4.5, 3.0
"""WCAG 2.2 AA: of text (1.4.3), and of what shows where a control is (1.4.11)."""

PAIRS = [
    *((ink, ground, TEXT) for ink in ("ink", "soft") for ground in ("ground", "card", "hover")),
    ("ink", "accent-soft", TEXT),
    ("soft", "accent-soft", TEXT),
    ("accent", "card", TEXT),
    ("accent", "ground", TEXT),
    ("accent", "accent-soft", TEXT),
    ("accent-ink", "accent", TEXT),
    ("bad", "card", TEXT),
    ("bad", "bad-soft", TEXT),
    ("warning", "warning-soft", TEXT),
    ("edge", "card", SHAPE),
    ("accent", "stage", SHAPE),
]


def colours(scheme: str) -> dict[str, str]:
    found = re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", STYLE.read_text())
    assert len(found) > 12
    return {name: {"light": light, "dark": dark}[scheme] for name, light, dark in found}


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted([luminance(one), luminance(other)])
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "ground", "least"), PAIRS)
def test_what_is_read_stands_out(scheme: str, ink: str, ground: str, least: float) -> None:
    known = colours(scheme)
    assert contrast(known[ink], known[ground]) >= least
