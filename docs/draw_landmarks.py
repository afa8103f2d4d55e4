"""Draw the README's picture from the demo's run.

make demo && .venv/bin/python docs/draw_landmarks.py demo/run demo/heads docs/pictures/landmarks.png
"""

import argparse
import sys
from pathlib import Path

from warpmarks.cli.ending import run_script
from warpmarks.datasets.image_set import find_images
from warpmarks.detectors.detector import Detector
from warpmarks.plots.instances import draw_instances
from warpmarks.plots.saving import save_figure
from warpmarks.report.run_report import survey

SHOWN = 12


def main(arguments: list[str]) -> None:
    """Find, and draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("images", type=Path, help="a set, whose split val is shown")
    parser.add_argument("picture", type=Path, help="the PNG file to write")
    options = parser.parse_args(arguments)
    instances, *_ = survey(Detector.load(options.run), find_images(options.images, split="val"))
    figure = draw_instances(
        instances.images[:SHOWN], instances.landmarks[:SHOWN], columns=6, tile_width=180
    )
    save_figure(figure, options.picture)


if __name__ == "__main__":
    sys.exit(run_script(main))
