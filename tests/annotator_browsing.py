"""The page in a real browser, and the server that it talks to as a process of its own."""

import multiprocessing
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np

from warpmarks.cli import main

CHROMIUM = Path("/usr/bin/chromium")
PATIENCE = 60.0
"""Seconds; machines that run tests are busy."""


def until(condition: Callable[[], Any], what: str) -> Any:
    """What ``condition`` gives once it is true."""
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.03)
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# Importing torch takes longer than all that a server does in a test: it is done once, and each
# server is a fork of that.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["warpmarks.annotator.serving", "warpmarks.detectors.detector"])


def _annotate(arguments: list[str], said: Connection, log: Path) -> None:
    """The command line with its stdout in a pipe, in a process of its own."""
    os.dup2(said.fileno(), 1)
    sys.stdout = os.fdopen(1, "w", buffering=1)
    sys.stderr = log.open("a", buffering=1)
    main(["annotate", *arguments])


class Server:
    """``warpmarks annotate`` with a project of its own."""

    def __init__(self, run: Path, images: Path, project: Path, *options: str) -> None:
        self.project, self.port = project, free_port()
        self._log = project.with_name("stderr.txt")
        self._arguments = [
            *(str(run), str(images), "--project", str(project), "--port", str(self.port)),
            *("--no-browser", "--device", "cpu", "--threads", "1", *options),
        ]
        self._process: BaseProcess | None = None
        self.address = ""

    def start(self) -> "Server":
        ours, theirs = _FORKS.Pipe()
        arguments = (self._arguments, theirs, self._log)
        self._process = _FORKS.Process(target=_annotate, args=arguments, daemon=True)
        self._process.start()
        theirs.close()
        assert ours.poll(PATIENCE), self._log.read_text()
        self.address = os.read(ours.fileno(), 1000).decode().strip()
        ours.close()
        assert self.address.startswith("http"), self._log.read_text()
        return self

    def kill(self) -> None:
        """As if the power had gone."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """As Ctrl-C does."""
        if self._process is not None:
            self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        os.kill(self._process.pid, how)
        self._process.join(30)
        self._process.close()
        self._process = None


class Tab:
    """A page of the browser that is labelling.

    Args:
        page: a Playwright page, at the server's address.
        truth: of each picture, by name, the points in pixels.
    """

    def __init__(self, page: Any, truth: dict[str, np.ndarray]) -> None:
        self.page, self._truth = page, truth
        self.stage = page.locator("#stage")

    def get(self, path: str) -> Any:
        answer = self.page.request.get(f"{self.page.url.split('#')[0]}api/{path}")
        assert answer.ok, answer.text()
        return answer.json()

    @property
    def name(self) -> str:
        """Of the picture that is shown, found and read in one, as another may be on its way."""
        shown = self.page.locator("#stage[data-image]:has(img.picture:not(.waiting))")
        return shown.get_attribute("data-image")

    @property
    def entry(self) -> dict[str, Any]:
        """The shown image as the project lists it."""
        name = self.name
        return next(i for i in self.get("project")["images"] if i["name"] == name)

    @property
    def number(self) -> int:
        return self.entry["id"]

    @property
    def truth(self) -> np.ndarray:
        return self._truth[self.name]

    def saved(self) -> dict[str, Any]:
        """The shown image as the server has it."""
        return self.get(f"images/{self.number}")

    def to_screen(self, point: np.ndarray) -> tuple[float, float]:
        """Of a pixel's centre; from the picture as drawn, not from the page's own reckoning."""
        entry = self.entry
        picture = self.stage.locator("img.picture").bounding_box()
        return (
            picture["x"] + (point[0] + 0.5) * picture["width"] / entry["width"],
            picture["y"] + (point[1] + 0.5) * picture["height"] / entry["height"],
        )

    def click(self, point: np.ndarray) -> None:
        self.page.mouse.click(*self.to_screen(point))

    def label_all(self) -> None:
        """Click every point of the shown picture where it is, in the order of the list."""
        name = self.name
        for index, point in enumerate(self.truth):
            self.page.keyboard.press(str(index + 1))
            self.click(point)
        self.wait_for_points(len(self.truth))
        assert self.name == name

    def wait_for_points(self, count: int) -> list[dict[str, Any]]:
        """Until so many points of the shown image have reached the server."""

        def there() -> list[dict[str, Any]] | None:
            points = self.saved()["points"]
            return points if sum(p is not None for p in points) == count else None

        return until(there, f"{count} saved points")

    def to_another(self, press: str) -> None:
        """Press a key that leads to another image, and wait for it."""
        before = self.name
        self.page.keyboard.press(press)
        until(lambda: self.name != before, f"another image after {press}")

    def markers(self, kind: str) -> Any:
        return self.stage.locator(f".marker.{kind}")
