"""How an experiment is carried out: what decides the figures and is asked for by flags."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from warpmarks.configuration import TrainingConfig
from warpmarks.errors import InputError
from warpmarks.recipe_reading import build_config, load_recipe, override
from warpmarks.regression.fitting import METHODS
from warpmarks.training.schedule import Budget

QUICK_STEPS, QUICK_DRAWS, QUICK_IMAGES = 20, 2, 64
QUICK_CONFIG: dict[str, Any] = {
    "image": {"size": 32},
    "batch_size": 4,
    "loss": {"pooling": 2},
}
QUICK_FILTERS = 8
"""Channels of every layer of a smoke run's network."""


@dataclass(frozen=True)
class Settings:
    """What decides the figures beside the protocol.

    Attributes:
        config: of every network, but for its landmarks and seed.
        recipe: its name.
        budget: of every training.
        seeds: every network is trained with each of them.
        method: of the regressors, see `warpmarks.regression.fitting.fit_regressor`.
        normaliser: what errors are divided by, in place of the protocol's or the set's.
        draws: of labels, in place of the protocol's.
        limit: images of each split, at most.
        quick: whether this only shows that everything runs.
    """

    config: TrainingConfig
    recipe: str = "default"
    budget: Budget = field(default_factory=Budget)
    seeds: tuple[int, ...] = (0,)
    method: str = "auto"
    normaliser: str | None = None
    draws: int | None = None
    limit: int | None = None
    quick: bool = False


def choose_settings(
    *,
    recipe: str | Path = "default",
    image_size: int | None = None,
    steps: int | None = None,
    minutes: float | None = None,
    seeds: int = 1,
    method: str = "auto",
    normaliser: str | None = None,
    quick: bool = False,
) -> Settings:
    """Settings from what the user asks for; ``quick`` replaces what takes time.

    Raises:
        InputError: no such recipe or method, or values that cannot be.
    """
    if steps is not None and minutes is not None:
        raise InputError("--steps and --minutes were both given: give one of them")
    if seeds < 1:
        raise InputError(f"--seeds is {seeds}: expected at least 1")
    if method not in METHODS:
        raise InputError(f"--method is {method!r}: expected one of {', '.join(METHODS)}")
    config = load_recipe(recipe)
    if quick:
        values = config.model_dump()
        for name, value in QUICK_CONFIG.items():
            values[name] = values[name] | value if isinstance(value, dict) else value
        for name in ("filters", "coarse"):
            values["network"][name] = [QUICK_FILTERS] * len(values["network"][name])
        config = build_config(values, source="--quick")
        steps = QUICK_STEPS if steps is None and minutes is None else steps
    if image_size is not None:
        config = override(config, [f"image.size={image_size}"])
    return Settings(
        config,
        Path(recipe).stem if Path(recipe).suffix else str(recipe),
        Budget(steps, minutes),
        tuple(range(seeds)),
        method,
        normaliser,
        QUICK_DRAWS if quick else None,
        QUICK_IMAGES if quick else None,
        quick,
    )
