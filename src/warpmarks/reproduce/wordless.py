"""Progress without words, for smoke runs: networks of 20 steps have collapsed, which is no news."""

from warpmarks.system.progress import Progress


class WordlessProgress:
    """Tells a listener how far work is, and nothing more."""

    def __init__(self, listener: Progress) -> None:
        self._listener = listener

    def start(self, description: str, total: int | None, done: int = 0) -> None:
        """Pass the beginning on."""
        self._listener.start(description, total, done)

    def advance(self, amount: int = 1) -> None:
        """Pass an advance on."""
        self._listener.advance(amount)

    def message(self, text: str) -> None:
        """Ignore a message."""

    def finish(self) -> None:
        """Pass the end on."""
        self._listener.finish()
