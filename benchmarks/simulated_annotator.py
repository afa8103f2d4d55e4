"""Do suggested images teach more than random ones? Annotated points stand for the person.

    python benchmarks/simulated_annotator.py RUN SET [--draws 20] [--pool 500] [--labels 10]

For each draw, ``--pool`` images of the ``--fit`` split are the images of a project. One rule after
the other chooses which of them are labelled, up to ``--labels``; the regressor of `warpmarks
annotate` is fitted to the labels and scored on the ``--score`` split, in % of the set's normaliser.
Random choices are made ``--repeats`` times in each pool. Prints JSON: mean errors by number of
labels; for each rule the mean difference from random over the draws with its standard error; and
how well the page's doubt finds the worst of the scored images after the suggested labels.
``--picture FILE`` draws the curve.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from warpmarks.annotator.doubt import doubts
from warpmarks.annotator.predicting import fit_placed
from warpmarks.annotator.suggestion import Suggester
from warpmarks.centred import pixels_to_centred
from warpmarks.cli.ending import run_script
from warpmarks.datasets.annotated import read_annotated
from warpmarks.detectors.detector import Detector
from warpmarks.errors import InputError
from warpmarks.evaluation.locating import locate_annotated
from warpmarks.metrics.errors import relative_errors
from warpmarks.regression.examples import Examples

Rule = Callable[[Examples, int, np.random.Generator], Sequence[int]]


def suggested(pool: Examples, count: int, _: np.random.Generator) -> list[int]:
    """What the page suggests, one after the other."""
    suggester = Suggester(pool.landmarks, pool.sizes)
    labelled = np.zeros(len(pool), dtype=bool)
    chosen: list[int] = []
    while len(chosen) < count:
        index = suggester.suggest(labelled, set()).index
        assert index is not None
        labelled[index] = True
        chosen.append(index)
    return chosen


def random(pool: Examples, count: int, generator: np.random.Generator) -> list[int]:
    """Any images."""
    return generator.permutation(len(pool))[:count].tolist()


def farthest_first(pool: Examples, count: int, _: np.random.Generator) -> list[int]:
    """Each time the image that is least like any labelled one; the most usual one to begin with."""
    features = pixels_to_centred(pool.landmarks, pool.sizes).reshape(len(pool), -1)
    usual = features.mean(axis=0)
    chosen = [int(np.argmin(np.linalg.norm(features - usual, axis=1)))]
    nearest = np.full(len(pool), np.inf)
    while len(chosen) < count:
        nearest = np.minimum(nearest, np.linalg.norm(features - features[chosen[-1]], axis=1))
        chosen.append(int(np.argmax(nearest)))
    return chosen


def least_sure(pool: Examples, count: int, _: np.random.Generator) -> list[int]:
    """The images whose landmarks have the lowest scores."""
    return np.argsort(pool.scores.mean(axis=1))[:count].tolist()


RULES: dict[str, Rule] = {
    "suggested": suggested,
    "random": random,
    "farthest first": farthest_first,
    "least sure first": least_sure,
}


def main(arguments: list[str]) -> None:
    """Print the errors as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("set", type=Path)
    parser.add_argument("--fit", default="train", help="split that pools are drawn from")
    parser.add_argument("--score", default="val", help="split that is scored")
    parser.add_argument("--normaliser", default=None, help="of errors; the set's if not given")
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--pool", type=int, default=500, help="images of a project")
    parser.add_argument("--labels", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=5, help="random choices in each pool")
    parser.add_argument("--seed", type=int, default=1000, help="of the first draw")
    parser.add_argument("--picture", type=Path, default=None, help="file for the curve")
    options = parser.parse_args(arguments)

    check(options)
    detector = Detector.load(options.run)
    located, lengths, words = {}, np.zeros(0), ""
    for split in (options.fit, options.score):
        annotated = read_annotated(options.set, split=split, normaliser=options.normaliser)
        located[split] = locate_annotated(detector, annotated)
        lengths = annotated.scheme.normaliser.divisors(annotated.points, located[split].sizes)
        words = annotated.scheme.normaliser.words
    held_out = located[options.score]

    def errors_on_images(labelled: Examples) -> np.ndarray:
        fitted = fit_placed(labelled)
        assert fitted is not None
        predicted = fitted.predict(held_out.landmarks, held_out.sizes)
        distances = np.linalg.norm(predicted - held_out.annotations, axis=-1)
        return 100 * relative_errors(distances, lengths)

    counts = [count for count in (1, 2, 3, 5, 7, 10, 20, 50) if count < options.labels]
    counts.append(options.labels)
    errors = np.zeros((len(RULES), options.draws, len(counts)))
    doubt = np.zeros((options.draws, 2))
    for draw in range(options.draws):
        generator = np.random.default_rng(options.seed + draw)
        everything = located[options.fit]
        pool = everything.subset(np.sort(generator.permutation(len(everything))[: options.pool]))
        for row, rule in enumerate(RULES.values()):
            repeats = options.repeats if rule is random else 1
            for _ in range(repeats):
                chosen = np.array(rule(pool, options.labels, generator))
                by_count = [errors_on_images(pool.subset(chosen[:count])) for count in counts]
                means = np.array([np.nanmean(of_images) for of_images in by_count])
                errors[row, draw] += means / repeats
            if rule is suggested:
                labelled = pool.subset(chosen).landmarks
                doubt[draw] = found_by_doubt(doubts(held_out.landmarks, labelled), by_count[-1])
        print(f"draw {draw + 1} of {options.draws}", file=sys.stderr)

    told = summary(errors, counts, options)
    correlation, found = doubt.mean(axis=0).round(2).tolist()
    told["doubt"] = {"rank_correlation": correlation, "worst_5_in_doubtful_10_percent": found}
    print(json.dumps(told, indent=2))
    if options.picture is not None:
        draw_curve(errors, counts, words, options.picture)


def check(options: argparse.Namespace) -> None:
    """Raise where there are too few images or draws for what is asked for.

    Raises:
        InputError: see above.
    """
    if options.draws < 2:
        raise InputError(f"--draws is {options.draws}: expected 2 or more, for a standard error")
    if options.repeats < 1:
        raise InputError(f"--repeats is {options.repeats}: expected at least 1")
    images = len(read_annotated(options.set, split=options.fit).images.names)
    pool = min(options.pool, images)
    if not 1 <= options.labels <= pool:
        raise InputError(f"--labels is {options.labels}: expected 1 to {pool}, the pool's images")


def found_by_doubt(doubt: np.ndarray, errors: np.ndarray) -> tuple[float, float]:
    """Rank correlation of doubt and error, and the share of the worst images that doubt finds."""
    of_images = np.nanmean(errors, axis=1)
    order, worst = np.argsort(doubt), np.argsort(of_images)
    ranks = np.empty((2, len(doubt)))
    ranks[0, order] = ranks[1, worst] = np.arange(len(doubt))
    correlations = np.atleast_2d(np.corrcoef(ranks))
    doubtful = set(order[-len(order) // 10 :].tolist())
    looked_for = worst[-len(worst) // 20 :].tolist()
    share = sum(image in doubtful for image in looked_for) / len(looked_for)
    return float(correlations[0, 1]), share


def summary(errors: np.ndarray, counts: list[int], options: argparse.Namespace) -> dict:
    """Means over the draws, and differences from random."""
    names = list(RULES)
    differences = errors - errors[names.index("random")]
    spread = differences.std(axis=1, ddof=1) / np.sqrt(options.draws)
    return {
        "draws": options.draws,
        "pool": options.pool,
        "labels": counts,
        "error_percent": {
            name: np.round(row.mean(axis=0), 2).tolist()
            for name, row in zip(names, errors, strict=True)
        },
        "less_than_random": {
            name: [
                {
                    "labels": count,
                    "mean": round(float(-differences[row, :, column].mean()), 2),
                    "standard_error": round(float(spread[row, column]), 2),
                    "better_in": int((differences[row, :, column] < 0).sum()),
                }
                for column, count in enumerate(counts)
            ]
            for row, name in enumerate(names)
            if name != "random"
        },
    }


def draw_curve(errors: np.ndarray, counts: list[int], normaliser: str, path: Path) -> None:
    """Mean error and its spread over the draws against the number of labels."""
    from warpmarks.plots.label_curve import LabelSeries, draw_label_curve
    from warpmarks.plots.saving import save_figure

    shown = ("suggested", "random", "farthest first")
    series = [
        LabelSeries(name, counts, row.mean(axis=0), row.std(axis=0, ddof=1))
        for name, row in zip(RULES, errors, strict=True)
        if name in shown
    ]
    save_figure(draw_label_curve(series, normaliser=normaliser), path)


if __name__ == "__main__":
    sys.exit(run_script(main))
