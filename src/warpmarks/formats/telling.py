"""Telling of progress while the images of a table are gone through."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from warpmarks.system.progress import Progress

Item = TypeVar("Item")


def one_by_one(progress: Progress, description: str, items: Sequence[Item]) -> Iterator[Item]:
    """The items, while ``progress`` is told how many are done."""
    progress.start(description, len(items))
    for item in items:
        yield item
        progress.advance()
    progress.finish()
