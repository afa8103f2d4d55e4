"""From an empty project to points on all images: a person played by a script, on the real page.

    python benchmarks/half_hour.py RUN SET --points "left eye,right eye,nose" [--labels 1 5 10]

Starts ``warpmarks annotate`` with a new project, opens its page in Chromium, goes from one
suggested image to the next and clicks the set's annotated points there, one by one; a point that is
not annotated is left out. After each number of ``--labels`` it waits until the server has points
for all images, and scores them on the annotated images that were not labelled. Prints JSON: seconds
since the command was given, what a click took until it was saved, and the errors of the points and
of the mean shape of the labelled images, in % of the project's normaliser, which is guessed from
the names. The script clicks at once: what a person needs to look and aim comes on top,
``--per-click`` seconds of waiting before each click stand for it.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page, sync_playwright

from warpmarks.annotator.new_scheme import starting_scheme
from warpmarks.cli.ending import run_script
from warpmarks.datasets.annotated import read_annotated
from warpmarks.errors import InputError
from warpmarks.metrics.errors import mean_error, point_distances, relative_errors
from warpmarks.metrics.mean_shape import mean_shape, predict_mean_shape

CHROMIUM = "/usr/bin/chromium"
PATIENCE = 600.0
"""Seconds."""


def main(arguments: list[str]) -> None:
    """Print the times and errors as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("set", type=Path)
    parser.add_argument("--points", required=True)
    parser.add_argument("--labels", type=int, nargs="+", default=[1, 5, 10])
    parser.add_argument("--per-click", type=float, default=0.0)
    options = parser.parse_args(arguments)

    check(options)
    with tempfile.TemporaryDirectory() as folder:
        begun = time.monotonic()
        command = [sys.executable, "-m", "warpmarks", "annotate", options.run, options.set]
        command += ["--points", options.points, "--project", f"{folder}/points"]
        command += ["--port", "0", "--no-browser", "--threads", "1"]
        server = subprocess.Popen(
            [str(part) for part in command], stdout=subprocess.PIPE, text=True
        )
        try:
            address = server.stdout.readline().strip() if server.stdout else ""
            if not address:
                raise InputError("the server did not start")
            with sync_playwright() as started:
                browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
                page = browser.new_page(viewport={"width": 1366, "height": 768})
                page.set_default_timeout(1000 * PATIENCE)
                result = HalfHour(page, address, begun, options).play()
                browser.close()
        finally:
            server.terminate()
            server.wait()
    json.dump(result, sys.stdout, indent=2)
    print()


def check(options: argparse.Namespace) -> None:
    """Raise where the script could not play what it is asked for.

    Raises:
        InputError: other points than the set's, fewer images than labels, or no browser.
    """
    annotated = read_annotated(options.set, split=None)
    given, count = starting_scheme(options.points).names, annotated.scheme.count
    if len(given) != count:
        raise InputError(f"--points names {len(given)}, but {annotated.source} has {count}")
    if not 1 <= min(options.labels) <= max(options.labels) < len(annotated.images.names):
        raise InputError(
            f"--labels: expected numbers from 1, below the {len(annotated.images.names)} annotated "
            "images, of which the rest is scored"
        )
    if not Path(CHROMIUM).is_file():
        raise InputError(f"{CHROMIUM} is not there: install Chromium, whose page is clicked on")


class HalfHour:
    """One project, from the first look at the page."""

    def __init__(self, page: Page, address: str, begun: float, options: argparse.Namespace) -> None:
        self._page, self._begun, self._options = page, begun, options
        annotated = read_annotated(options.set, split=None)
        self._truth = dict(zip(annotated.images.names, annotated.points, strict=True))
        self._scheme = starting_scheme(options.points)
        page.goto(address)
        page.wait_for_selector("#stage[data-image] img:not(.waiting)")
        self._opened = self._passed()
        self._base = page.url.split("#")[0]
        self._images = self._get("project")["images"]

    def play(self) -> dict[str, Any]:
        """Label the images that are suggested."""
        result: dict[str, Any] = {"images": len(self._images), "page opened": self._opened}
        labelled: set[int] = set()
        saving: list[float] = []
        for count in range(1, max(self._options.labels) + 1):
            if count > 1:
                shown = self._page.get_attribute("#stage", "data-image")
                self._page.keyboard.press("Space")
                self._page.wait_for_selector(
                    f"#stage[data-image]:not([data-image={json.dumps(shown)}]) img:not(.waiting)"
                )
            labelled.add(self._label(saving))
            if count in self._options.labels:
                by = self._passed()
                points, known = self._all_points(count)
                result[str(count)] = {
                    "seconds until labelled": by,
                    "seconds until all have points": known,
                    **self._errors(points, labelled),
                }
        result["clicks"] = len(saving)
        result["seconds from a click until it is saved"] = {
            "median": round(float(np.median(saving)), 3),
            "largest": round(max(saving), 3),
        }
        return result

    def _label(self, saving: list[float]) -> int:
        """Click the annotated points of the shown image; its number."""
        name = self._page.get_attribute("#stage", "data-image")
        image = next(one for one in self._images if one["name"] == name)
        box = self._page.locator("#stage img.picture").bounding_box()
        assert name is not None
        assert box is not None
        wide, high = box["width"] / image["width"], box["height"] / image["height"]
        for index, (x, y) in enumerate(self._truth[name]):
            if not np.isfinite(x):
                continue
            time.sleep(self._options.per_click)
            self._page.keyboard.press(str(index + 1))
            with self._page.expect_response(
                lambda answer: answer.request.method == "PUT" and answer.ok
            ):
                begun = time.monotonic()
                self._page.mouse.click(box["x"] + (x + 0.5) * wide, box["y"] + (y + 0.5) * high)
            saving.append(time.monotonic() - begun)
        return int(image["id"])

    def _all_points(self, count: int) -> tuple[np.ndarray, float]:
        """Predicted on all images, and the seconds it took to be there."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            told = self._get("predictions")
            rows = told["images"]["points"]
            if told["fitted_on"] == count and all(row and None not in row for row in rows):
                return np.array(rows, dtype=float).reshape(len(rows), -1, 2), self._passed()
            time.sleep(0.2)
        raise InputError(f"no points on all images within {PATIENCE:.0f} seconds")

    def _errors(self, points: np.ndarray, labelled: set[int]) -> dict[str, float]:
        """Means over the annotated images that are not labelled."""
        known = [image for image in self._images if image["name"] in self._truth]
        truth = np.stack([self._truth[image["name"]] for image in known])
        sizes = np.array([[image["width"], image["height"]] for image in known], dtype=float)
        numbers = [image["id"] for image in known]
        given = np.array([number in labelled for number in numbers])
        lengths = self._scheme.point_scheme().normaliser.lengths(truth, sizes)[~given]

        def percent(found: np.ndarray) -> float:
            distances = point_distances(found, truth[~given])
            return round(100 * mean_error(relative_errors(distances, lengths)), 2)

        shape = mean_shape(truth[given], sizes[given])
        return {
            "error in %": percent(points[numbers][~given]),
            "error of the mean shape in %": percent(predict_mean_shape(shape, sizes[~given])),
        }

    def _get(self, what: str) -> Any:
        answer = self._page.request.get(f"{self._base}api/{what}", timeout=1000 * PATIENCE)
        return answer.json()

    def _passed(self) -> float:
        return round(time.monotonic() - self._begun, 1)


if __name__ == "__main__":
    sys.exit(run_script(main))
