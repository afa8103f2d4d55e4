"""A detector's graph as torch traces it: any number of images of any size."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from warpmarks.export.graph import DetectorGraph

LARGEST = 16_383
"""Most pixels along a side: what torch is told of sizes; sums of bytes stay within 32 bits."""

_EXAMPLE = (2, 88, 72, 3)


def trace(graph: DetectorGraph) -> torch.export.ExportedProgram:
    """The graph with dynamic batch, height and width, and no paths of the files it came from."""
    sizes = {
        0: torch.export.Dim("batch", min=1),
        1: torch.export.Dim("height", min=1, max=LARGEST),
        2: torch.export.Dim("width", min=1, max=LARGEST),
    }
    example = torch.zeros(_EXAMPLE, dtype=torch.uint8)
    with quiet(), torch.no_grad():
        program = torch.export.export(graph.eval(), (example,), dynamic_shapes=(sizes,))
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
