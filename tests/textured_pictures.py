"""Pictures whose every pixel matters."""

from pathlib import Path

import numpy as np
from PIL import Image


def textured(size: tuple[int, int]) -> np.ndarray:
    """Blocks and noise of a (height, width)."""
    generator = np.random.default_rng(size[0])
    blocks = generator.integers(0, 256, (-(-size[0] // 5), -(-size[1] // 7), 3))
    pixels = blocks.repeat(5, axis=0).repeat(7, axis=1)[: size[0], : size[1]]
    return (pixels + generator.integers(-30, 30, pixels.shape)).clip(0, 255).astype(np.uint8)


def textured_folder(folder: Path) -> Path:
    """Twelve textured images of unlike sizes, written into a folder."""
    for index in range(12):
        Image.fromarray(textured((28 + index, 36))).save(folder / f"{index:02}.png")
    return folder
