"""Draw the README's curve of error against labels from figures that were read off evaluations.

.venv/bin/python docs/draw_results.py docs/few_labels.csv docs/pictures/few_labels.png

The file has a row for each way and number of labelled faces; docs/results.md has the commands.
"""

import argparse
import csv
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from warpmarks.cli.ending import run_script
from warpmarks.plots.label_curve import LabelSeries, draw_label_curve
from warpmarks.plots.saving import save_figure


def main(arguments: list[str]) -> None:
    """Read, and draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("table", type=Path, help="way,labels,error,spread; the last way is a line")
    parser.add_argument("picture", type=Path, help="the PNG file to write")
    options = parser.parse_args(arguments)
    rows = defaultdict(list)
    with options.table.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            rows[row["way"]].append(
                (int(row["labels"]), float(row["error"]), float(row["spread"] or 0))
            )
    series = []
    for way, own in rows.items():
        labels, errors, spreads = zip(*own, strict=True)
        series.append(LabelSeries(way, labels, np.array(errors), np.array(spreads)))
    figure = draw_label_curve(
        series[:-1], normaliser="the inter-ocular distance", mean_shape=series[-1]
    )
    save_figure(figure, options.picture)


if __name__ == "__main__":
    sys.exit(run_script(main))
