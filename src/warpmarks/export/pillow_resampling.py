"""Laying images into the picture inside of an exported graph, exactly as Pillow lays them in.

`warpmarks.datasets.reading` has Pillow reduce an image by whole factors, where it is much larger
than the picture, and resample the rest with a bicubic filter, all in integers: it rounds after the
reduction, after the filter along the rows and after that along the columns. Here is the same
arithmetic on tensors, so that a graph takes images of any size and its users need no reader that
knows how. The shapes of all that comes after the reduction hang on the picture alone, and an
image's size is only data, as exporters want it.

It is the arithmetic of Pillow 13 (Reduce.c, Resample.c; earlier ones always filter along the rows
first) but for sums in float32: a pixel may
differ by one level where its sum is within 1e-5 of a half.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int32, Int64, UInt8
from torch import Tensor

_SUPPORT = 2.0  # pixels to each side that a bicubic filter sees
_SAFE = 1.5  # of which Pillow keeps so many where it reduces first
_GAP = 2.0  # reduced, an image is still this many times larger than its picture
_MOST_CELLS = 4  # ... and less than so many times, as factors are whole
_FILTER_UNIT = 2.0**22  # of Pillow's integer filters
_AREA_UNIT = 2.0**24  # of its division by the area of a cell

Scalar = Float[Tensor, ""]


@dataclass(frozen=True)
class Axis:
    """One axis of images in their picture; numbers are 0-d tensors, all of one precision.

    Attributes:
        size: pixels of an image.
        start, stop: what the picture shows of it, see `warpmarks.datasets.placement.Placement.box`.
        first: of the picture's pixels that show the image.
        filled: how many of them there are.
        pixels: of the picture.
    """

    size: Scalar
    start: Scalar
    stop: Scalar
    first: Scalar
    filled: Scalar
    pixels: int

    @property
    def seen(self) -> tuple[Scalar, Scalar]:
        """Where in the image what the filled pixels show begins and ends."""
        return self.start.clamp(min=0), torch.minimum(self.stop, self.size)

    @property
    def scale(self) -> Scalar:
        """Pixels of the image to one of the picture."""
        start, stop = self.seen
        return (stop - start) / self.filled

    @property
    def factor(self) -> Scalar:
        """How many pixels are reduced to one first."""
        return (self.scale / _GAP).floor().clamp(min=1)

    def to_original(self, normalised: Tensor) -> Tensor:
        """Normalised coordinates of the picture to pixels of the image."""
        return self.start + (normalised + 1) / 2 * (self.stop - self.start) - 0.5


def place_axes(
    height: Scalar, width: Scalar, picture_size: tuple[int, int], fit: str
) -> tuple[Axis, Axis]:
    """`warpmarks.datasets.placement.place` on tensors: the axes y and x."""
    rows, columns = picture_size
    scale_y, scale_x = height / rows, width / columns
    if fit == "crop":
        scale_y = scale_x = torch.minimum(scale_y, scale_x)
    if fit == "pad":
        scale = torch.maximum(scale_y, scale_x)
        return _padded(height, rows, scale), _padded(width, columns, scale)
    return _cropped(height, rows, scale_y), _cropped(width, columns, scale_x)


def _cropped(size: Scalar, pixels: int, scale: Scalar) -> Axis:
    shown = torch.minimum(scale * pixels, size)
    start = (size - shown) / 2
    return Axis(size, start, start + shown, size * 0, size * 0 + pixels, pixels)


def _padded(size: Scalar, pixels: int, scale: Scalar) -> Axis:
    filled = (size / scale).round().clamp(min=1, max=pixels)
    first = ((pixels - filled) / 2).floor()
    per = size / filled
    return Axis(size, -first * per, (pixels - first) * per, first, filled, pixels)


def lay_in(
    images: UInt8[Tensor, "batch height width 3"], y: Axis, x: Axis
) -> Float[Tensor, "batch 3 rows columns"]:
    """Pictures of images, with the whole values of bytes."""
    reduces = (y.factor > 1) | (x.factor > 1)
    rows, columns = _Cells.of(y, images.shape[1], reduces), _Cells.of(x, images.shape[2], reduces)
    sums = columns.sums(rows.sums(images.to(torch.int32), dim=1), dim=2)
    area = rows.counts[:, None] * columns.counts
    share = (_AREA_UNIT / area.clamp(min=1)).floor() / _AREA_UNIT
    half = (area / 2).floor()
    cells = ((sums.permute(0, 3, 1, 2).contiguous() + half) * share).floor()
    down, along = rows.filter(cells_dim=1), columns.filter(cells_dim=0)
    # Pillow begins with the axis that makes the other's work less.
    shrinks, shrinks_along = rows.excess(), columns.excess()
    down_first = (shrinks > 0) & (shrinks > 2 * shrinks_along)
    pictures = torch.where(
        down_first, _bytes(_bytes(down @ cells) @ along), _bytes(down @ _bytes(cells @ along))
    )
    return pictures.float()


@dataclass(frozen=True)
class _Cells:
    """The pixels of an axis after the reduction, some behind the last one without any content."""

    axis: Axis
    reduces: Bool[Tensor, ""]
    origin: Scalar
    starts: Int64[Tensor, " cells"]
    stops: Int64[Tensor, " cells"]

    @classmethod
    def of(cls, axis: Axis, size: int | torch.SymInt, reduces: Bool[Tensor, ""]) -> "_Cells":
        start, stop = axis.seen
        margin = torch.where(reduces, _SAFE * axis.scale, (_SUPPORT + 1) * axis.scale.clamp(min=1))
        origin = (start - margin).trunc().clamp(min=0)
        end = torch.minimum((stop + margin).ceil(), axis.size)
        # Two at the least: a graph that may have one is traced as if it never had.
        number = torch.sym_max(torch.sym_min(size, _MOST_CELLS * axis.pixels + 20), 2)
        edges = origin + axis.factor * torch.arange(number + 1, dtype=axis.size.dtype)
        edges = torch.minimum(edges, end).long()
        return cls(axis, reduces, origin, edges[:-1], edges[1:])

    def excess(self) -> Scalar:
        """How many pixels more than in the picture there are for the filter."""
        reduced = ((self.stops[-1] - self.starts[0]) / self.axis.factor).ceil()
        return torch.where(self.reduces, reduced, self.axis.size) - self.axis.filled

    @property
    def counts(self) -> Float[Tensor, " cells"]:
        """Pixels of each cell."""
        return (self.stops - self.starts).to(self.axis.size.dtype)

    def sums(self, values: Int32[Tensor, "..."], dim: int) -> Int32[Tensor, "..."]:
        """Of the pixels of each cell."""
        before = torch.zeros_like(values.narrow(dim, 0, 1))
        sums = torch.cat([before, values.cumsum(dim, dtype=torch.int32)], dim=dim)
        return sums.index_select(dim, self.stops) - sums.index_select(dim, self.starts)

    def filter(self, cells_dim: int) -> Float[Tensor, "_ _"]:
        """The bicubic filter of each of the picture's pixels; edge pixels are repeated.

        Made with cells along the dimension that the product needs: onnxruntime, 1.24 still, makes
        one step of a transposition and a product, and has none in float64.
        """
        axis = self.axis
        # Pillow takes the box in float32, of the image or of what is left of it.
        left_out = torch.where(self.reduces, self.origin, 0.0)
        start, stop = (((edge - left_out) / axis.factor).float() for edge in axis.seen)
        precision = axis.size.dtype
        scale = (stop - start).to(precision) / axis.filled
        pixels = torch.arange(axis.pixels, dtype=precision)
        shown = torch.minimum((pixels - axis.first).clamp(min=0), axis.filled - 1)
        centres = start.to(precision) + (shown + 0.5) * scale - (self.origin - left_out)
        places = torch.arange(self.starts.shape[0], dtype=precision) + 0.5
        apart = places.unsqueeze(1 - cells_dim) - centres.unsqueeze(cells_dim)
        weights = _bicubic(apart.abs() / scale.clamp(min=1))
        weights = torch.where((self.stops > self.starts).unsqueeze(1 - cells_dim), weights, 0.0)
        weights = weights / weights.sum(dim=cells_dim, keepdim=True) * _FILTER_UNIT
        return (weights.abs() + 0.5).floor() * weights.sign() / _FILTER_UNIT


def _bicubic(distances: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    near = (1.5 * distances - 2.5) * distances**2 + 1
    far = ((2.5 - 0.5 * distances) * distances - 4) * distances + 2
    return torch.where(distances < 1, near, torch.where(distances < _SUPPORT, far, 0.0))


def _bytes(values: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    return (values + 0.5).floor().clamp(0, 255)
