"""``warpmarks demo``: the whole of it on the built-in synthetic category."""

from pathlib import Path
from typing import Annotated

import typer

from warpmarks.cli.options import Overwrite


def demo(
    output: Annotated[Path, typer.Option(metavar="DIR")] = Path("demo"),
    overwrite: Overwrite = False,
) -> None:
    """Render images, train, detect, evaluate and draw, in minutes on two CPU cores."""
    raise NotImplementedError
