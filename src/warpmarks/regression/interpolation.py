"""A point between landmarks, by how landmarks in general move with their neighbours.

When an object turns or deforms, the place of a point follows from those of the landmarks around it.
The rule is that of kriging (Matheron 1963): the object moves by an unknown affine map and on top of
it, a random field whose differences grow with distance, and landmarks are seen with some noise. The
best guess for the point at place q is then sum_k a_k(q) x_k with weights that sum to one, depend on
q alone and, with little noise, bring every landmark to itself:

    [ C + noise I   1 ] [ a ]   [ c(q) ]     C_kl = -|m_k - m_l| + TREND (m_k - o) . (m_l - o)
    [     1^T       0 ] [ . ] = [   1  ]     c_k  the same of q and m_k

m_k are the places of the landmarks on their mean shape, o its centre, lengths in units of its size.
The noise is the one by which each landmark is told best by the others, which needs no annotation.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from warpmarks.complex_points import from_complex, to_complex

TREND = 100.0
"""Variance of the affine map: so large that it is followed wherever landmarks tell it."""

NOISES = tuple(10.0**power for power in np.arange(-2, 1.1, 0.25))
"""Noises that are tried."""

NOISE = 0.1
"""Where one image cannot say."""

MOST_TRIED = 500
"""Images, at most, by which the noise is chosen."""

MEETING = 1e-6
"""Landmarks meet where none is off their centre by more than this share of their numbers: what is
left is rounding, and no shape."""


@dataclass(frozen=True, eq=False)
class Interpolation:
    """The system above, solved for every place.

    Attributes:
        nodes: m, in units of the shape's size about its centre.
        solver: rows of c(q) and 1 to weights.
        noise: of the landmarks.
        centre, size: of the shape.
    """

    nodes: Float[np.ndarray, "landmarks 2"]
    solver: Float[np.ndarray, "terms landmarks"]
    noise: float
    centre: Float[np.ndarray, " 2"]
    size: float

    @classmethod
    def between(cls, shape: Float[np.ndarray, "landmarks 2"], noise: float) -> "Interpolation":
        """Between the landmarks of one shape."""
        centres, offsets = _about_centres(shape[None])
        size = float(np.sqrt((offsets**2).sum(axis=2).mean())) or 1.0
        nodes = offsets[0] / size
        inverse = np.linalg.inv(system(nodes[None], noise)[0])
        return cls(nodes, inverse[:, : len(shape)], noise, centres[0, 0], size)

    def weights(self, places: Float[np.ndarray, "*some 2"]) -> Float[np.ndarray, "*some landmarks"]:
        """a(q) of places in the frame of the shape; they sum to one."""
        inside = (places - self.centre) / self.size
        weights: Float[np.ndarray, "*some landmarks"] = _terms(inside, self.nodes) @ self.solver
        return weights


def system(
    nodes: Float[np.ndarray, "shapes landmarks 2"], noise: float
) -> Float[np.ndarray, "shapes terms terms"]:
    """The matrix above of each shape."""
    shapes, count = nodes.shape[:2]
    whole = np.ones((shapes, count + 1, count + 1))
    whole[:, -1, -1] = 0
    whole[:, :count, :count] = _covariances(nodes, nodes) + noise * np.eye(count)
    return whole


def places_on(
    shape: Float[np.ndarray, "landmarks 2"],
    landmarks: Float[np.ndarray, "images landmarks 2"],
    annotations: Float[np.ndarray, "images points 2"],
    noise: float,
) -> Float[np.ndarray, "images points 2"]:
    """Where each image has each of its points on the shape; nan where it is not annotated.

    The same rule the other way about: the shape's landmarks are seen from those of the image.
    """
    centres, offsets = _about_centres(landmarks)
    sizes = np.sqrt((offsets**2).sum(axis=2).mean(axis=1))[:, None, None]
    sizes = np.where(sizes > 0, sizes, 1.0)
    nodes = offsets / sizes
    shown = np.isfinite(annotations).all(axis=-1, keepdims=True)
    terms = _terms(np.where(shown, (annotations - centres) / sizes, 0.0), nodes)
    padded = np.concatenate([shape, np.zeros((1, 2))])
    targets = np.broadcast_to(padded, (len(nodes), *padded.shape))
    seen = terms @ np.linalg.solve(system(nodes, noise), targets)
    return np.where(shown, seen, np.nan)


def choose_noise(
    shape: Float[np.ndarray, "landmarks 2"], landmarks: Float[np.ndarray, "images landmarks 2"]
) -> float:
    """The noise by which each landmark is told best by the others, over images.

    Without landmark k the weights for its place are -V_kl / V_kk, where V is the inverse of the
    system (Dubrule 1983).
    """
    if len(landmarks) < 2 or len(shape) < 3:
        return NOISE
    errors = []
    for noise in NOISES:
        inverse = np.linalg.inv(system(Interpolation.between(shape, noise).nodes[None], noise)[0])
        inverse = inverse[:-1, :-1]
        rows = inverse / np.diag(inverse)[:, None]
        errors.append(np.linalg.norm(np.einsum("kl,nlc->nkc", rows, landmarks), axis=-1).mean())
    return NOISES[int(np.argmin(errors))]


def mean_landmarks(
    landmarks: Float[np.ndarray, "images landmarks 2"],
) -> Float[np.ndarray, "landmarks 2"]:
    """The mean shape of landmarks, whatever way and how large each image shows the object.

    The full Procrustes mean in closed form (Kent 1994): with x + iy as one number, shapes about
    their centres and of length 1, the eigenvector of the largest eigenvalue of sum_i z_i z_i^*. It
    has the mean size and position of the shapes and is turned as the first of them.
    """
    centres, offsets = _about_centres(landmarks)
    shapes = to_complex(offsets)
    lengths = np.linalg.norm(shapes, axis=1, keepdims=True)
    unit = shapes / np.where(lengths > 0, lengths, 1.0)
    mean = np.linalg.eigh(unit.T @ unit.conj())[1][:, -1]
    turn = np.vdot(mean, unit[0])
    mean = mean * (turn / abs(turn) if abs(turn) > 0 else 1.0) * lengths.mean()
    return centres.mean(axis=0) + from_complex(mean)


def _about_centres(
    landmarks: Float[np.ndarray, "images landmarks 2"],
) -> tuple[Float[np.ndarray, "images 1 2"], Float[np.ndarray, "images landmarks 2"]]:
    """Centres, and landmarks about them: all exactly 0 where they meet, see `MEETING`."""
    centres = landmarks.mean(axis=1, keepdims=True)
    offsets = landmarks - centres
    rounding = MEETING * np.abs(landmarks).max(axis=(1, 2), keepdims=True)
    apart = (np.abs(offsets) > rounding).any(axis=(1, 2), keepdims=True)
    return centres, np.where(apart, offsets, 0.0)


def _terms(
    places: Float[np.ndarray, "*some 2"], nodes: Float[np.ndarray, "*shapes landmarks 2"]
) -> Float[np.ndarray, "*some terms"]:
    covariances = _covariances(places, nodes)
    return np.concatenate([covariances, np.ones((*covariances.shape[:-1], 1))], axis=-1)


def _covariances(
    places: Float[np.ndarray, "*some 2"], nodes: Float[np.ndarray, "*shapes landmarks 2"]
) -> Float[np.ndarray, "*some landmarks"]:
    nodes = nodes[..., None, :, :] if nodes.ndim == places.ndim == 3 else nodes
    offsets = places[..., None, :] - nodes
    along = (places[..., None, :] * nodes).sum(axis=-1)
    distances = np.hypot(offsets[..., 0], offsets[..., 1])
    covariances: Float[np.ndarray, "*some landmarks"] = TREND * along - distances
    return covariances
