"""``warpmarks datasets``: the published image sets that are known, on the user's own disk."""

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from warpmarks.cli.options import Overwrite
from warpmarks.wording import counted

if TYPE_CHECKING:
    from warpmarks.datasets.published.checking import Check
    from warpmarks.datasets.published.published_set import PublishedSet

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        show_default=False,
        help="The image set: celeba, mafl, aflw, mtfl, 300w, cats, zappos or own.",
    ),
]
Folders = Annotated[
    list[Path],
    typer.Argument(
        metavar="FOLDER...",
        show_default=False,
        help="The folder that the set was unpacked into, or the several folders that hold its "
        "parts. They are only read.",
    ),
]


class ListedByDefault(TyperGroup):
    """``warpmarks datasets`` alone is ``warpmarks datasets list``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take ``list`` where no verb is given."""
        return super().parse_args(ctx, args or ["list"])


def list_sets() -> None:
    """List the sets that are known: where to get them, their licences, counts and conventions."""
    from warpmarks.datasets.published.registry import PUBLISHED

    print("\n\n".join(describe(known) for known in PUBLISHED.values()))


def check(name: Name, folders: Folders) -> None:
    """Check a folder against what is published of a set; the exit code is 2 if it does not fit."""
    from warpmarks.datasets.published.checking import check as check_set
    from warpmarks.datasets.published.registry import published_set
    from warpmarks.errors import InputError

    published = published_set(name)
    found = check_set(published, folders)
    print(counts(published, found))
    for note in found.notes:
        print(f"note: {note}")
    if found.gaps:
        for gap in found.gaps[1:]:
            print(f"gap: {gap}")
        raise InputError(found.gaps[0])
    print("complete")


def prepare(
    name: Name,
    folders: Folders,
    output: Annotated[
        Path,
        typer.Option(
            metavar="SET",
            show_default=False,
            help="The folder to write: images/, landmarks.csv, points.json, split.csv and "
            "source.csv.",
        ),
    ],
    crop: Annotated[
        str | None,
        typer.Option(
            metavar="CROP",
            show_default="the set's first",
            help="How to cut the objects out, by name; `warpmarks datasets` lists each set's.",
        ),
    ] = None,
    size: Annotated[
        int, typer.Option(min=16, help="Longer side of a crop in pixels; larger ones are reduced.")
    ] = 256,
    partial: Annotated[
        bool,
        typer.Option("--partial", help="Use what is there where images are missing or damaged."),
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Write a published set in the layout that every command takes; originals are only read.

    An interrupted run is gone on with by the same command.
    """
    from warpmarks.cli.listing import left_out
    from warpmarks.cli.progress import terminal_progress
    from warpmarks.datasets.published.preparing import prepare as prepare_set
    from warpmarks.datasets.published.registry import published_set
    from warpmarks.system.parallel import processors

    published = published_set(name)
    with terminal_progress() as progress:
        try:
            prepared = prepare_set(
                published,
                folders,
                output,
                crop=crop,
                size=size,
                partial=partial,
                overwrite=overwrite,
                threads=processors(),
                progress=progress,
            )
        except KeyboardInterrupt as stop:
            raise KeyboardInterrupt("the same command goes on from here") from stop
        for line in (*prepared.check.gaps, *prepared.check.notes, *left_out(prepared.left_out)):
            progress.message(line)
    print(counts(published, prepared.check))
    used = len(prepared.check.images.names) - len(prepared.left_out)
    print(
        f"{output}: {counted(used, 'image')}, cut: "
        f"{published.crops[crop or published.default_crop].text}"
    )


def describe(published: "PublishedSet") -> str:
    """All that is known of a set, for people."""
    numbers = ", ".join(f"{split} {count:,}" for split, count in published.counts.items())
    facts = [
        ("images", f"{published.category}; {numbers}" if numbers else published.category),
        ("points", published.points or "none"),
        ("errors over", "; ".join(f"{k} ({v})" for k, v in published.normalisers.items())),
        ("paper", published.used_for),
        ("licence", published.licence),
        ("where", published.where),
        ("cite", published.citation),
        ("FOLDER", ", ".join(published.layout)),
        *((f"--crop {crop}", rule.text) for crop, rule in published.crops.items()),
    ]
    paragraphs = [
        textwrap.fill(
            text,
            width=100,
            initial_indent=f"  {label:<15}",
            subsequent_indent=" " * 17,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for label, text in facts
        if text
    ]
    return "\n".join([f"{published.name}: {published.title}", *paragraphs])


def counts(published: "PublishedSet", found: "Check") -> str:
    """Images found and published, for each split."""
    rows = [("", "found", "published")]
    rows += [
        (count.split, f"{count.found:,}", "" if count.published is None else f"{count.published:,}")
        for count in found.counts
    ]
    first, second, third = (max(len(row[column]) for row in rows) for column in range(3))
    lines = [f"{a:<{first}}  {b:>{second}}  {c:>{third}}".rstrip() for a, b, c in rows]
    return "\n".join([published.title, *lines])
