"""Lists for people: long enough to act on, short enough to read."""

from collections.abc import Sequence

from warpmarks.wording import counted, shown

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
