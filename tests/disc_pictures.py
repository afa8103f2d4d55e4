"""Pictures of three coloured discs on a soft ground, and a run that knows where they are."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from tiny_runs import tiny_config, tiny_record
from warpmarks.runs.folder import RunFolder
from warpmarks.runs.weights import build_network, write_tensors

WIDTH, HEIGHT = 208, 160
COLOURS = np.array([[200, 40, 40], [40, 200, 40], [60, 60, 230]])


def draw_discs(folder: Path, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Draw one picture per name; the discs' centres in pixels, red, green and blue, by name."""
    generator = np.random.default_rng(0)
    centres = {}
    for name in names:
        pixels, centres[name] = _picture(generator)
        Image.fromarray(pixels).save(folder / name)
    return centres


def _picture(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    coarse = generator.uniform(60, 180, (5, 6, 3)).astype(np.uint8)
    ground = Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    pixels = np.asarray(ground, dtype=float)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    middle = np.array([WIDTH, HEIGHT]) / 2 + generator.uniform(-16, 16, 2)
    angles = generator.uniform(-0.5, 0.5) + 2 * np.pi / 3 * np.arange(3)
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    centres = middle + 32 * generator.uniform(0.8, 1.2) * directions
    for colour, centre in zip(COLOURS, centres, strict=True):
        inside = 1 / (1 + np.exp(np.hypot(x - centre[0], y - centre[1]) - 10))[..., None]
        pixels = pixels * (1 - inside) + colour * inside
    return pixels.round().clip(0, 255).astype(np.uint8), centres


def write_disc_run(run: Path) -> None:
    """A run whose network nobody has trained: its maps are as bright as a disc's colour is pure."""
    config = tiny_config(
        image={"size": 64, "margin": 0.1, "fit": "stretch"},
        network={"filters": [3], "kernels": [7, 1], "dilations": [1, 1]},
    )
    network = build_network(config)
    blur, normalise, *_, colours = network.layers
    with torch.no_grad():
        blur.weight.copy_(torch.eye(3)[..., None, None].expand(3, 3, 7, 7) / 49)
        normalise.bias.fill_(2.0)  # nothing is cut off to zero
        colours.weight.copy_(12 * (2 * torch.eye(3) - 1)[..., None, None])
    folder = RunFolder(run)
    folder.create(tiny_record(config, view=(64, 84), picture=(80, 105)))
    write_tensors(folder.weights_path, network.state_dict(), {})
