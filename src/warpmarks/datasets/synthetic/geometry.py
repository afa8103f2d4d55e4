"""Rotations, ellipsoids and poses of the synthetic scene.

A frame is x to the right, y downwards, z towards the viewer, as in the picture. The camera is
orthographic, so x and y of a point in the camera's frame are its normalised picture coordinates.
Everything here uses only operations that IEEE 754 rounds exactly, so that all machines agree.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

HALF_DEGREE = 3.141592653589793 / 360


def rotation(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> np.ndarray:
    """Turn right by ``yaw``, then down by ``pitch``, then clockwise by ``roll``, in degrees."""
    (cos_y, sin_y), (cos_p, sin_p), (cos_r, sin_r) = map(_cos_sin, (yaw, pitch, roll))
    #            roll                     pitch                     yaw
    # [ cos_r -sin_r  0 ]   [ 1    0      0   ]   [ cos_y  0  sin_y ]
    # [ sin_r  cos_r  0 ] @ [ 0  cos_p  sin_p ] @ [   0    1    0   ]
    # [   0      0    1 ]   [ 0 -sin_p  cos_p ]   [-sin_y  0  cos_y ]
    return np.array(
        [
            [
                cos_r * cos_y + sin_r * sin_p * sin_y,
                -sin_r * cos_p,
                cos_r * sin_y - sin_r * sin_p * cos_y,
            ],
            [
                sin_r * cos_y - cos_r * sin_p * sin_y,
                cos_r * cos_p,
                sin_r * sin_y + cos_r * sin_p * cos_y,
            ],
            [-cos_p * sin_y, -sin_p, cos_p * cos_y],
        ]
    )


def _cos_sin(degrees: float) -> tuple[float, float]:
    # The rational form is an exact rotation whatever the tangent, so a short series for the tangent
    # of the half angle only makes large angles a little smaller than asked for.
    half = degrees * HALF_DEGREE
    square = half * half
    tangent = half * (1 + square * (1 / 3 + square * (2 / 15 + square * (17 / 315))))
    return (1 - tangent * tangent) / (1 + tangent * tangent), 2 * tangent / (1 + tangent * tangent)


def product(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Product of two 3 x 3 matrices, written out: libraries for it do not round all alike."""
    terms = first[:, :, None] * second[None, :, :]
    return terms[:, 0] + terms[:, 1] + terms[:, 2]


def apply(matrix: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """A 3 x 3 matrix times one vector."""
    terms = matrix * vector
    return terms[:, 0] + terms[:, 1] + terms[:, 2]


def turned(matrix: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """A 3 x 3 matrix times each of (3, n) float32 vectors."""
    result = np.empty_like(vectors)
    for index, (x, y, z) in enumerate(matrix.tolist()):
        result[index] = vectors[0] * x + vectors[1] * y + vectors[2] * z
    return result


def unit(vector: np.ndarray) -> np.ndarray:
    """The vector at length 1."""
    return vector / np.sqrt(vector[0] * vector[0] + vector[1] * vector[1] + vector[2] * vector[2])


@dataclass(frozen=True)
class SpatialPose:
    """Where a thing stands: camera = scale * rotation @ own + offset."""

    rotation: np.ndarray
    scale: float
    offset: np.ndarray

    def __call__(self, point: np.ndarray) -> np.ndarray:
        """A point of the thing's own frame in the camera's frame."""
        return self.scale * apply(self.rotation, point) + self.offset


@dataclass(frozen=True)
class Ellipsoid:
    """The points centre + axes @ (radii * q) for |q| <= 1; q are its *unit coordinates*."""

    centre: np.ndarray
    axes: np.ndarray
    radii: np.ndarray

    @cached_property
    def form(self) -> np.ndarray:
        """The symmetric matrix M with (p - centre)' M (p - centre) = |q|^2."""
        scaled = self.axes / self.radii
        return product(scaled, scaled.T)

    @cached_property
    def reach(self) -> np.ndarray:
        """Half the sides of the box around it."""
        squares = (self.axes * self.radii) ** 2
        return np.sqrt(squares[:, 0] + squares[:, 1] + squares[:, 2])

    def surface(self, x: float, y: float, z: float) -> np.ndarray:
        """The surface point in this direction of the unit coordinates."""
        return self.centre + apply(self.axes, self.radii * unit(np.array([x, y, z])))

    def level(self, point: np.ndarray) -> float:
        """|q|^2: below 1 inside, above 1 outside."""
        q = apply(self.axes.T, point - self.centre) / self.radii
        return float(q[0] * q[0] + q[1] * q[1] + q[2] * q[2])

    def placed(self, pose: SpatialPose) -> "Ellipsoid":
        """The same ellipsoid in the camera's frame."""
        return Ellipsoid(
            pose(self.centre), product(pose.rotation, self.axes), pose.scale * self.radii
        )


def ellipsoid(
    centre: np.ndarray, radii: tuple[float, float, float], axes: np.ndarray | None = None
) -> Ellipsoid:
    """An ellipsoid; its axes are those of the frame unless given."""
    return Ellipsoid(
        np.asarray(centre, float), np.eye(3) if axes is None else axes, np.array(radii)
    )


def leaf(
    centre: np.ndarray,
    half_width: float,
    half_length: float,
    half_thickness: float,
    axes: np.ndarray,
    sharpness: float,
) -> tuple[Ellipsoid, Ellipsoid]:
    """Two ellipsoids whose intersection is a leaf along the second axis, with tips at half_length.

    A ``sharpness`` of 0 is an ellipsoid; towards 1 the tips become needles.
    """
    width = half_width / (1 - sharpness)
    narrowing = np.sqrt(1 - sharpness * sharpness)
    radii = np.array([width, half_length / narrowing, half_thickness / narrowing])
    aside = axes[:, 0] * (sharpness * width)
    return Ellipsoid(centre - aside, axes, radii), Ellipsoid(centre + aside, axes, radii)
