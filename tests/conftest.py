import os
from collections.abc import Iterator
from pathlib import Path

import jaxtyping
import numpy as np
import pytest
from PIL import Image

from annotated_examples import make_annotated_set

DATASETS = "WARPMARKS_DATASETS"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if any(item.get_closest_marker("gpu") for item in items):
        import torch

        if not torch.cuda.is_available():
            _skip(items, "gpu", "torch sees no CUDA device")
    if not os.environ.get(DATASETS):
        _skip(items, "dataset", f"{DATASETS} names no folder of image sets")
    # First what takes long: of two processes none is then left alone with it at the end.
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def _skip(items: list[pytest.Item], marker: str, reason: str) -> None:
    for item in items:
        if item.get_closest_marker(marker):
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session", autouse=True)
def _own_picture_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests neither read nor fill the user's cache of decoded pictures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WARPMARKS_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def no_type_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody checks the types and shapes of arguments, as in a program that uses the package."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


@pytest.fixture(scope="session")
def image_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve images of 36 x 28: a bright blob and a dark one on a gradient, never at one place."""
    folder = tmp_path_factory.mktemp("images")
    generator = np.random.default_rng(0)
    y, x = np.mgrid[0:28, 0:36]
    for index in range(12):
        pixels = np.stack([60 + 2 * x, 80 + y, np.full_like(x, 120)], axis=-1).astype(float)
        for brightness in (90, -60):
            centre = generator.uniform((8, 6), (28, 22))
            blob = np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / 18)
            pixels += brightness * blob[..., None]
        image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
        image.save(folder / f"{index:02}.png")
    return folder


@pytest.fixture(scope="session")
def annotated_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight images with two annotated points, see ``make_annotated_set``; not to be changed."""
    return make_annotated_set(tmp_path_factory.mktemp("annotated") / "blobs")
