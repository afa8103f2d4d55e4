"""The command ``warpmarks``: its verbs, and how errors reach the user.

Every verb's module imports what it needs inside its function, so that ``--help`` answers at once.
"""

import functools
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

import warpmarks
from warpmarks.cli import (
    annotate,
    benchmark,
    convert,
    datasets,
    demo,
    detect,
    evaluate,
    export,
    finetune,
    fit,
    fleet,
    reproduce,
    show,
    supervise,
    system,
    train,
    usage,
)
from warpmarks.errors import InputError, LostProcess, ToldElsewhere
from warpmarks.system.processes import LOST, is_first_on_its_machine

USER_ERROR = 2
INTERRUPTED = 130

app = typer.Typer(
    name="warpmarks",
    help="Learn the landmarks of one kind of object from a folder of images, without annotations.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    # An exception that is not the user's to mend is a bug, and its plain traceback says where.
    pretty_exceptions_enable=False,
)


def main(argv: list[str] | None = None) -> int:
    """Run the command line.

    The exit code is 2 where the user can mend it, 130 on Ctrl-C or SIGTERM, and 3 where another
    process of the run has ended.
    """
    try:
        return _run(sys.argv[1:] if argv is None else argv)
    except InputError as error:
        # Several processes of one command meet the same errors.
        if is_first_on_its_machine() and not isinstance(error, ToldElsewhere):
            print(f"error: {error}", file=sys.stderr)
        return USER_ERROR
    except LostProcess as error:
        if error.tells:
            print(f"error: {error}", file=sys.stderr)
        return LOST
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0


def _run(argv: list[str]) -> int:
    try:
        # The code, where a verb has none of its own to return.
        return app(argv, prog_name="warpmarks", standalone_mode=False) or 0
    except usage.ParserError as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # the help has been printed
            return USER_ERROR
        raise usage.parser_error(error, _command(argv)) from error
    except OSError as error:
        if (told := usage.system_error(error)) is None:
            raise
        raise told from error


def _command(argv: list[str]) -> list[str]:
    """The words that name the command of a command line."""
    group: Any = typer.main.get_command(app)
    words = ["warpmarks"]
    for word in argv:
        group = getattr(group, "commands", {}).get(word)
        if group is None:
            break
        words.append(word)
    return words


def _stoppable(verb: Callable[..., None]) -> Callable[..., None]:
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


def _print_version(wanted: bool) -> bool:
    if wanted:
        print(f"warpmarks {warpmarks.__version__}")
        raise typer.Exit
    return wanted


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


for _verb in (
    train.train,
    detect.detect,
    fleet.fleet_detect,
    show.show,
    annotate.annotate,
    convert.convert,
    finetune.finetune,
    supervise.supervise,
    fit.fit,
    evaluate.evaluate,
    export.export,
    reproduce.reproduce,
    demo.demo,
    benchmark.benchmark,
    system.system,
):
    app.command(cls=usage.Command)(_stoppable(_verb))

_datasets = typer.Typer(
    help="Published image sets: list those that are known, check a copy, prepare it for use.",
    cls=datasets.ListedByDefault,
)
_datasets.command("list", cls=usage.Command)(_stoppable(datasets.list_sets))
_datasets.command(cls=usage.Command)(_stoppable(datasets.check))
_datasets.command(cls=usage.Command)(_stoppable(datasets.prepare))
app.add_typer(_datasets, name="datasets")
