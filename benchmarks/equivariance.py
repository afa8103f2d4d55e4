"""How well runs follow warps, all under the same ones.

    python benchmarks/equivariance.py SET RUN [RUN ...] [--split SPLIT] [--warps RECIPE]

A run's own figures are under the warps that it was trained with, and of one look. Here every run
sees the first 128 images of the split through the random warps of one recipe, and looks as often as
it detects. *All*: mean distance of Phi(x) to g(Phi(x')) over all landmarks, in % of the view's
shorter side; *in view*: over those whose place is seen in both images, mean and median; *follow*:
the middle landmark's share of the motion.
"""

import argparse
import sys
from pathlib import Path
from statistics import median

import numpy as np
import torch

import warpmarks
from warpmarks.cli.ending import run_script
from warpmarks.configuration import TrainingConfig, WarpsConfig
from warpmarks.datasets.reading import read_picture
from warpmarks.heatmaps import flatness
from warpmarks.losses import view_unit
from warpmarks.recipe_reading import load_recipe
from warpmarks.runs.geometry import Geometry, warps_of
from warpmarks.system.files import write_json
from warpmarks.training.health import LandmarkPairs, measure_health
from warpmarks.training.randomness import generator_for
from warpmarks.warps import ThinPlateSpline
from warpmarks.warps.views import seen_points

IMAGES, CHUNK = 128, 32


def main(arguments: list[str]) -> None:
    """Measure every run and print a line of each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("set", type=Path)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument("--split", default="val", help="of the set")
    parser.add_argument("--warps", default="default", metavar="RECIPE", help="whose warps")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    options = parser.parse_args(arguments)
    warps = load_recipe(options.warps).warps
    paths = list(warpmarks.find_images(options.set, split=options.split).paths())[:IMAGES]
    detectors = {str(run): warpmarks.Detector.load(run, device="cpu") for run in options.runs}
    found = {run: measure(detector, paths, warps) for run, detector in detectors.items()}
    print(f"{'run':24}{'all':>8}{'in view':>9}{'median':>8}{'follow':>8}{'dead':>6}{'nailed':>7}")
    for run, figures in found.items():
        print(
            f"{run[-24:]:24}{figures['all']:8.2f}{figures['in view']:9.2f}"
            f"{figures['median in view']:8.2f}{figures['follow']:8.0%}"
            f"{figures['dead']:6}{figures['nailed']:7}"
        )
    if options.json:
        write_json(options.json, found)


@torch.no_grad()
def measure(
    detector: warpmarks.Detector, paths: list[Path], warps: WarpsConfig
) -> dict[str, float]:
    """The figures of one run as it detects, errors in % of the view's shorter side."""
    record = detector.record
    size = (record.picture_height, record.picture_width)
    geometry = Geometry(size, (record.view_height, record.view_width))
    pictures = [read_picture(path, *size, record.config.image.fit)[0] for path in paths]
    settings = record.config.model_dump()
    settings["warps"] = warps.model_dump()
    config = TrainingConfig.model_validate(settings)
    first = warps_of(config.warps.first, config, geometry)
    second = warps_of(config.warps.second, config, geometry)
    unit = view_unit(*geometry.cells)
    errors, seen, parts = [], [], []
    for number, chunk in enumerate(torch.from_numpy(np.stack(pictures)).split(CHUNK)):
        generator = generator_for(0, "held out", number)
        g1, g2 = (warps.draw(len(chunk), generator).to(unit) for warps in (first, second))
        pairs = _look_at_both(detector, chunk, g1, g2, unit)
        errors.append(50 * (pairs.original - pairs.moved).norm(dim=-1))
        in_warped = seen_points((pairs.original / unit).double(), g2)[1]
        seen.append(in_warped & ((pairs.moved / unit).abs() <= 1).all(dim=-1))
        parts.append(pairs)
    error, in_view = torch.cat(errors), torch.cat(seen)
    health = measure_health(parts)
    return {
        "all": float(error.mean()),
        "in view": float(error[in_view].mean()),
        "median in view": float(error[in_view].median()),
        "share in view": float(in_view.float().mean()),
        "follow": median(health.follow),
        "dead": len(health.dead),
        "nailed": len(health.nailed),
    }


def _look_at_both(
    detector: warpmarks.Detector,
    pictures: torch.Tensor,
    g1: ThinPlateSpline,
    g2: ThinPlateSpline,
    unit: torch.Tensor,
) -> LandmarkPairs:
    """Landmarks of x = I o g1 and of x' = x o g2."""
    original = detector.look(pictures, g1)
    warped = detector.look(pictures, lambda points: g1(g2(points)))
    return LandmarkPairs(
        original=original.landmarks * unit,
        warped=warped.landmarks * unit,
        moved=g2(warped.landmarks) * unit,
        flatness=flatness(original.maps),
        concentration=original.scores,
    )


if __name__ == "__main__":
    sys.exit(run_script(main))
