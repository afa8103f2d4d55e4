"""``warpmarks reproduce``: the paper's tables and figures, each by one command."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from warpmarks.cli.fit import Method, MethodOption
from warpmarks.cli.options import Device, DeviceChoice, ImageSize, Recipe, Threads
from warpmarks.cli.tables import print_table
from warpmarks.errors import InputError
from warpmarks.reproduce.sources import FLAGS

if TYPE_CHECKING:
    from warpmarks.reproduce.carry_out import Outcome
    from warpmarks.reproduce.plan import Step
    from warpmarks.reproduce.protocol import Protocol

LIST = "list"
Folders = list[Path] | None


def _folder(name: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        f"--{name}", metavar="DIR", show_default=False, help=FLAGS[name], rich_help_panel="Images"
    )
    return option


def reproduce(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME...",
            show_default=LIST,
            help="Experiments, such as table1 or fig3; `list` says what there is and what each "
            "needs.",
        ),
    ] = None,
    celeba: Annotated[Folders, _folder("celeba")] = None,
    mafl: Annotated[Folders, _folder("mafl")] = None,
    aflw: Annotated[Folders, _folder("aflw")] = None,
    mtfl: Annotated[Folders, _folder("mtfl")] = None,
    three_hundred_w: Annotated[Folders, _folder("300w")] = None,
    cats: Annotated[Folders, _folder("cats")] = None,
    zappos: Annotated[Folders, _folder("zappos")] = None,
    own: Annotated[Folders, _folder("set")] = None,
    fit_split: Annotated[
        str,
        typer.Option(metavar="NAME", help="Split of --set to learn and fit on."),
    ] = "train",
    score_split: Annotated[
        str, typer.Option(metavar="NAME", help="Split of --set to score on.")
    ] = "val",
    output: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            help="Folder for tables, pictures, networks and prepared sets. What an earlier command "
            "has finished in it is used, whichever experiment it was.",
        ),
    ] = Path("reproduction"),
    quick: Annotated[
        bool,
        typer.Option(
            "--quick", help="A smoke run: few images, tiny networks, 20 steps. Shows that all runs."
        ),
    ] = False,
    seeds: Annotated[
        int, typer.Option(min=1, help="Train every network so many times, with seeds from 0.")
    ] = 1,
    recipe: Recipe = None,
    image_size: ImageSize = None,
    steps: Annotated[
        int | None,
        typer.Option(
            min=1,
            show_default="until each has converged",
            help="Budget of every training in steps, one batch each.",
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            show_default="until each has converged",
            help="Budget of every training in minutes, above 0.",
        ),
    ] = None,
    method: MethodOption = Method.AUTO,
    normaliser: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            show_default="the paper's, or the set's",
            help="What errors are divided by, e.g. inter-ocular, outer-eye-corners, box or 1:2.",
        ),
    ] = None,
    device: DeviceChoice = Device.AUTO,
    threads: Threads = None,
) -> None:
    """Carry out the paper's experiments; the same command goes on where it was stopped."""
    if names is None or LIST in names:
        print(list_protocols())
        return
    from warpmarks.cli.devices import prepare
    from warpmarks.cli.progress import terminal_progress
    from warpmarks.reproduce.carry_out import NothingToDo, carry_out
    from warpmarks.reproduce.copies import find_copies
    from warpmarks.reproduce.plan import Training
    from warpmarks.reproduce.protocol import load_protocol
    from warpmarks.reproduce.settings import choose_settings

    protocols = [load_protocol(name) for name in dict.fromkeys(names)]
    given = {
        "celeba": celeba,
        "mafl": mafl,
        "aflw": aflw,
        "mtfl": mtfl,
        "300w": three_hundred_w,
        "cats": cats,
        "zappos": zappos,
        "set": own,
    }
    folders = {flag: tuple(paths) for flag, paths in given.items() if paths}
    check_folders(folders)
    settings = choose_settings(
        recipe=recipe or "default",
        image_size=image_size,
        steps=steps,
        minutes=minutes,
        seeds=seeds,
        method=method.value,
        normaliser=normaliser,
        quick=quick,
    )
    prepare(device, threads)
    failures: list[str] = []
    left_out: list[str] = []
    for protocol in protocols:
        copies = find_copies(protocol.parts(), folders, {"train": fit_split, "val": score_split})
        with terminal_progress() as progress:

            def told(number: int, count: int, step: "Step", name: str = protocol.name) -> None:
                doing = "training " if isinstance(step, Training) else ""
                progress.message(f"{name} {number} of {count}: {doing}{step.name}")

            try:
                outcome = carry_out(
                    protocol,
                    settings,
                    copies,
                    output,
                    conduct={"device": device.value, "threads": threads, "progress": progress},
                    on_step=told,
                )
            except NothingToDo as nothing:
                left_out.append(str(nothing))
                continue
            except KeyboardInterrupt:
                raise KeyboardInterrupt("the same command goes on from here") from None
        print_outcome(protocol, outcome, output, quick=quick)
        failures += outcome.failures
    if len(left_out) == len(protocols):
        failures = left_out
    else:
        for line in left_out:
            print(line, file=sys.stderr)
    if failures:
        others = f" ({len(failures) - 1} more such)" if len(failures) > 1 else ""
        raise InputError(f"{failures[0]}{others}")


def check_folders(folders: "dict[str, tuple[Path, ...]]") -> None:
    """Raise unless every folder that was given is one.

    Raises:
        InputError: it is none.
    """
    for flag, paths in folders.items():
        for path in paths:
            if path.is_dir():
                continue
            hint = ", and settings are changed by --recipe FILE" if "=" in str(path) else ""
            raise InputError(
                f"--{flag} {path} is not a folder: expected that of {_within(FLAGS[flag])}{hint}"
            )


def _within(text: str) -> str:
    """A text of `FLAGS` as it stands within a sentence."""
    article, space, rest = text.rstrip(".").partition(" ")
    return f"{article.lower() if article in {'A', 'The'} else article}{space}{rest}"


def list_protocols() -> str:
    """What there is, and which images each needs."""
    from warpmarks.reproduce.protocol import load_protocol, protocol_names
    from warpmarks.reproduce.sources import flags_of

    lines = []
    for name in protocol_names():
        protocol = load_protocol(name)
        needed, also = flags_of(protocol.parts())
        flags = " ".join([*(f"--{flag} DIR" for flag in needed), *(f"[--{a} DIR]" for a in also)])
        lines += [f"{name:<8}{protocol.reproduces}: {protocol.title}", f"{'':<8}  {flags}"]
    lines += ["", *(f"--{flag:<8}{text}" for flag, text in FLAGS.items())]
    lines += ["", "warpmarks datasets says where to get each of them, and under which licence."]
    return "\n".join(lines)


def print_outcome(
    protocol: "Protocol",
    outcome: "Outcome",
    output: Path,
    *,
    quick: bool,
) -> None:
    """The table with its notes, and where everything is."""
    from warpmarks.reproduce.record import HEADER, row_cells, title, used_columns

    console = Console(highlight=False, soft_wrap=True)
    if outcome.rows:
        table = Table(title=title(protocol, outcome.normaliser), title_justify="left")
        columns = used_columns(outcome.rows)
        for column in columns:
            table.add_column(HEADER[column], justify="left" if column == 0 else "right")
        for row in outcome.rows:
            cells = row_cells(row)
            table.add_row(
                *(cells[column] for column in columns), style="dim" if row.by_others else None
            )
        print_table(console, table)
    else:
        console.print(title(protocol, ""), markup=False)
    for note in outcome.notes:
        console.print(note, markup=False)
    stem = f"{protocol.name}-quick" if quick else protocol.name
    console.print(f"table: {output / stem}.md and .json", markup=False)
    if outcome.pictures:
        console.print(f"pictures: {output / stem}", markup=False)
