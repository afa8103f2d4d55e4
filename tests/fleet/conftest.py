import io
from pathlib import Path

import pytest
from PIL import Image

from tiny_runs import train_tiny


@pytest.fixture(scope="session")
def tiny_run(image_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("fleet") / "run"
    train_tiny(image_folder, run, steps=2)
    return run


@pytest.fixture(scope="session")
def mixed_folder(tmp_path_factory: pytest.TempPathFactory, image_folder: Path) -> Path:
    """Images of several formats, sizes and orientations, and two that cannot be read."""
    folder = tmp_path_factory.mktemp("mixed")
    for index, path in enumerate(sorted(image_folder.iterdir())):
        image = Image.open(path)
        larger = image.resize((image.width * (1 + index), image.height * (2 + index)))
        exif = Image.Exif()
        exif[0x0112] = 1 + index % 8
        larger.save(folder / f"{index:02}.jpg", exif=exif)
    (folder / "05.jpg").write_bytes((folder / "05.jpg").read_bytes()[:300])
    (folder / "07.jpg").write_text("Dear reader")
    return folder


def encoded(path: Path) -> bytes:
    content = io.BytesIO()
    Image.open(path).save(content, "PNG")
    return content.getvalue()
