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


def have(number: int) -> str:
    """The verb of what so many things own or have become."""
    return "has" if number == 1 else "have"


def do(number: int, verb: str) -> str:
    """The verb of so many things: one follows, two follow."""
    return f"{verb}s" if number == 1 else verb


def shown(name: str) -> str:
    """A name as text: bytes of a file's name that are no text become a mark.

    >>> shown("cat" + chr(0xDCE9) + ".jpg")
    'cat�.jpg'
    """
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def cut(text: str, length: int = 60) -> str:
    """The beginning of a text that is too long to be shown.

    >>> cut("a whole file", 7)
    'a whole...'
    """
    return text if len(text) <= length else f"{text[:length]}..."


def first_of(names: Sequence[str], count: int = 6) -> str:
    """Names, the first of them and how many there are if they are many.

    >>> first_of(["a", "b", "c"], 2)
    'a, b, ... (3 in all)'
    """
    if len(names) <= count:
        return ", ".join(names)
    return f"{', '.join(names[:count])}, ... ({len(names)} in all)"


def line_of(lines: Sequence[int], row: int) -> str:
    """Where a row of a table is in its file, to follow the file's name; empty where unknown."""
    return f", line {lines[row]}" if lines else ""
