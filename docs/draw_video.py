"""Make a clip of a moving synthetic creature, and draw docs/pictures/video.png from its overlay.

make demo && .venv/bin/python docs/draw_video.py clip.mp4
.venv/bin/warpmarks detect demo/run clip.mp4 --output points.csv --overlay overlay.mp4 --trails 25
.venv/bin/python docs/draw_video.py overlay.mp4 docs/pictures/video.png
"""

import argparse
import math
import sys
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
from PIL import Image

from warpmarks.cli.ending import run_script
from warpmarks.datasets.synthetic.rendering import render
from warpmarks.video.reading import Video

FRAMES, SIDE, RATE = 120, 288, 25
SHOWN = (20, 50, 80, 110)


def make_clip(path: Path) -> None:
    """One creature that nods, tilts and wanders for five seconds."""
    picture = Image.fromarray(render(7, size=2 * SIDE, seed=5).image)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "16"})
        stream.width = stream.height = SIDE
        stream.pix_fmt = "yuv420p"
        for frame in range(FRAMES):
            phase = 2 * math.pi * frame / FRAMES
            angle, zoom = 0.16 * math.sin(2 * phase), 1.25 + 0.06 * math.sin(phase)
            middle = SIDE + 15 * math.sin(3 * phase), SIDE + 12 * math.cos(2 * phase)
            a, b = zoom * math.cos(angle), zoom * math.sin(angle)
            # To where in the picture each pixel of the frame looks.
            matrix = (
                *(a, -b, middle[0] - (a - b) * SIDE / 2),
                *(b, a, middle[1] - (a + b) * SIDE / 2),
            )
            view = picture.transform(
                (SIDE, SIDE), Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC
            )
            container.mux(stream.encode(av.VideoFrame.from_image(view)))
        container.mux(stream.encode(None))


def draw_frames(overlay: Path, picture: Path) -> None:
    """Some of its frames side by side."""
    shown = [frame.image for frame in Video(overlay) if frame.index in SHOWN]
    gap = np.full((shown[0].shape[0], 8, 3), 255, dtype=np.uint8)
    row = [part for image, _ in pairwise([*shown, shown[-1]]) for part in (image, gap)][:-1]
    Image.fromarray(np.concatenate(row, axis=1)).save(picture, optimize=True)


def main(arguments: list[str]) -> None:
    """Either of the two."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("video", type=Path, help="the clip to write; with PICTURE, its overlay")
    parser.add_argument("picture", type=Path, nargs="?", help="the PNG file to write")
    options = parser.parse_args(arguments)
    if options.picture is None:
        make_clip(options.video)
    else:
        draw_frames(options.video, options.picture)


if __name__ == "__main__":
    sys.exit(run_script(main))
