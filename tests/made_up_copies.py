"""Copies of image sets that nobody has, for plans that touch no disk."""

from warpmarks.reproduce.copies import Copy, Split


def made_up(source: str, points: int = 5, absent: str = "", **splits: int) -> Copy:
    """A copy with so many images in each split, all annotated."""
    return Copy(
        source,
        splits={
            name: Split(count, count if points else 0, count if points else 0, f"{source}{name}")
            for name, count in splits.items()
        },
        there=tuple(splits),
        points=points,
        absent=absent,
    )
