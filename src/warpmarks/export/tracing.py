"""A detector's graph as torch traces it: any number of images of any size."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from warpmarks.errors import InputError
from warpmarks.export.graph import DetectorGraph

OLDEST_TORCH = "2.8"
"""2.6 takes sizes that vary for fixed ones; 2.7 was not tried."""

LARGEST = 16_383
"""Most pixels along a side: what torch is told of sizes; sums of bytes stay within 32 bits."""

_EXAMPLE = (2, 88, 72, 3)


def trace(graph: DetectorGraph) -> torch.export.ExportedProgram:
    """The graph with dynamic batch, height and width, and no paths of the files it came from.

    Raises:
        InputError: this torch is too old.
    """
    if torch.__version__ < OLDEST_TORCH:
        raise InputError(
            f"this torch is {torch.__version__}: exporting expects {OLDEST_TORCH} or newer, so "
            "install one, or export the run where there is one"
        )
    sizes = {
        0: torch.export.Dim("batch", min=1),
        1: torch.export.Dim("height", min=1, max=LARGEST),
        2: torch.export.Dim("width", min=1, max=LARGEST),
    }
    example = torch.zeros(_EXAMPLE, dtype=torch.uint8)
    with quiet(), torch.no_grad():
        program = torch.export.export(
            graph.eval(), (example,), dynamic_shapes=(sizes,), strict=False
        )
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)
    return program


@contextmanager
def quiet() -> Iterator[None]:
    """Exporters warn of libraries that nobody asked for and of their own old ways."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
