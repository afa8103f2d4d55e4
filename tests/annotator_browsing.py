"""The page in a real browser, and the server that it talks to as a process of its own."""

import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

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


class Server:
    """``warpmarks annotate`` with a project of its own."""

    def __init__(self, run: Path, images: Path, project: Path, *options: str) -> None:
        self.project, self.port = project, free_port()
        self._command = [
            *(sys.executable, "-m", "warpmarks", "annotate", str(run), str(images)),
            *("--project", str(project), "--port", str(self.port), "--no-browser"),
            *("--device", "cpu", "--threads", "1", *options),
        ]
        self._process: subprocess.Popen[str] | None = None
        self.address = ""

    def start(self) -> "Server":
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, args=(self._process, lines), daemon=True).start()
        try:
            self.address = lines.get(timeout=60)
        except queue.Empty:
            self._process.kill()
            raise AssertionError(self._process.communicate()[1]) from None
        assert self.address.startswith("http"), self._process.communicate()[1]
        return self

    @staticmethod
    def _read(process: "subprocess.Popen[str]", lines: "queue.Queue[str]") -> None:
        lines.put(process.stdout.readline().strip())

    def kill(self) -> None:
        """As if the power had gone."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        if self._process is not None:
            self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        self._process.send_signal(how)
        self._process.communicate(timeout=30)
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
        """Of the picture that is shown."""
        self.page.wait_for_selector("#stage[data-image] img:not(.waiting)")
        return self.stage.get_attribute("data-image")

    @property
    def number(self) -> int:
        return next(i["id"] for i in self.get("project")["images"] if i["name"] == self.name)

    @property
    def truth(self) -> np.ndarray:
        return self._truth[self.name]

    def saved(self) -> dict[str, Any]:
        """The shown image as the server has it."""
        return self.get(f"images/{self.number}")

    def to_screen(self, point: np.ndarray) -> tuple[float, float]:
        """Of a pixel's centre; from the picture as drawn, not from the page's own reckoning."""
        picture = self.stage.locator("img.picture").bounding_box()
        item = next(i for i in self.get("project")["images"] if i["name"] == self.name)
        return (
            picture["x"] + (point[0] + 0.5) * picture["width"] / item["width"],
            picture["y"] + (point[1] + 0.5) * picture["height"] / item["height"],
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
