"""Compare recipes: every variant on every set with every seed, on the same budget.

    python benchmarks/ablate.py CONFIG.yaml --output DIR [--threads N]

CONFIG.yaml:

    budget: {steps: 3000}               # or {minutes: 20}: of each training
    seeds: [0, 1]
    draws: 10                           # of annotated images, for the few-label errors
    common: [image.size=64]             # settings of all variants
    sets:
      faces: {path: DIR, landmarks: 30, train: train, fit: train, score: val, labels: [1, 5],
              normaliser: inter-ocular}   # as of warpmarks evaluate; without, that of the set
    variants:
      default: []                       # settings that differ from the default recipe
      without exchange: [network.descriptors=0, loss.exchange_weight=0]
      paper: {recipe: paper, set: [batch_size=16]}   # of the package, or a recipe's file

All of it is checked before the first training. The same command goes on with a training that was
stopped, and reads again what is finished. Other labels, draws, normaliser, fit or score lead to
scoring anew; a run that was trained otherwise than CONFIG.yaml says is refused. DIR then holds

    SET/VARIANT/SEED/       the run, and cell.json with its figures
    table.md, table.json    a row a set and variant: mean ± standard deviation over seeds and draws
    errors-SET.png          error against annotated images, a curve for each variant

Errors are those of warpmarks evaluate --labels. Where fit and score share images, they are not
those of new images, which is told.
"""

import argparse
import sys
from pathlib import Path

from ablation.cells import finished, refuse_other
from ablation.plan import cells_of, read_plan
from ablation.summary import rows_of, write_summary
from warpmarks.cli.ending import run_script
from warpmarks.cli.progress import terminal_progress
from warpmarks.system.files import make_folder


def main(arguments: list[str]) -> None:
    """Fill in the cells that are missing and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=None, help="of each training")
    options = parser.parse_args(arguments)
    plan = read_plan(options.config)
    cells = cells_of(plan, options.output)
    for cell in cells:
        refuse_other(cell)
    make_folder(options.output)
    done = []
    with terminal_progress() as progress:
        for of in {cell.of.name: cell.of for cell in cells}.values():
            if of.scoring is not None and of.scoring.shared:
                progress.message(of.scoring.shared)
        try:
            for cell in cells:
                progress.message(cell.title)
                done.append((cell, finished(cell, plan.draws, options.threads, progress)))
                table = write_summary(options.output, rows_of(done))
        except KeyboardInterrupt:
            raise KeyboardInterrupt("the same command goes on from here") from None
    print(table, end="")


if __name__ == "__main__":
    sys.exit(run_script(main))
