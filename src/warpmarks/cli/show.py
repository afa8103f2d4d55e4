"""``warpmarks show``: the paper's figures of a run on images."""

from pathlib import Path
from typing import Annotated

import typer

from warpmarks.cli.options import AllowUnreadable, Images, Overwrite, Run, Split

Output = Annotated[
    Path, typer.Option(metavar="DIR", help="Folder to write the pictures and report.html to.")
]


def show(
    run: Run,
    images: Images,
    output: Output = Path("pictures"),
    split: Split = None,
    allow_unreadable: AllowUnreadable = False,
    overwrite: Overwrite = False,
) -> None:
    """Draw what a trained run finds on images: deformations, instances, maps and patches."""
    raise NotImplementedError
