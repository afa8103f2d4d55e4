"""One process at a time writes a run, a project or a growing file.

A lock ends with its process, however that ends. It guards against accidents: where the system has
no locks, as on some network disks, or no lock can be written, work goes on without.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from warpmarks.errors import InputError


def hold(path: Path, busy: str) -> FileLock:
    """Lock a file, which is made if its folder is there, until the lock's ``release``.

    Args:
        path: of the file, which has no other use.
        busy: the sentence for the user where another process holds it.

    Raises:
        InputError: another process holds it.
    """
    # Any thread may release it.
    lock = FileLock(path, timeout=0, thread_local=False, fallback_to_soft=False)
    if path.parent.is_dir():
        try:
            lock.acquire()
        except Timeout as error:
            if (
                path.exists()
            ):  # else none can be made here, of which what is to be written will tell
                raise InputError(busy) from error
        except (OSError, NotImplementedError):
            pass  # there are no locks here
    return lock


@contextmanager
def held(path: Path, busy: str) -> Iterator[None]:
    """`hold` while the block lasts; then the file is gone.

    Raises:
        InputError: as `hold`.
    """
    lock = hold(path, busy)
    try:
        yield
    finally:
        if lock.is_locked:
            with suppress(OSError):  # a folder that may no longer be written
                path.unlink(missing_ok=True)
        lock.release()
