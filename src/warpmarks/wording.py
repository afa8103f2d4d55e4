"""Numbers in sentences."""

from collections.abc import Sequence


def counted(number: int, thing: str) -> str:
    """So many of a thing, in words.

    >>> counted(1, "image"), counted(2000, "annotated image")
    ('1 image', '2,000 annotated images')
    """
    return f"1 {thing}" if number == 1 else f"{number:,} {thing}s"


def be(number: int) -> str:
    """The verb of so many things."""
    return "is" if number == 1 else "are"


def do(number: int, verb: str) -> str:
    """The verb of so many things: one follows, two follow."""
    return f"{verb}s" if number == 1 else verb


def line_of(lines: Sequence[int], row: int) -> str:
    """Where a row of a table is in its file, to follow the file's name; empty where unknown."""
    return f", line {lines[row]}" if lines else ""
