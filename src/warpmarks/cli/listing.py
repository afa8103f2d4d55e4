"""Lists for people: long enough to act on, short enough to read."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from warpmarks.system.processes import is_first_process
from warpmarks.wording import counted, shown

if TYPE_CHECKING:
    from warpmarks.datasets.annotated import AnnotatedSet

SHOWN = 20


def left_out(unreadable: Sequence[tuple[str, str]]) -> list[str]:
    """Lines that count and name the images that could not be read."""
    if not unreadable:
        return []
    images = counted(len(unreadable), "image")
    were = "was" if len(unreadable) == 1 else "were"
    lines = [f"{images} could not be read and {were} left out:"]
    lines += [shown(f"  {name}: {reason}") for name, reason in unreadable[:SHOWN]]
    if len(unreadable) > SHOWN:
        lines.append(f"  and {len(unreadable) - SHOWN} more")
    return lines


def read_told(
    root: Path, *, split: str | None = None, normaliser: str | None = None
) -> "AnnotatedSet":
    """As `read_annotated`, with its notices on stderr."""
    from warpmarks.datasets.annotated import read_annotated

    annotated = read_annotated(root, split=split, normaliser=normaliser)
    if is_first_process():
        for notice in annotated.notices:
            print(notice, file=sys.stderr)
    return annotated
