"""Doing the same to many items in threads, with the results in order and few of them in memory."""

import itertools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

CHUNK = 8  # items per piece of work: enough to make little of handing it over
AHEAD = 2  # pieces per thread that are under way or wait to be fetched


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Workers:
    """Threads: Pillow decodes and resizes outside of Python's lock, and processes start slowly.

    An exception, also Ctrl-C, leaves the context as soon as the pieces under way are done.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._pool = ThreadPoolExecutor(count)

    def __enter__(self) -> "Workers":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def in_order(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        *,
        results_ahead: int = 0,
    ) -> Iterator[Result]:
        """``function`` of each item, in order.

        At most CHUNK * AHEAD results per thread wait to be fetched, or ``results_ahead`` in all if
        that is more.
        """
        most = max(AHEAD * self._count, -(-results_ahead // CHUNK))

        def work(chunk: list[Item]) -> list[Result]:
            return [function(item) for item in chunk]

        remaining = iter(items)
        waiting: deque[Future[list[Result]]] = deque()
        while True:
            while len(waiting) < most:
                chunk = list(itertools.islice(remaining, CHUNK))
                if not chunk:
                    break
                waiting.append(self._pool.submit(work, chunk))
            if not waiting:
                return
            yield from waiting.popleft().result()
