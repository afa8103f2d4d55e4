"""Items made in a thread of their own while the last ones are used."""

import queue
import threading
from collections.abc import Generator, Iterable
from typing import TypeVar

Item = TypeVar("Item")

_END = object()


def ahead(items: Iterable[Item], count: int) -> Generator[Item, None, None]:
    """The items in order, of which at most ``count`` wait; an exception comes where it was raised.

    A user who stops early stops the thread.
    """
    waiting: queue.Queue[object] = queue.Queue(max(1, count))
    stopped = threading.Event()
    failure: list[BaseException] = []

    def put(item: object) -> bool:
        while not stopped.is_set():
            try:
                waiting.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in items:
                if not put(item):
                    return
        except BaseException as error:  # whatever it is, it is the user's thread that shall see it
            failure.append(error)
        finally:
            if isinstance(items, Generator):
                items.close()
            put(_END)

    thread = threading.Thread(target=work, name="ahead", daemon=True)
    thread.start()
    try:
        while (item := waiting.get()) is not _END:
            yield item  # type: ignore[misc]
        if failure:
            raise failure[0]
    finally:
        stopped.set()
        thread.join()
