"""A project that is served inside the test: no socket, no browser."""

import warnings
from pathlib import Path

from warpmarks.annotator.annotations import Scheme
from warpmarks.annotator.new_scheme import starting_scheme
from warpmarks.annotator.project_images import open_images
from warpmarks.annotator.server import build_app
from warpmarks.annotator.session import Session
from warpmarks.annotator.store import Project
from warpmarks.detectors.detector import Detector

with warnings.catch_warnings():
    # It works as well with httpx as with the successor that it asks for.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

HOST, PORT, TOKEN = "127.0.0.1", 8123, "a-secret"
ADDRESS = f"http://{HOST}:{PORT}"
WRITES = {"x-warpmarks": "1", "origin": ADDRESS}


def open_session(
    run: Path, images: Path, folder: Path, points: str | Scheme | None = "a,b"
) -> Session:
    """A project of those images, without its landmarks being looked for in the background."""
    scheme = starting_scheme(points) if isinstance(points, str) else points
    files = open_images(images)
    return Session(Project(folder, images, scheme), files, Detector.load(run, device="cpu"))


def browser(session: Session, run: Path, *, signed_in: bool = True) -> TestClient:
    """A browser in front of the page."""
    app = build_app(session, run, token=TOKEN, host=HOST, port=PORT)
    client = TestClient(app, base_url=ADDRESS, follow_redirects=False, headers={})
    if signed_in:
        assert client.get("/", params={"token": TOKEN}).status_code == 303
    return client


def placed(*points: tuple[float, float] | None) -> list[dict | None]:
    """Visible points as the page sends them."""
    return [None if point is None else {"x": point[0], "y": point[1]} for point in points]


def put(client: TestClient, image: int, base: int, *points: tuple[float, float] | None):
    """Save the points of an image."""
    body = {"base_version": base, "points": placed(*points)}
    return client.put(f"/api/images/{image}/points", json=body, headers=WRITES)
