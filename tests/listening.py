"""A listener to progress that keeps what it is told."""


class Listener:
    """Attributes:
    pieces: description and total of each piece of work.
    done: of each piece, how many units, those of before included.
    messages: what the user should read.
    finished: pieces that are done.
    """

    def __init__(self) -> None:
        self.pieces: list[tuple[str, int | None]] = []
        self.done: list[int] = []
        self.messages: list[str] = []
        self.finished = 0

    def start(self, description: str, total: int | None, done: int = 0) -> None:
        self.pieces.append((description, total))
        self.done.append(done)

    def advance(self, amount: int = 1) -> None:
        self.done[-1] += amount

    def message(self, text: str) -> None:
        self.messages.append(text)

    def finish(self) -> None:
        self.finished += 1
