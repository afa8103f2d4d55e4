from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def ramps(folder: Path, *, turned: int) -> Path:
    """Six images of 36 x 28 that are brighter at the right, the first of them at the left."""
    folder.mkdir()
    ramp = np.tile(np.linspace(0, 200, 36).astype(np.uint8), (28, 1))
    for number in range(6):
        pixels = ramp[:, ::-1] if number < turned else ramp
        Image.fromarray(pixels + 5 * number).convert("RGB").save(folder / f"{number}.png")
    return folder


@pytest.fixture
def one_way_folder(tmp_path: Path) -> Path:
    """Images that are all brighter at the right."""
    return ramps(tmp_path / "one way", turned=0)


@pytest.fixture
def either_way_folder(tmp_path: Path) -> Path:
    """Images that are brighter at the right or at the left."""
    return ramps(tmp_path / "either way", turned=3)
