"""Fits on a few annotated images that are drawn at random, and what such fits come to on average.

One draw of five images says little: another draw can be half as good again. Everything that is told
of few labels is therefore a mean over draws, with the spread beside it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from warpmarks.datasets.annotated import AnnotatedSet
from warpmarks.detectors.detector import Detector
from warpmarks.errors import InputError
from warpmarks.evaluation.fit_on_images import fit_on_images, images_seen_anew
from warpmarks.evaluation.locating import locate_annotated
from warpmarks.evaluation.warped_copies import KnownCopies
from warpmarks.metrics.errors import mean_of_known, point_distances, relative_errors
from warpmarks.metrics.mean_shape import predict_mean_shape
from warpmarks.regression.examples import Examples
from warpmarks.regression.fitting import Fit
from warpmarks.regression.regressor import Regressor
from warpmarks.regression.repeated import show_those_of, told_of_shared
from warpmarks.system.progress import Progress, SilentProgress


@dataclass(frozen=True)
class Spread:
    """A figure over draws; ``deviation`` is nan for one draw."""

    mean: float
    deviation: float

    @classmethod
    def of(cls, values: Sequence[float] | Float[np.ndarray, " draws"]) -> "Spread":
        """Mean and standard deviation of the values that are known; nan where none is."""
        known = np.asarray(values, dtype=np.float64)
        known = known[np.isfinite(known)]
        mean = float(known.mean()) if len(known) else float("nan")
        return cls(mean, float(known.std(ddof=1)) if len(known) > 1 else float("nan"))

    def record(self) -> dict[str, float | None]:
        """As plain JSON, in the percent that the values are in."""
        return {
            f"{name}_percent": round(value, 6) if math.isfinite(value) else None
            for name, value in (("mean", self.mean), ("deviation", self.deviation))
        }


@dataclass(frozen=True, eq=False)
class LabelDraw:
    """One draw of annotated images, and the fit on them."""

    seed: int
    examples: Examples
    fit: Fit


class LabelledPool:
    """Annotated images to draw from, whose landmarks are found by `locate`, before any fit.

    An image has the same warped copies in all draws, and they are looked at once.

    Args:
        detector: finds them.
        annotated: the images.
        method: of the fits, see `warpmarks.regression.fitting.fit_regressor`.
        bias: whether the maps have an offset.
        progress: told of the images that are located.
    """

    def __init__(
        self,
        detector: Detector,
        annotated: AnnotatedSet,
        *,
        method: str = "auto",
        bias: bool = False,
        progress: Progress | None = None,
    ) -> None:
        self.detector, self.annotated = detector, annotated
        self.method, self.bias, self.progress = method, bias, progress
        self._located: Examples | None = None
        self._copies: KnownCopies = {}

    def locate(self, labels: Sequence[int | None], seeds: Sequence[int]) -> None:
        """Find the landmarks of all images that these draws will take, at once.

        Raises:
            InputError: there are not so many images, or one cannot be read.
        """
        drawn = [self._draw(count, seed) for count in labels for seed in seeds]
        names = {name for one in drawn for name in one.images.names}
        rows = [row for row, name in enumerate(self.annotated.images.names) if name in names]
        self._located = locate_annotated(
            self.detector, self.annotated.subset(np.array(rows)), progress=self.progress
        )

    def examples(self, labels: int | None, seed: int) -> Examples:
        """The images of a draw that was located; all of them where ``labels`` is None."""
        assert self._located is not None
        rows = {name: row for row, name in enumerate(self._located.names)}
        drawn = self._draw(labels, seed).images.names
        return self._located.subset(np.array([rows[name] for name in drawn]))

    def fit(
        self,
        labels: int | None,
        seed: int,
        *,
        bias: bool | None = None,
        progress: Progress | None = None,
    ) -> LabelDraw:
        """Draw and fit; ``progress`` is told of the images that are seen anew for it.

        The map has an offset as the pool says, unless ``bias`` says otherwise.

        Raises:
            InputError: the images do not allow a fit, see `fit_regressor`.
        """
        examples = self.examples(labels, seed)
        try:
            fit = fit_on_images(
                self.detector,
                self._draw(labels, seed),
                examples=examples,
                method=self.method,
                bias=self.bias if bias is None else bias,
                progress=progress,
                known=self._copies,
            )
        except InputError as error:
            some = labels is not None and labels < len(self.annotated.images.names)
            others = f", or draw others with another --seed than {seed}" if some else ""
            raise InputError(f"{self.annotated.source}: {error}{others}") from error
        return LabelDraw(seed, examples, fit)

    def costs(
        self, labels: Sequence[int | None], seeds: Sequence[Sequence[int]]
    ) -> list[list[int]]:
        """What each fit will take, in this order: one, and the images that are seen anew for it.

        Args:
            labels: numbers of annotated images; None for all.
            seeds: of the draws of each number.
        """
        known = set[tuple[str, int]]()
        return [
            [
                1 + images_seen_anew(self.detector, self.method, drawn.images.names, known)
                for drawn in (self._draw(count, seed) for seed in used)
            ]
            for count, used in zip(labels, seeds, strict=True)
        ]

    def told_of_shared(self, scored: Examples) -> str:
        """A sentence on scored images of pictures located for the draws; empty where none is."""
        assert self._located is not None
        return told_of_shared(scored, self._located)

    def errors_elsewhere(self, draw: LabelDraw) -> tuple[float, float]:
        """Mean error over the normaliser, and that of the mean shape, on pictures of other draws.

        nan where there are none, or none that has a normaliser.
        """
        assert self._located is not None
        rows = np.flatnonzero(~show_those_of(self._located, draw.examples))
        if not len(rows):
            return float("nan"), float("nan")
        return mean_relative_error(draw.fit.regressor, self._located.subset(rows))

    def _draw(self, labels: int | None, seed: int) -> AnnotatedSet:
        return self.annotated if labels is None else self.annotated.draw(labels, seed)


@dataclass(frozen=True, eq=False)
class LabelCount:
    """Errors over the normaliser of fits on one number of annotated images, one for each draw.

    Attributes:
        labels: number of annotated images.
        methods: the way each fit was made.
        errors: of the fits, on the scored images.
        mean_shape: of the mean shapes of the same draws.
    """

    labels: int
    methods: tuple[str, ...]
    errors: Float[np.ndarray, " draws"]
    mean_shape: Float[np.ndarray, " draws"]


def errors_by_labels(
    pool: LabelledPool,
    scored: Examples,
    counts: Sequence[int | None],
    *,
    draws: int,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[LabelCount]:
    """Error of fits on each number of annotated images (table 4 of the paper).

    Args:
        pool: what is drawn from.
        scored: other images, that every fit is scored on.
        counts: numbers of annotated images; None for all, where there is one draw.
        draws: of each number.
        seed: of the first draw; the others follow it.
        progress: told of the fits.

    Raises:
        InputError: a number that cannot be drawn, or images that do not allow a fit.
    """
    available = len(pool.annotated.images.names)
    seeds = range(seed, seed + draws)
    pool.locate(counts, seeds)
    found = []
    numbers = [available if count is None else count for count in counts]
    # All images can be drawn in one way only.
    draws_of = [seeds if labels < available else seeds[:1] for labels in numbers]
    progress = progress or SilentProgress()
    costs = pool.costs(counts, draws_of)
    progress.start("Fitting", sum(map(sum, costs)))
    for count, labels, used, each in zip(counts, numbers, draws_of, costs, strict=True):
        drawn = []
        for one, cost in zip(used, each, strict=True):
            drawn.append(pool.fit(count, one))
            progress.advance(cost)
        errors = [mean_relative_error(one.fit.regressor, scored) for one in drawn]
        found.append(
            LabelCount(
                labels,
                tuple(one.fit.regressor.method for one in drawn),
                np.array([own for own, _ in errors]),
                np.array([plain for _, plain in errors]),
            )
        )
    progress.finish()
    return found


def mean_relative_error(regressor: Regressor, examples: Examples) -> tuple[float, float]:
    """Mean error over the normaliser, and that of the mean shape; nan without a normaliser."""
    lengths = regressor.scheme.normaliser.divisors(examples.annotations, examples.sizes)

    def error(predicted: np.ndarray) -> float:
        distances = point_distances(predicted, examples.annotations)
        by_hand = np.where(examples.by_hand, distances, np.nan)
        return mean_of_known(relative_errors(by_hand, lengths))

    return (
        error(regressor.predict(examples.landmarks, examples.sizes)),
        error(predict_mean_shape(regressor.mean_shape, examples.sizes)),
    )


def parse_counts(text: str, available: int | None, *, source: str) -> list[int | None]:
    """Numbers of annotated images from "1,5,10,all", in rising order; None for all.

    Args:
        text: as the user writes it.
        available: annotated images to draw from; None where they are not counted yet.
        source: names the flag.

    Raises:
        InputError: not such a list, a number twice, or more than there are images.
    """
    most = math.inf if available is None else available
    counts: list[int | None] = []
    for word in (part.strip() for part in text.split(",")):
        if word.casefold() == "all":
            counts.append(None)
        elif word.isascii() and word.isdigit() and 1 <= int(word) <= most:
            counts.append(int(word))
        else:
            upwards = "" if available is None else f" to {available}"
            raise InputError(
                f"{source} has {word!r}: expected numbers from 1{upwards}, the annotated images to "
                "draw from, or all, such as 1,5,10,all"
            )
    numbers = [most if count is None else count for count in counts]
    if len(set(numbers)) < len(numbers):
        raise InputError(f"{source} is {text!r}, where a number comes twice: name each once")
    return sorted(counts, key=lambda count: most if count is None else count)
