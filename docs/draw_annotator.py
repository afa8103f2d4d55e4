"""Draw the annotator's page for docs/pictures, with a run of the synthetic category.

make demo && .venv/bin/python docs/draw_annotator.py demo/run
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from warpmarks.cli.ending import run_script
from warpmarks.datasets.synthetic import POINT_NAMES, render

COUNT, SIDE, SEED = 120, 448, 3
LABELLED = 12
POINTS = POINT_NAMES[:6]
PICTURES = Path(__file__).parent / "pictures"
WRITES = {"X-Warpmarks": "1"}


def label(page: Page, truth: list[Any]) -> int:
    """Place the known points on the images that are suggested; the image least doubted."""
    address, ask = page.url.split("#")[0], page.request
    for _ in range(LABELLED):
        image = ask.get(f"{address}api/suggestion").json()["id"]
        base = ask.get(f"{address}api/images/{image}").json()["version"]
        points = [{"x": x, "y": y} for x, y in truth[image][: len(POINTS)].round(2).tolist()]
        body = {"base_version": base, "points": points}
        ask.put(f"{address}api/images/{image}/points", headers=WRITES, data=body)
    doubt = ask.get(f"{address}api/predictions").json()["images"]["doubt"]
    return min((one, image) for image, one in enumerate(doubt) if one is not None)[1]


def draw(address: str, truth: list[Any]) -> None:
    """Three pictures, one of them dark."""
    with sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )

        def opened(scheme: str, height: int = 800) -> Page:
            page = browser.new_page(viewport={"width": 1280, "height": height}, color_scheme=scheme)
            page.set_default_timeout(120_000)
            page.goto(address)
            page.wait_for_selector("#stage[data-image] img:not(.waiting)")
            return page

        page = opened("light")
        page.wait_for_selector(".locating", state="detached")
        least = label(page, truth)
        page.goto(f"{page.url.split('#')[0]}#image={least}")
        page.reload()
        page.wait_for_selector(".marker.suggested")
        page.wait_for_selector(".chart")
        page.wait_for_timeout(500)
        shoot(page, "annotate.jpg")
        page.keyboard.press("g")
        page.wait_for_selector(".tile")
        while not page.locator(".tile img").evaluate_all("all => all.every(one => one.complete)"):
            page.wait_for_timeout(200)
        page.wait_for_timeout(500)
        shoot(page, "annotate_gallery.jpg")
        page = opened("dark", 860)
        page.keyboard.press("s")
        page.wait_for_selector(".mode")
        page.wait_for_timeout(1000)
        shoot(page, "annotate_shapes.jpg")
        browser.close()


def shoot(page: Page, name: str) -> None:
    """What can be seen of the page."""
    page.screenshot(path=PICTURES / name, type="jpeg", quality=88)


def main(arguments: list[str]) -> None:
    """Render, serve, label, draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", help="of the synthetic category")
    run = parser.parse_args(arguments).run
    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder) / "creatures"
        images.mkdir()
        truth = []
        for instance in range(COUNT):
            sample = render(instance, size=SIDE, seed=SEED)
            Image.fromarray(sample.image).save(images / f"creature_{instance:03}.png")
            truth.append(sample.annotations)
        command = [sys.executable, "-m", "warpmarks", "annotate", run, str(images)]
        command += ["--points", ",".join(POINTS), "--project", f"{folder}/points"]
        server = subprocess.Popen(
            [*command, "--port", "0", "--no-browser"], stdout=subprocess.PIPE, text=True
        )
        try:
            draw(server.stdout.readline().strip(), truth)
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    sys.exit(run_script(main))
