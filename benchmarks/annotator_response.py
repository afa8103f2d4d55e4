"""How fast the annotator's page is answered, over HTTP, with many images.

    python benchmarks/annotator_response.py RUN SET [--images 5000] [--labels 1 10 100]

The set's annotated points are placed image by image, as a person would, on the first ``--images``
images of its ``--split``; the landmarks of all are located first. After each number of ``--labels``
every address of the page is asked for ``--repeats`` times. Prints JSON: milliseconds, median and
largest, by number of labels; ``cpu`` is the median of what the processor worked for it, server and
client together, which other work on the machine does not change. ``refit`` is the part of saving a
label that fits and predicts anew.
"""

import argparse
import json
import logging
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import uvicorn

from warpmarks.annotator.annotations import Scheme
from warpmarks.annotator.project_images import open_images
from warpmarks.annotator.server import build_app
from warpmarks.annotator.serving import listen
from warpmarks.annotator.session import Session
from warpmarks.annotator.store import Project
from warpmarks.cli.ending import run_script
from warpmarks.datasets.annotated import read_annotated
from warpmarks.detectors.detector import Detector
from warpmarks.errors import InputError

HOST, TOKEN = "127.0.0.1", "benchmark"
WRITES = {"x-warpmarks": "1"}
AHEAD = 200
"""How far from the labelled images those are whose thumbnails are asked for."""


def main(arguments: list[str]) -> None:
    """Print the times as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("set", type=Path)
    parser.add_argument("--split", default="train")
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--labels", type=int, nargs="+", default=[1, 10, 100])
    parser.add_argument("--repeats", type=int, default=10)
    options = parser.parse_args(arguments)

    annotated = read_annotated(options.set, split=options.split)
    names, points = annotated.images.names[: options.images], annotated.points
    needed = max(options.labels) + options.repeats + AHEAD
    if min(*options.labels, options.repeats) < 1 or len(names) < needed:
        raise InputError(
            f"--labels, --repeats: expected numbers from 1, and {needed} annotated images for so "
            f"many; there are {len(names)}"
        )
    detector = Detector.load(options.run)
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "list.txt"
        root = annotated.images.root.resolve()
        listed.write_text("".join(f"{root / name}\n" for name in names))
        images = open_images(listed)
        rows = {str(root / name): row for row, name in enumerate(names)}
        people = [points[rows[name]] for name in images.names]
        count = annotated.scheme.count
        scheme = Scheme(annotated.scheme.names, ("#e61e2d",) * count)
        session = Session(Project(Path(folder) / "project", listed, scheme), images, detector)
        begun = time.perf_counter()
        session.start()
        session.locations.wait()
        located = time.perf_counter() - begun
        listening = listen(HOST, 0)
        port = listening.getsockname()[1]
        app = build_app(session, options.run, token=TOKEN, host=HOST, port=port)
        config = uvicorn.Config(app, ws="none", lifespan="off", log_level=logging.WARNING)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        with httpx.Client(base_url=f"http://{HOST}:{port}", timeout=60) as client:
            client.get("/", params={"token": TOKEN})
            times = measured(client, people, options.labels, options.repeats)
        server.should_exit = True
        thread.join()
        session.stop()
    print(
        json.dumps(
            {"images": len(images), "located_in_s": round(located, 1), "milliseconds": times},
            indent=2,
        )
    )


def measured(
    client: httpx.Client, people: list[np.ndarray], labels: list[int], repeats: int
) -> dict[str, dict[str, dict[str, float]]]:
    """Times of every address after each number of labels."""
    result = {}
    done = 0
    for count in sorted(labels):
        saving: list[tuple[float, float]] = []
        fitting = []
        for image in range(done, count):
            values = [
                {"x": float(x), "y": float(y)} if np.isfinite(x) else None for x, y in people[image]
            ]
            body = {"base_version": 0, "points": values}
            begun = now()
            answer = client.put(f"/api/images/{image}/points", json=body, headers=WRITES)
            saving.append(since(begun))
            fitting.append(answer.raise_for_status().json()["refit_ms"])
        done = count
        asked: dict[str, Callable[[int], str]] = {
            "image": lambda number: f"/api/images/{number}",
            "picture": lambda number: f"/api/images/{number}/file",
            "thumbnail": lambda number: f"/api/images/{number + AHEAD}/file?width=96",
            "project": lambda _: "/api/project",
            "predictions": lambda _: "/api/predictions",
            "progress": lambda _: "/api/progress",
            "suggestion": lambda _: "/api/suggestion",
            "shapes": lambda _: "/api/shapes",
            "version": lambda _: "/api/version",
        }
        refits = fitting[-repeats:]
        of_count = {
            "save a label": spread(saving[-repeats:]),
            "refit": {"median": float(np.median(refits)), "largest": max(refits)},
        }
        for what, address in asked.items():
            taken = []
            for number in range(repeats):
                begun = now()
                client.get(address(number + count)).raise_for_status()
                taken.append(since(begun))
            of_count[what] = spread(taken)
        result[str(count)] = of_count
    return result


def now() -> tuple[float, float]:
    """Seconds that have passed, and that this process has worked."""
    return time.perf_counter(), time.process_time()


def since(begun: tuple[float, float]) -> tuple[float, float]:
    """Milliseconds of both since then."""
    passed, worked = now()
    return 1000 * (passed - begun[0]), 1000 * (worked - begun[1])


def spread(times: list[tuple[float, float]]) -> dict[str, float]:
    """Median and largest of what passed, and median of what was worked."""
    passed, worked = np.array(times).T
    return {
        "median": round(float(np.median(passed)), 1),
        "largest": round(float(passed.max()), 1),
        "cpu": round(float(np.median(worked)), 1),
    }


if __name__ == "__main__":
    sys.exit(run_script(main))
