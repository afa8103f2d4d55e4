"""The command ``warpmarks`` and its verbs.

Every verb's module imports what it needs inside its function, so that ``--help`` answers at once.
"""

import sys
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
from warpmarks.cli.ending import INTERRUPTED, USER_ERROR, exit_code, stoppable
from warpmarks.errors import OutOfMemory
from warpmarks.system.memory import out_of_memory
from warpmarks.system.streams import check_written

app = typer.Typer(
    name="warpmarks",
    help="Learn the landmarks of one kind of object from a folder of images, without annotations.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    # An exception that is not the user's to mend is a bug, and its plain traceback says where.
    pretty_exceptions_enable=False,
)


_ANSWERS_ON_STDOUT = ("system", "datasets", "benchmark", "evaluate")


def main(argv: list[str] | None = None) -> int:
    """Run the command line; its exit code, see `ending`."""
    given = sys.argv[1:] if argv is None else argv
    return exit_code(lambda: _run(given) or _answered(given))


def _run(argv: list[str]) -> int:
    try:
        # The code, where a verb has none of its own to return.
        code: int = app(argv, prog_name="warpmarks", standalone_mode=False) or 0
        if code == INTERRUPTED:  # by a signal before the verb, which Typer keeps to itself
            print("stopped", file=sys.stderr)
        return code
    except usage.ParserError as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # the help has been printed
            return USER_ERROR
        raise usage.parser_error(error, _command(argv)) from error
    except (MemoryError, RuntimeError, OutOfMemory) as error:
        if (told := out_of_memory(error)) is None:
            raise
        print(f"error: {told}: {usage.less_memory(told, _flags(argv))}", file=sys.stderr)
        return USER_ERROR


def _answered(argv: list[str]) -> int:
    """0, where what was asked for is on stdout, or in a file, of which stdout has but a word.

    Raises:
        InputError: it should be on stdout, and is not.
    """
    verb = _command(argv)[1:]
    if not verb or verb[0] in _ANSWERS_ON_STDOUT or {"--help", "-h"} & set(argv):
        check_written()
    return 0


def _flags(argv: list[str]) -> set[str]:
    """The options of the command that a command line is of."""
    command: Any = typer.main.get_command(app)
    for word in _command(argv)[1:]:
        command = command.commands[word]
    return {flag for param in command.params for flag in param.opts}


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
    app.command(cls=usage.Command)(stoppable(_verb))

_datasets = typer.Typer(
    help="Published image sets: list those that are known, check a copy, prepare it for use.",
    cls=datasets.ListedByDefault,
)
_datasets.command("list", cls=usage.Command)(stoppable(datasets.list_sets))
_datasets.command(cls=usage.Command)(stoppable(datasets.check))
_datasets.command(cls=usage.Command)(stoppable(datasets.prepare))
app.add_typer(_datasets, name="datasets")
