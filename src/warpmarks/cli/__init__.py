"""The command line: one module per verb, nothing in it that Python could not do without it."""

from warpmarks.cli.app import main

__all__ = ["main"]
