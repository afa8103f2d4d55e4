"""How an object lies: the turn, size and shift that take landmarks as usual to those found.

Where ``looks`` is above 1 a detector looks again. What the first look finds says how the object
lies in the view; through the similarity that takes the *reference*, the landmarks of the usual
object, there, the second look sees it upright, in the middle and of the usual size, and what it
finds is taken back. A network that follows an object most of the way has little of the way to go.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

ROUNDS = 3
"""Least-squares fits, each of which counts a landmark for the less the farther off it was."""

LEAST_SIZE, LARGEST_SIZE = 0.5, 2.0
"""An object that seems smaller or larger than this is looked at as if it were as small or large:
so few landmarks agree that zooming in on them would help nobody."""

REFERENCE_ROUNDS = 5

TINY = 1e-7
"""Squared length that lies beyond doubt: landmarks in one place have neither turn nor size."""


@dataclass(frozen=True, eq=False)
class Pose:
    """v to a turn and a scale of v, and a shift; of each image its own.

    Attributes:
        turn: size times cosine and sine of the angle, clockwise as y goes down.
        shift: in units of ``unit``.
        unit: half the view's width and height in a length that is the same along both, see
            `warpmarks.losses.view_unit`.
    """

    turn: Float[Tensor, "batch 2"]
    shift: Float[Tensor, "batch 2"]
    unit: Float[Tensor, " 2"]

    def __call__(self, points: Float[Tensor, "batch *shape 2"]) -> Float[Tensor, "batch *shape 2"]:
        """Where the similarity takes points, both in normalised coordinates of the view."""
        shift = self.shift.reshape(-1, *(1,) * (points.dim() - 2), 2)
        return (self.turned(points * self.unit) + shift) / self.unit

    def turned(self, lengths: Float[Tensor, "batch *shape 2"]) -> Float[Tensor, "batch *shape 2"]:
        """What the turn makes of lengths in units of ``unit``."""
        return _turned(lengths, self.turn.reshape(-1, *(1,) * (lengths.dim() - 2), 2))

    def at_pixels(
        self, points: Float[Tensor, "height width 2"]
    ) -> Float[Tensor, "batch height width 2"]:
        """The same of the centres of a view's pixels."""
        return self(points.expand(self.turn.shape[0], -1, -1, -1))

    def of(self, chosen: slice) -> "Pose":
        """Those of some images."""
        return Pose(self.turn[chosen], self.shift[chosen], self.unit)

    def moved(self, little: "Pose") -> "Pose":
        """The same of an object that lies moved, by ``little``, in the view: first that, then this.

        Args:
            little: of each image, or one of all of them.
        """
        turn = _turned(little.turn, self.turn)
        return Pose(turn, _turned(little.shift, self.turn) + self.shift, self.unit)

    def inverse(self) -> "Pose":
        """The way back."""
        back = self.turn * self.turn.new_tensor([1.0, -1.0])
        back = back / self.turn.square().sum(-1, keepdim=True)
        return Pose(back, -_turned(self.shift, back), self.unit)


def pose_of(
    landmarks: Float[Tensor, "batch landmarks 2"],
    reference: Float[Tensor, "landmarks 2"],
    unit: Float[Tensor, " 2"],
) -> Pose:
    """The similarity that takes the reference nearest to the landmarks of each image.

    Nearest by the sum of log(d^2 + m^2), m^2 the mean of the d^2: some landmarks may be far off,
    and beyond m a landmark pulls the less the farther it is.

    Args:
        landmarks: normalised coordinates of the view.
        reference: the same.
        unit: see `Pose`.
    """
    turn, place, goal = _fit(landmarks, reference, unit)
    size = turn.norm(dim=-1, keepdim=True)
    turn = turn * (size.clamp(LEAST_SIZE, LARGEST_SIZE) / size)
    return Pose(turn, goal - _turned(place, turn), unit)


def common_reference(
    landmarks: Float[Tensor, "images landmarks 2"], unit: Float[Tensor, " 2"]
) -> Float[Tensor, "landmarks 2"]:
    """The landmarks of the usual object, lying as on many images in the middle.

    Each image's landmarks are brought back to the reference by their similarity, and the reference
    is the median of these, in turn (generalised Procrustes analysis: Gower 1975). Its size, turn
    and place are the middle ones of the images' own: a median of turned objects is too small.

    Args:
        landmarks: normalised coordinates of the view.
        unit: see `Pose`.
    """
    reference = _middle(landmarks)
    for _ in range(REFERENCE_ROUNDS):
        turn, place, goal = _fit(landmarks, reference, unit)
        back = Pose(turn, goal - _turned(place, turn), unit).inverse()
        reference = _middle(back(landmarks))
    turn, place, goal = _fit(landmarks, reference, unit)
    size = turn.norm(dim=-1, keepdim=True)
    way = (turn / size).mean(dim=0)
    usual = _middle(size) * way / way.norm()
    about = reference * unit - place.mean(dim=0)
    return (_turned(about, usual) + _middle(goal)) / unit


def _fit(
    landmarks: Float[Tensor, "batch landmarks 2"],
    reference: Float[Tensor, "landmarks 2"],
    unit: Float[Tensor, " 2"],
) -> tuple[Float[Tensor, "batch 2"], Float[Tensor, "batch 2"], Float[Tensor, "batch 2"]]:
    """The turn of each image, and the weighted middle of the reference and where it is taken."""
    goals, places = landmarks * unit, reference * unit
    counts = torch.ones_like(goals[..., :1])
    for _ in range(ROUNDS):
        total = counts.sum(1, keepdim=True)
        goal = (counts * goals).sum(1, keepdim=True) / total
        place = (counts * places).sum(1, keepdim=True) / total
        about, found = places - place, goals - goal
        share = counts / total
        along = (share * about * found).sum((1, 2))
        across = (share[..., 0] * _cross(about, found)).sum(1)
        spread = (share * about.square()).sum((1, 2))
        turn = torch.stack([along + TINY, across], dim=-1) / (spread[:, None] + TINY)
        off = (_turned(about, turn[:, None]) - found).square().sum(-1, keepdim=True)
        counts = 1 / (off + off.mean(1, keepdim=True) + TINY)
    return turn, place[:, 0], goal[:, 0]


def _middle(values: Float[Tensor, "images ..."]) -> Float[Tensor, "..."]:
    """The median over images; of an even number between the two in the middle, unlike torch's."""
    return values.quantile(0.5, dim=0)


def _cross(first: Float[Tensor, "*shape 2"], second: Float[Tensor, "*shape 2"]) -> Tensor:
    return first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]


def _turned(points: Tensor, turn: Tensor) -> Tensor:
    x, y = points.unbind(-1)
    cos, sin = turn.unbind(-1)
    return torch.stack([cos * x - sin * y, sin * x + cos * y], dim=-1)
