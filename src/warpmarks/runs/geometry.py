"""Sizes of a run's picture, view and score map, from its settings and its images' aspect.

And the random warps of its views, which depend on the aspect.
"""

import math
from dataclasses import dataclass

from warpmarks.configuration import ImageConfig, NetworkConfig, TrainingConfig, WarpConfig
from warpmarks.errors import InputError
from warpmarks.network import COARSE_BLOCK
from warpmarks.warps import RandomWarps, WarpRange, control_grid


@dataclass(frozen=True)
class Geometry:
    """Pixels of the cached picture and of the view, cells of the map: (height, width) each."""

    picture: tuple[int, int]
    view: tuple[int, int]

    @property
    def cells(self) -> tuple[int, int]:
        """The network's one 2 x 2 pooling halves the view."""
        return self.view[0] // 2, self.view[1] // 2

    @property
    def aspect(self) -> float:
        """Width over height of the view."""
        return self.view[1] / self.view[0]


def plan_geometry(image: ImageConfig, aspect: float) -> Geometry:
    """A view of about size x size pixels of the given width over height, and its picture.

    Sides are multiples of four, so that the map's cells are pooled in whole blocks more often.
    """

    def to_four(length: float) -> int:
        return max(8, 4 * round(length / 4))

    stretch = math.sqrt(aspect)
    view = to_four(image.size / stretch), to_four(image.size * stretch)
    shrink = 1 - 2 * image.margin
    return Geometry(picture=(round(view[0] / shrink), round(view[1] / shrink)), view=view)


def warps_of(section: WarpConfig, config: TrainingConfig, geometry: Geometry) -> RandomWarps:
    """Random warps of a run's views, from a section of its settings."""
    return RandomWarps(
        WarpRange(**section.model_dump()),
        aspect=geometry.aspect,
        controls=control_grid(config.warps.controls, config.warps.controls),
    )


def require_room_for_padding(network: NetworkConfig, geometry: Geometry) -> None:
    """Raise where an edge cannot be mirrored because the map has too few cells beside it.

    Raises:
        InputError: ``reflect`` with a layer whose kernel reaches as far as its map is wide.
    """
    if network.padding != "reflect":
        return
    reaches = [
        (f"layer {index + 1}", dilation * (kernel // 2), geometry.cells if index else geometry.view)
        for index, (kernel, dilation) in enumerate(
            zip(network.kernels, network.dilations, strict=True)
        )
    ]
    if network.coarse:
        blocks = (
            math.ceil(geometry.cells[0] / COARSE_BLOCK),
            math.ceil(geometry.cells[1] / COARSE_BLOCK),
        )
        reaches.append(("network.coarse", 1, blocks))
    for name, reach, (rows, columns) in reaches:
        if reach >= min(rows, columns):
            raise InputError(
                f"network.padding is reflect, but {name} reaches {reach} cells beyond "
                f"the edge of a map of {columns} x {rows}, which has too few to mirror: take "
                "replicate, smaller network.kernels and dilations, or a larger image.size"
            )
