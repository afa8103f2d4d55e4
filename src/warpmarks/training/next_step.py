"""Making what the next step needs on the host while this step is computed."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import fields, is_dataclass, replace
from typing import Any, Generic, TypeVar

from torch import Tensor

from warpmarks.warps import ThinPlateSpline

Made = TypeVar("Made")


class Ahead(Generic[Made]):
    """``make`` of each step, asked for in order, by a thread that is one step ahead.

    What is made depends on the step alone, so a step out of order only has to be waited for.
    """

    def __init__(self, make: Callable[[int], Made]) -> None:
        self._make = make
        self._thread: ThreadPoolExecutor | None = None
        self._next: tuple[int, Future[Made]] | None = None

    def __call__(self, step: int) -> Made:
        """What step ``step`` needs."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="ahead")
        if self._next is None or self._next[0] != step:
            self._next = step, self._thread.submit(self._make, step)
        made = self._next[1].result()
        self._next = step + 1, self._thread.submit(self._make, step + 1)
        return made


def pinned(drawn: Any) -> Any:
    """What the host drew, in memory that a GPU fetches from by itself.

    Warps in the precision that they sample in.
    """
    if isinstance(drawn, Tensor):
        return drawn.pin_memory()
    if not is_dataclass(drawn) or isinstance(drawn, type):
        return drawn
    parts = {field.name: getattr(drawn, field.name) for field in fields(drawn)}
    if isinstance(drawn, ThinPlateSpline):
        parts = {name: part.float() for name, part in parts.items()}
    return replace(drawn, **{name: pinned(part) for name, part in parts.items()})
