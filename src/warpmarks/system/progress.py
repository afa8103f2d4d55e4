"""How long work tells of its progress, without knowing who listens."""

from collections.abc import Collection, Iterator
from typing import Protocol, TypeVar, runtime_checkable

Item = TypeVar("Item")

IN_SECONDS = "(seconds)"
"""At the end of a description: the units are seconds, of which there is one per second."""


@runtime_checkable
class Progress(Protocol):
    """A listener: a bar in a terminal, a line in a log, or nobody."""

    def start(self, description: str, total: int | None, done: int = 0) -> None:
        """A piece of work of ``total`` units begins; None where the number is not known.

        ``done`` units were done before, by an earlier process.
        """

    def advance(self, amount: int = 1) -> None:
        """So many more units are done."""

    def message(self, text: str) -> None:
        """Something the user should read now."""

    def finish(self) -> None:
        """The piece of work is done."""


class SilentProgress:
    """The default listener: nobody."""

    def start(self, description: str, total: int | None, done: int = 0) -> None:
        """Ignore the beginning."""

    def advance(self, amount: int = 1) -> None:
        """Ignore an advance."""

    def message(self, text: str) -> None:
        """Ignore a message."""

    def finish(self) -> None:
        """Ignore the end."""


def one_by_one(progress: Progress, description: str, items: Collection[Item]) -> Iterator[Item]:
    """The items, while ``progress`` is told how many are done."""
    progress.start(description, len(items))
    for item in items:
        yield item
        progress.advance()
    progress.finish()
