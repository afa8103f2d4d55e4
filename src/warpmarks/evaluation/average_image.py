"""The average image of a category, plain and after its landmarks are brought to one shape.

Every picture is warped by a thin-plate spline that takes the mean landmark shape to its landmarks,
so that each landmark comes to lie at one place in all of them. Where landmarks mean the same thing
on every instance, the average turns sharp; where they do not, it stays the blur that the plain
average is, and where they mislead it is worse.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from warpmarks.coordinates import (
    centred_to_pixels,
    pixel_centres,
    pixels_to_centred,
    to_normalised,
    to_pixels,
)
from warpmarks.evaluation.landmark_shape import procrustes_mean, robust_trust
from warpmarks.evaluation.similarity import nearest_similarity
from warpmarks.warps.sampling import sample, to_float_images, view_to_picture
from warpmarks.warps.smoothing_spline import smoothing_solver
from warpmarks.warps.thin_plate_spline import spline_terms

STIFFNESS = 0.02
"""Of the splines, in centred coordinates: landmarks jitter, and a picture should not with them."""


@dataclass(frozen=True, eq=False)
class AverageImage:
    """What the average shows, in the frame of the view.

    Attributes:
        plain: mean of the views.
        aligned: mean of the views warped onto the mean landmark shape.
        shape: that shape, in pixels of both.
        count: images averaged.
        plain_agreement: mean correlation of each view's brightness with the mean of the others;
            1 is best, nan for one image.
        agreement: the same after the warps. Where it is no higher, the landmarks mark nothing.
    """

    plain: UInt8[np.ndarray, "height width 3"]
    aligned: UInt8[np.ndarray, "height width 3"]
    shape: Float[np.ndarray, "points 2"]
    count: int
    plain_agreement: float
    agreement: float


def average_image(
    pictures: UInt8[Tensor, "images picture_height picture_width 3"],
    landmarks: Float[np.ndarray, "images points 2"],
    scores: Float[np.ndarray, "images points"],
    *,
    size: tuple[int, int],
    margin: float,
) -> AverageImage:
    """Average pictures as they are, and by their landmarks.

    Args:
        pictures: with their margin, into which aligned views look where an object is off centre.
        landmarks: in normalised coordinates of the view.
        scores: how sure the detector is of each, in [0, 1].
        size: height and width of the averages in pixels.
        margin: how far inside the picture's edges the view lies.
    """
    sizes = np.tile(np.array([size[1], size[0]], dtype=np.float64), (len(landmarks), 1))
    centred = pixels_to_centred(to_pixels(torch.from_numpy(landmarks), *size).numpy(), sizes)
    shape = procrustes_mean(
        centred, robust_trust(procrustes_mean(centred, scores), centred, scores)
    )
    trust = robust_trust(shape, centred, scores)
    pixels = to_pixels(pixel_centres(*size, dtype=torch.float64), *size).reshape(1, -1, 2)
    at = pixels_to_centred(pixels.numpy(), sizes[:1])
    terms = spline_terms(torch.from_numpy(at[0]), torch.from_numpy(shape))

    plain, aligned = _Mean(size), _Mean(size)
    same = to_normalised(pixels, *size)
    for picture, targets, trusted in zip(pictures, centred, trust, strict=True):
        warped = centred_to_pixels(_warped(terms, at[0], shape, targets, trusted)[None], sizes[:1])
        plain.add(picture, same, margin)
        aligned.add(picture, to_normalised(torch.from_numpy(warped), *size), margin)
    return AverageImage(
        plain.image(),
        aligned.image(),
        centred_to_pixels(shape[None], sizes[:1])[0],
        len(landmarks),
        plain.agreement(),
        aligned.agreement(),
    )


class _Mean:
    """A mean of views, at each pixel of the pictures that reach there, and how alike they are."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._sum = torch.zeros(3, *size, dtype=torch.float64)
        self._count = torch.zeros(size, dtype=torch.float64)
        self._brightness: list[Float[Tensor, " pixels"]] = []

    def add(
        self,
        picture: UInt8[Tensor, "height width 3"],
        points: Float[Tensor, "1 pixels 2"],
        margin: float,
    ) -> None:
        """Count the picture at points of its view, row by row."""
        grid = view_to_picture(points, margin).reshape(1, *self._count.shape, 2)
        inside = (grid.abs() <= 1).all(dim=-1)[0].double()
        seen = sample(to_float_images(picture[None]), grid)[0]
        self._brightness.append(seen.mean(dim=0).flatten())
        self._sum += inside * seen
        self._count += inside

    def image(self) -> UInt8[np.ndarray, "height width 3"]:
        """The mean so far; black where no picture reaches."""
        mean = 255 * self._sum / self._count.clamp_min(1)
        return mean.round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()

    def agreement(self) -> float:
        """Mean correlation of each picture so far with the mean of the others."""
        if len(self._brightness) < 2:
            return float("nan")
        seen = torch.stack(self._brightness).double()
        seen = seen - seen.mean(dim=1, keepdim=True)
        others = seen.sum(dim=0) - seen
        norms = seen.norm(dim=1) * others.norm(dim=1)
        return float(((seen * others).sum(dim=1) / norms.clamp_min(1e-12)).mean())


def _warped(
    terms: Float[Tensor, "pixels solution"],
    at: Float[np.ndarray, "pixels 2"],
    shape: Float[np.ndarray, "points 2"],
    targets: Float[np.ndarray, "points 2"],
    trust: Float[np.ndarray, " points"],
) -> Float[np.ndarray, "pixels 2"]:
    """Where the warp from the shape to the targets takes points: a spline, then a similarity.

    The similarity alone is left where there are too few landmarks for more.
    """
    turned = nearest_similarity(shape, targets, trust)
    bend = torch.from_numpy(turned.inverse()(targets) - shape)
    solver = smoothing_solver(torch.from_numpy(shape), torch.from_numpy(trust), STIFFNESS)
    return turned(at + (terms @ (solver @ bend)).numpy())
