"""The command line: one module per verb, and nothing that another program could not do in Python."""

from warpmarks.cli.app import main

__all__ = ["main"]
