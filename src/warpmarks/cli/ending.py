"""How a command ends: a sentence for what the user can mend, an exit code, and Ctrl-C in order."""

import functools
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from warpmarks.cli import usage
from warpmarks.errors import InputError, LostProcess, ToldElsewhere
from warpmarks.system.processes import LOST, is_first_on_its_machine

USER_ERROR = 2
INTERRUPTED = 130


def run_script(main: Callable[[list[str]], None]) -> int:
    """Run a script with the arguments of its command line as a verb is run; its exit code."""

    def run() -> int:
        stoppable(main)(sys.argv[1:])
        return 0

    return exit_code(run)


def exit_code(work: Callable[[], int]) -> int:
    """The code that a command's work ends with, errors told on stderr.

    It is 2 where the user can mend it, 130 on Ctrl-C or SIGTERM, otherwise what ``work`` returns.
    Where another process of the run has ended, it does not return: it ends the interpreter with 3.
    """
    try:
        return _with_system_errors_told(work)
    except InputError as error:
        # Several processes of one command meet the same errors.
        may_tell = error.tells or is_first_on_its_machine()
        if may_tell and not isinstance(error, ToldElsewhere):
            print(f"error: {error}", file=sys.stderr)
        return USER_ERROR
    except LostProcess as error:
        if error.tells:
            print(f"error: {error}", file=sys.stderr)
        # Torch's own end would wait for the process that is lost, and NCCL's for the GPU.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(LOST)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0


def _with_system_errors_told(work: Callable[[], int]) -> int:
    try:
        return work()
    except OSError as error:
        if (told := usage.system_error(error)) is None:
            raise
        raise told from error


def stoppable(verb: Callable[..., None]) -> Callable[..., None]:
    """The verb, which Ctrl-C or SIGTERM ends with a word on stderr and the exit code 130."""

    @functools.wraps(verb)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            with _sigterm_as_ctrl_c():
                verb(*args, **kwargs)
        except KeyboardInterrupt as stop:
            print(f"stopped{f'; {stop}' if str(stop) else ''}", file=sys.stderr)
            raise SystemExit(INTERRUPTED) from stop

    return run


@contextmanager
def _sigterm_as_ctrl_c() -> Iterator[None]:
    """SIGTERM, which schedulers send before they kill, stops a verb in order as Ctrl-C does."""
    mine = threading.current_thread() is threading.main_thread()
    if not mine or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
