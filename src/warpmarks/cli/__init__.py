"""The command line: a module for each verb, and what verbs share.

There is nothing in it that Python could not do without it.
"""

from warpmarks.cli.app import main

__all__ = ["main"]
