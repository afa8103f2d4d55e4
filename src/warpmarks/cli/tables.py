"""Tables for people, whose numbers are whole on however narrow a terminal."""

from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

_WORDS = 16
"""Characters that a line of the first column has in any case."""


def print_table(console: Console, table: Table) -> None:
    """Print a table; where there is no room the first column is folded, and then lines run on.

    Its title stands above it on the width of the terminal: Rich would fold it to the table's.

    Args:
        console: where to print.
        table: words in its first column, numbers in the others.
    """
    if table.title:
        console.print(table.title, style="table.title")
        table.title = None
    for index, column in enumerate(table.columns):
        widest = max(cell_len(str(cell)) for cell in (column.header, *column.cells))
        column.min_width, column.no_wrap = widest, True
        if index == 0:
            column.min_width, column.no_wrap, column.overflow = min(widest, _WORDS), False, "fold"
    endless = console.options.update(max_width=10_000)
    least, most = Measurement.get(console, endless, table)
    table.width = max(least, min(most, console.width))
    console.print(table, soft_wrap=False, crop=False)
