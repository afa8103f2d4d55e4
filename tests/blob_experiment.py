"""An experiment on two blobs, so small that a test can carry it out."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from warpmarks.reproduce.carry_out import Outcome, carry_out
from warpmarks.reproduce.copies import find_copies
from warpmarks.reproduce.protocol import parse_protocol
from warpmarks.reproduce.settings import choose_settings

PROTOCOL = """
reproduces: Nothing
title: two blobs
score: own/val
draws: 3
runs:
  own-4: {images: own/train, landmarks: 4}
  own-6: {from: own-4, images: own/val, landmarks: 6}
rows:
  - {name: of others, paper: 1.5}
  - {name: four, run: own-4, fit: own/train, paper: 2.5}
  - {name: two labels, run: own-4, fit: own/train, labels: 2}
  - {name: fine-tuned, run: own-6, fit: own/train}
  - {name: supervised, supervised: own/train, labels: 2}
  - {name: mean, mean_shape: own/train}
"""
STEPS = 6


def run(
    root: Path,
    output: Path,
    *,
    on_step: Any = None,
    seeds: int = 1,
    text: str = PROTOCOL,
    **conduct: Any,
) -> Outcome:
    """Carry it out on the set at ``root``, with evaluations every two steps."""
    made = parse_protocol(text, "blobs")
    copies = find_copies(made.parts(), {"set": [root]}, {"train": "train", "val": "val"})
    settings = choose_settings(quick=True, steps=conduct.pop("steps", STEPS), seeds=seeds)
    keywords: Any = {"device": "cpu", "threads": 1, "evaluate_every": 2} | conduct
    return carry_out(
        made, replace(settings, draws=None), copies, output, conduct=keywords, on_step=on_step
    )
