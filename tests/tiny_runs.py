"""Runs so small that a test can make one: settings, records and networks."""

from pathlib import Path
from typing import Any

from warpmarks.configuration import TrainingConfig
from warpmarks.datasets.image_set import find_images
from warpmarks.recipe_reading import build_config
from warpmarks.runs.record import ImageSource, RunRecord
from warpmarks.training import TrainingResult, train

TINY_NETWORK = {"filters": [4, 6, 6, 6, 8]}

AS_BY_DEFAULT = {
    "candidates": 6,
    "network": TINY_NETWORK | {"dilations": [1] * 6, "coarse": [6, 4], "descriptors": 4},
    "loss": {"pooling": 2, "exchange_weight": 0.5},
    "optimiser": {"learning_rate": 3e-4, "averaging": 0.9},
    "looks": 2,
    "unbend": True,
    "self_training": {"share": 0.5},
}
"""What the default recipe does to network and objective, so small; at the default's rate the first
steps make rounding ten times larger every other step."""


def tiny_config(**changes: Any) -> TrainingConfig:
    """Three landmarks on views of about 16 px; sections are given as mappings of what differs."""
    settings: dict[str, Any] = {
        "num_landmarks": 3,
        "batch_size": 4,
        "precision": "float32",  # on every machine the same, without a trial
        "image": {"size": 16},
        "loss": {"pooling": 2},
        "network": TINY_NETWORK,
        "photometric": {"contrast": 0.1, "brightness": 0.05, "colour": 0.05},
    }
    return build_config(settings | changes, source="tiny_config")


def tiny_record(
    config: TrainingConfig | None = None,
    *,
    view: tuple[int, int] = (16, 20),
    picture: tuple[int, int] = (20, 25),
) -> RunRecord:
    """The record of a run that nobody has made; sizes are (height, width)."""
    return RunRecord(
        config=config or tiny_config(),
        recipe="default",
        view_height=view[0],
        view_width=view[1],
        picture_height=picture[0],
        picture_width=picture[1],
        images=ImageSource(name="cats", digest="0123", count=7, unreadable=1),
        created="2024-05-06T07:08:09+00:00",
        versions={"python": "3.11"},
        git_commit=None,
    )


def train_tiny(images: Path, run: Path, **arguments: Any) -> TrainingResult:
    """Train on one CPU thread, with ``tiny_config`` unless a config is given or resumed."""
    if not arguments.get("resume"):
        arguments.setdefault("config", tiny_config())
    settings: dict[str, Any] = {"device": "cpu", "threads": 1, "evaluate_every": 5}
    return train(find_images(images), run, **(settings | arguments))
