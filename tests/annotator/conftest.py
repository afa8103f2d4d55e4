from collections.abc import Iterator
from pathlib import Path

import pytest

from annotator_requests import TestClient, browser, open_session
from tiny_runs import train_tiny
from warpmarks.annotator.session import Session


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory, image_folder: Path) -> Path:
    """A run of two steps with three landmarks, of `image_folder`."""
    run = tmp_path_factory.mktemp("runs") / "run"
    train_tiny(image_folder, run, steps=2)
    return run


@pytest.fixture
def session(tiny_run: Path, image_folder: Path, tmp_path: Path) -> Iterator[Session]:
    """A new project of twelve images with two points, a and b."""
    opened = open_session(tiny_run, image_folder, tmp_path / "project")
    yield opened
    opened.stop()


@pytest.fixture
def client(session: Session, tiny_run: Path) -> Iterator[TestClient]:
    """A browser that has followed the address with the token."""
    with browser(session, tiny_run) as opened:
        yield opened
