"""Is a run learning landmarks, or has it collapsed, and which way.

Measured on the same held-out warps of the same pictures each time, with the network as it would
detect.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from statistics import median

import torch
from jaxtyping import Float
from torch import Tensor, nn

from warpmarks.configuration import TrainingConfig
from warpmarks.heatmaps import concentration, flatness, soft_argmax, spatial_softmax
from warpmarks.limits import ENOUGH_LANDMARKS
from warpmarks.warps import ThinPlateSpline
from warpmarks.wording import be, do

DEAD_FLATNESS = 0.5
"""A landmark is dead when its maps are as flat as one that is uniform over half the view."""

NAILED_SHARE = 0.35
"""A landmark is nailed to the image when it follows less than this share of the warps' motion."""

LAGGING_SHARE = 0.5
"""Below this share it lags behind: half on the object and half on the image."""

STIFF_SHARE = 0.65
"""Below this share of the middle landmark all are a stiff grid: 43 % was seen in one, and 75 to
77 % in runs whose landmarks predict annotated points well."""

FEWEST_OF_A_GRID = 3
"""Fewer landmarks make no grid."""

DOUBLED_DISTANCE = 2.5
"""Two landmarks are one below this distance (rms), in % of the view's shorter side."""


@dataclass(frozen=True)
class HeldOutPairs:
    """One chunk of pairs that training never draws: their images, g at the cells, and g itself."""

    original: Float[Tensor, "batch 3 height width"]
    warped: Float[Tensor, "batch 3 height width"]
    warped_cells: Float[Tensor, "batch cells 2"]
    warp: ThinPlateSpline


@dataclass(frozen=True)
class LandmarkPairs:
    """Landmarks of held-out pairs, in units of half the view's shorter side."""

    original: Float[Tensor, "batch landmarks 2"]  # Phi(x)
    warped: Float[Tensor, "batch landmarks 2"]  # Phi(x'), in the frame of x'
    moved: Float[Tensor, "batch landmarks 2"]  # g(Phi(x')), in the frame of x
    flatness: Float[Tensor, "batch landmarks"]
    concentration: Float[Tensor, "batch landmarks"]

    def of(self, landmarks: Sequence[int]) -> "LandmarkPairs":
        """Those of these landmarks alone."""
        chosen = list(landmarks)
        return LandmarkPairs(*(getattr(self, each.name)[:, chosen] for each in fields(self)))


@dataclass(frozen=True)
class Health:
    """How the landmarks do.

    Attributes:
        equivariance_error_percent: mean distance of Phi(x) to g(Phi(x')), % of the view's shorter
            side.
        spread_percent: for each landmark the standard deviation of its place over the warped
            images, root mean square of both axes, % of the view's shorter side.
        follow: for each landmark the slope of its motion on the motion that the warp asks of it:
            1 on the object, 0 on the image.
        dead: landmarks whose probability maps are flat: no place is found.
        nailed: landmarks that stay at one place of the image while the object moves.
        lagging: landmarks that follow the object only in part.
        doubled: pairs of landmarks that sit on each other.
        mean_concentration: mean score of all landmarks, see ``warpmarks.heatmaps.concentration``.
    """

    equivariance_error_percent: float
    spread_percent: list[float]
    follow: list[float]
    dead: list[int]
    nailed: list[int]
    lagging: list[int]
    doubled: list[tuple[int, int]]
    mean_concentration: float


def locate(
    network: nn.Module, chunks: list[HeldOutPairs], unit: Float[Tensor, " 2"]
) -> Iterator[tuple[HeldOutPairs, Tensor, Tensor, LandmarkPairs]]:
    """For each chunk: its probability maps of x and of x', and the landmarks."""
    for chunk in chunks:
        images = torch.cat([chunk.original, chunk.warped])
        maps = spatial_softmax(network(images.contiguous(memory_format=torch.channels_last)))
        original, warped = maps.chunk(2)
        landmarks, warped_landmarks = soft_argmax(original), soft_argmax(warped)
        yield (
            chunk,
            original,
            warped,
            LandmarkPairs(
                original=landmarks * unit,
                warped=warped_landmarks * unit,
                moved=chunk.warp(warped_landmarks) * unit,
                flatness=flatness(original),
                concentration=concentration(original, landmarks),
            ),
        )


def measure_health(parts: list[LandmarkPairs]) -> Health:
    """Health from the landmarks of all held-out pairs."""

    def joined(name: str) -> Tensor:
        return torch.cat([getattr(part, name) for part in parts]).double().cpu()

    original, warped, moved = joined("original"), joined("warped"), joined("moved")
    error = (original - moved).norm(dim=-1)
    spread = (original - original.mean(0)).square().mean(dim=(0, 2)).sqrt()
    follow = follow_slopes(original - warped, moved - warped)
    flat = joined("flatness").mean(0)
    dead = flat > DEAD_FLATNESS
    nailed = ~dead & (follow < NAILED_SHARE)
    lagging = ~dead & ~nailed & (follow < LAGGING_SHARE)
    apart = 50 * _rms_apart(original)
    close = (apart < DOUBLED_DISTANCE).triu(diagonal=1) & ~dead & ~dead[:, None]
    return Health(
        equivariance_error_percent=50 * float(error.mean()),
        spread_percent=[round(50 * value, 3) for value in spread.tolist()],
        follow=[round(value, 3) for value in follow.tolist()],
        dead=dead.nonzero().flatten().tolist(),
        nailed=nailed.nonzero().flatten().tolist(),
        lagging=lagging.nonzero().flatten().tolist(),
        doubled=[(int(i), int(j)) for i, j in close.nonzero().tolist()],
        mean_concentration=float(joined("concentration").mean()),
    )


def diagnose(health: Health, config: TrainingConfig) -> list[str]:
    """What is wrong and what to try, a sentence each; empty for a healthy run.

    Nothing is advised that the settings of the run have already.
    """
    taught = config.self_training.share > 0
    diversity = ["loss.diversity_weight"] if config.loss.diversity_weight > 0 else []
    pooling = ["loss.pooling"] if config.loss.pooling != 1 else []
    count = len(health.spread_percent)
    fewer = "ask for fewer landmarks"
    if config.learned_landmarks > count:
        fewer = f"learn fewer (candidates={config.learned_landmarks // 2})"
    sentences = []
    if health.dead:
        sentences.append(
            f"{len(health.dead)} of {count} landmarks {be(len(health.dead))} dead (flat "
            f"probability maps; {numbered(health.dead)}): "
            + _one_of("train longer", "raise network.score_scale", _lower(diversity))
        )
    if health.nailed:
        sentences.append(
            f"{len(health.nailed)} of {count} landmarks {be(len(health.nailed))} nailed to one "
            f"place of the image instead of the object ({numbered(health.nailed)}): "
            + _one_of(
                "train longer"
                + (", with self-training (self_training.share)" if not taught else ""),
                _lower(diversity),
                "widen the warps (warps.second.translation)",
                "set network.padding to replicate" if config.network.padding == "zeros" else "",
            )
        )
    if health.lagging:
        sentences.append(
            f"{len(health.lagging)} of {count} landmarks {do(len(health.lagging), 'follow')} the "
            f"object only in part (less than {100 * LAGGING_SHARE:.0f} % of its motion; "
            f"{numbered(health.lagging)}): train longer, or {fewer}"
        )
    if (middle := stiff(health.follow, health.dead)) is not None:
        sentences.append(
            f"the landmarks are a stiff grid: the middle one follows {100 * middle:.0f} % of the "
            "object's motion: "
            + _one_of(
                "train longer",
                f"learn more landmarks ({ENOUGH_LANDMARKS})"
                if config.learned_landmarks < ENOUGH_LANDMARKS
                else "",
                _lower([*pooling, *diversity]),
                "widen the warps",
            )
        )
    if health.doubled:
        several = len({index for pair in health.doubled for index in pair})
        sentences.append(
            f"{several} of {count} landmarks sit on top of another ({paired(health.doubled)}): "
            f"{fewer}, or raise loss.diversity_weight"
            + (" and, for self-training, self_training.diversity_weight" if taught else "")
        )
    if not math.isfinite(health.equivariance_error_percent):
        sentences.append("the landmarks are not numbers: lower optimiser.learning_rate")
    return sentences


def numbered(landmarks: Sequence[int], what: str = "landmark") -> str:
    """Landmarks, or ``what`` they are, by number, from 1; the first dozen of many."""
    numbers = _first_dozen([str(landmark + 1) for landmark in landmarks])
    return f"{what}{'' if len(landmarks) == 1 else 's'} {numbers}"


def paired(pairs: Sequence[tuple[int, int]]) -> str:
    """Pairs of landmarks by number, from 1; the first dozen of many."""
    return _first_dozen([f"{first + 1} and {second + 1}" for first, second in pairs])


def _first_dozen(said: Sequence[str]) -> str:
    more = f", and {len(said) - 12} more" if len(said) > 12 else ""
    return ", ".join(said[:12]) + more


def _one_of(*ways: str) -> str:
    """What to try, without what there is nothing of."""
    return ", or ".join(way for way in ways if way)


def _lower(settings: Sequence[str]) -> str:
    return f"lower {' or '.join(settings)}" if settings else ""


def stiff(follow: Sequence[float], dead: Sequence[int]) -> float | None:
    """How much of the motion the middle landmark follows, where the landmarks are a stiff grid.

    Args:
        follow: each landmark's share of the motion; nothing where it was not measured.
        dead: the landmarks that have no place.
    """
    alive = [share for landmark, share in enumerate(follow) if landmark not in dead]
    if len(alive) < FEWEST_OF_A_GRID:
        return None
    middle = median(alive)
    return middle if middle < STIFF_SHARE else None


def follow_slopes(
    followed: Float[Tensor, "pairs landmarks 2"], asked: Float[Tensor, "pairs landmarks 2"]
) -> Float[Tensor, " landmarks"]:
    """Least-squares slope, through zero, of the motion from x' to x on the one that g asks for.

    A landmark on the object is at v in x' and at g(v) in x; a nailed one is at v in both. The slope
    is 1 where g hardly moves the landmark.
    """
    power = asked.square().sum(dim=(0, 2))
    slopes = (followed * asked).sum(dim=(0, 2)) / power
    return torch.where(power > 1e-4 * len(asked), slopes, torch.ones_like(slopes))


def _rms_apart(
    landmarks: Float[Tensor, "pairs landmarks 2"],
) -> Float[Tensor, "landmarks landmarks"]:
    """Root of the mean square distance between any two, without a table of each pair's."""
    rows = landmarks.transpose(0, 1).flatten(1)
    products = rows @ rows.T / len(landmarks)
    squares = products.diagonal()
    return (squares[:, None] + squares - 2 * products).clamp_min(0).sqrt()
