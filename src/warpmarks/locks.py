"""One process at a time writes a run, a project or a growing file; a lock ends with its process."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from warpmarks.errors import InputError


def hold(path: Path, busy: str) -> FileLock:
    """Lock a file, which is made if need be, until the lock's ``release``.

    Args:
        path: of the file, which has no other use.
        busy: the sentence for the user where another process holds it.

    Raises:
        InputError: another process holds it, or it cannot be written.
    """
    if not path.parent.is_dir():
        raise InputError(f"{path} cannot be written (there is no folder {path.parent})")
    # Any thread may release it.
    lock = FileLock(path, timeout=0, mode=0o600, thread_local=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise InputError(busy) from error
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror or error})") from error
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
        path.unlink(missing_ok=True)
        lock.release()
