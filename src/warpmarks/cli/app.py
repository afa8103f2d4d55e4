"""The command ``warpmarks``: its verbs, and how its errors reach the user."""

import typer

app = typer.Typer(name="warpmarks")


@app.command()
def system() -> None:
    """Print versions."""


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    app(argv, standalone_mode=False)
    return 0
