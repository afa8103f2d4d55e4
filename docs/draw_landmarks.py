"""Draw the README's picture from the demo's run.

make demo && .venv/bin/python docs/draw_landmarks.py demo/run demo/heads docs/pictures/landmarks.png
"""

import sys
from pathlib import Path

from warpmarks.datasets.image_set import find_images
from warpmarks.detectors.detector import Detector
from warpmarks.plots.instances import draw_instances
from warpmarks.plots.saving import save_figure
from warpmarks.report.run_report import survey

SHOWN = 12

if __name__ == "__main__":
    run, images, picture = map(Path, sys.argv[1:])
    instances, *_ = survey(Detector.load(run), find_images(images, split="val"))
    figure = draw_instances(
        instances.images[:SHOWN], instances.landmarks[:SHOWN], columns=6, tile_width=180
    )
    save_figure(figure, picture)
