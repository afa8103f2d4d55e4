"""All of a detector as one module: bytes of images of any size in, pixels of these images out."""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from warpmarks.coordinates import pixel_centres
from warpmarks.detectors.detector import Detector
from warpmarks.detectors.folding import folded
from warpmarks.detectors.looking import Looking
from warpmarks.export.pillow_resampling import Axis, lay_in, place_axes
from warpmarks.heatmaps import spatial_softmax
from warpmarks.regression.regressor import Regressor
from warpmarks.warps.sampling import sample, sample_view, view_to_picture

OUTPUTS = ("landmarks", "scores", "points")


class DetectorGraph(nn.Module):
    """A detector, and a regressor if there is one, from the bytes of images on.

    Args:
        detector: on the CPU.
        regressor: that takes its landmarks.
        precision: of places and of laying images in; the network's is float32.
    """

    rows: Tensor
    columns: Tensor
    weights: Tensor
    offset: Tensor

    def __init__(
        self,
        detector: Detector,
        regressor: Regressor | None = None,
        precision: torch.dtype = torch.float64,
    ) -> None:
        super().__init__()
        self.precision = precision
        record = detector.record
        height, width = record.view_height, record.view_width
        self.network = folded(detector.network)
        self.looking = Looking(
            detector.network,
            looks=record.config.looks,
            copies=record.config.copies,
            unbend=record.config.unbend,
            size=(height, width),
        )
        self.margin, self.fit = record.config.image.margin, record.config.image.fit
        self.picture_size = (record.picture_height, record.picture_width)
        # The view is bilinear in the picture, along either axis: a product with a matrix.
        for name, view, picture in (
            ("rows", height, record.picture_height),
            ("columns", width, record.picture_width),
        ):
            self.register_buffer(name, _view_matrix(view, picture, self.margin), persistent=False)
        self.outputs = ("landmarks", "scores") if regressor is None else OUTPUTS
        if regressor is not None:
            weights = torch.from_numpy(regressor.weights)
            offset = (
                weights.new_zeros(len(weights))
                if regressor.offset is None
                else torch.from_numpy(regressor.offset)
            )
            for name, values in (("weights", weights.T), ("offset", offset)):
                self.register_buffer(name, values.to(precision).contiguous(), persistent=False)

    def forward(
        self, images: UInt8[Tensor, "batch height width 3"]
    ) -> dict[str, Float[Tensor, "batch ..."]]:
        """What there is of OUTPUTS, landmarks and points in pixels of the images."""
        height, width = (
            torch.scalar_tensor(size, dtype=self.precision) for size in images.shape[1:3]
        )
        y, x = place_axes(height, width, self.picture_size, self.fit)
        pictures = lay_in(images, y, x) / 255
        views = self.rows @ pictures @ self.columns.T
        sight = self.looking(
            views,
            lambda seen: spatial_softmax(self.network(seen)),
            lambda points: sample_view(pictures, points, self.margin),
        )
        in_picture = view_to_picture(sight.landmarks, self.margin).to(self.precision)
        landmarks = _to_original(in_picture, y, x)
        found = {"landmarks": landmarks.float(), "scores": sight.scores}
        if "points" in self.outputs:
            found["points"] = self._points(landmarks, height, width).float()
        return found

    def _points(
        self, landmarks: Tensor, height: Tensor, width: Tensor
    ) -> Float[Tensor, "batch points 2"]:
        """`warpmarks.regression.regressor.Regressor.predict` on tensors."""
        middle = torch.stack([width - 1, height - 1]) / 2
        unit = (width * height).sqrt() / 2
        inputs = ((landmarks - middle) / unit).flatten(1)
        outputs = inputs @ self.weights + self.offset
        return outputs.unflatten(1, (-1, 2)) * unit + middle


def _to_original(in_picture: Tensor, y: Axis, x: Axis) -> Float[Tensor, "batch landmarks 2"]:
    across, down = in_picture.unbind(-1)
    return torch.stack([x.to_original(across), y.to_original(down)], dim=-1)


def _view_matrix(view: int, picture: int, margin: float) -> Float[Tensor, "view picture"]:
    """The share that each of the picture's pixels has in each of the view's, along one axis."""
    columns = torch.eye(picture)[None, :, :, None]
    points = pixel_centres(view, 1)[None]
    return sample(columns, view_to_picture(points, margin))[0, :, :, 0].T.contiguous()
