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
from warpmarks.cli.ending import USER_ERROR, exit_code, stoppable
from warpmarks.errors import OutOfMemory
from warpmarks.system.memory import out_of_memory

app = typer.Typer(
    name="warpmarks",
    help="Learn the landmarks of one kind of object from a folder of images, without annotations.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    # An exception that is not the user's to mend is a bug, and its plain traceback says where.
    pretty_exceptions_enable=False,
)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; its exit code, see `ending`."""
    return exit_code(lambda: _run(sys.argv[1:] if argv is None else argv))


def _run(argv: list[str]) -> int:
    try:
        # The code, where a verb has none of its own to return.
        return app(argv, prog_name="warpmarks", standalone_mode=False) or 0
    except usage.ParserError as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # the help has been printed
            return USER_ERROR
        raise usage.parser_error(error, _command(argv)) from error
    except (MemoryError, RuntimeError, OutOfMemory) as error:
        if (told := out_of_memory(error)) is None:
            raise
        print(f"error: {told}: {usage.less_memory(told, _flags(argv))}", file=sys.stderr)
        return USER_ERROR


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
