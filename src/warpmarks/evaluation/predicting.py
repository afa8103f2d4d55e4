"""Predicted points of annotated images, and what the mean shape would have said, in three ways."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from warpmarks.errors import InputError
from warpmarks.metrics.mean_shape import mean_shape, predict_mean_shape
from warpmarks.points import PointScheme
from warpmarks.regression.examples import Examples
from warpmarks.regression.fitting import fit_regressor
from warpmarks.regression.regressor import Regressor
from warpmarks.regression.repeated import first_alike, told_of_repeated
from warpmarks.wording import be, counted

FOLDS_SHARE = (
    "Folds are drawn over pictures: where several of them show one person, animal or video, the "
    "errors are too low for others."
)


@dataclass(frozen=True, eq=False)
class Predictions:
    """Points of images, in pixels of the original images.

    Attributes:
        points: from the landmarks.
        scores: of the points from the landmarks, see `Regressor.point_scores`.
        mean_shape: of the annotations that the regressor was fitted on, the same on every image.
        how: where the regressor comes from, as a clause: "fitted on 10,000 images of faces train";
            None where there is none, the landmarks being the points.
        caution: a sentence on what the errors may hide, if there is one.
    """

    points: Float[np.ndarray, "images points 2"]
    scores: Float[np.ndarray, "images points"]
    mean_shape: Float[np.ndarray, "images points 2"]
    how: str | None
    caution: str = ""


def predict_with(regressor: Regressor, examples: Examples, *, how: str = "") -> Predictions:
    """With a regressor that is at hand; scored images that it was fitted on are told of."""
    fitted = regressor.count_fitted(examples.names)
    return Predictions(
        regressor.predict(examples.landmarks, examples.sizes),
        regressor.point_scores(examples.scores),
        predict_mean_shape(regressor.mean_shape, examples.sizes),
        how,
        f"{fitted:,} of the {counted(len(examples), 'scored image')} {be(fitted)}, by name, among "
        "those that the regressor was fitted on: the errors are too low for others."
        if fitted
        else "",
    )


def points_found(examples: Examples, trained_on: Sequence[str] | None) -> Predictions:
    """The landmarks of a supervised run, which are the points themselves.

    The run does not keep the annotations that it was trained on, so that the mean shape is that of
    these images.

    Args:
        examples: the images to score.
        trained_on: names of the images that the run was trained on; None if they are not known.
    """
    caution = "The mean shape is that of these images themselves."
    return Predictions(
        examples.landmarks,
        examples.scores,
        predict_mean_shape(mean_shape(examples.annotations, examples.sizes), examples.sizes),
        None,
        " ".join(filter(None, (caution, seen_in_training(examples.names, trained_on)))),
    )


def seen_in_training(scored: Sequence[str], trained_on: Sequence[str] | None) -> str:
    """A sentence on scored images that a network was trained on with their annotations, if any.

    Args:
        scored: names of images.
        trained_on: names of the network's; None if they are not known.
    """
    if trained_on is None:
        return (
            "Where the network was trained on some of the scored images, its errors are too low "
            "for others."
        )
    seen = len(set(scored) & set(trained_on))
    if not seen:
        return ""
    return (
        f"{seen:,} of the {counted(len(scored), 'scored image')} {be(seen)}, by name, among those "
        "that the network was trained on: its errors are too low for others."
    )


def predict_by_folds(
    examples: Examples,
    scheme: PointScheme,
    folds: int,
    generator: np.random.Generator,
    *,
    method: str = "auto",
    bias: bool = False,
) -> Predictions:
    """Each part of the images with a regressor that was fitted on the others.

    The folds are those of `split_pictures`: where several show one individual, the errors are too
    good.

    Raises:
        InputError: fewer pictures than folds, or a fold leaves nothing to fit some point on.
    """
    points, means = np.empty_like(examples.annotations), np.empty_like(examples.annotations)
    scores = np.empty(points.shape[:2])
    for training, held_out in split_pictures(examples, folds, generator):
        _check_points_left(examples, training, scheme)
        fit = fit_regressor(examples.subset(training), scheme, method=method, bias=bias)
        predicted = predict_with(fit.regressor, examples.subset(held_out))
        points[held_out], means[held_out] = predicted.points, predicted.mean_shape
        scores[held_out] = predicted.scores
    return Predictions(
        points,
        scores,
        means,
        f"fitted by {folds}-fold cross-validation over these images",
        " ".join(filter(None, (FOLDS_SHARE, told_of_repeated(examples)))),
    )


def split_pictures(
    examples: Examples, folds: int, generator: np.random.Generator
) -> Iterator[tuple[Int[np.ndarray, " training"], Int[np.ndarray, " held_out"]]]:
    """As `split_folds`, drawn over pictures: images of one picture stay together.

    Raises:
        InputError: fewer than two folds, or more folds than pictures.
    """
    pictures, of_picture = np.unique(first_alike(examples), return_inverse=True)
    for _, chosen in split_folds(len(pictures), folds, generator):
        held = np.isin(of_picture, chosen)
        yield np.flatnonzero(~held), np.flatnonzero(held)


def split_folds(
    count: int, folds: int, generator: np.random.Generator
) -> Iterator[tuple[Int[np.ndarray, " training"], Int[np.ndarray, " held_out"]]]:
    """Images to fit on and images to predict, for each of the folds; sizes differ by one at most.

    Raises:
        InputError: fewer than two folds, or more folds than images.
    """
    if not 2 <= folds <= count:
        images = f"{counted(count, 'image')} {be(count)}"
        expected = "2" if count == 2 else f"2 to {count}"
        raise InputError(
            f"--cross-validation is {folds}, but {images} annotated: expected {expected} folds"
            if count > 1
            else f"--cross-validation needs 2 annotated images at least, but {images}"
        )
    order = generator.permutation(count)
    for held_out in np.array_split(order, folds):
        yield np.sort(np.setdiff1d(order, held_out)), np.sort(held_out)


def _check_points_left(
    examples: Examples, training: Int[np.ndarray, " training"], scheme: PointScheme
) -> None:
    """Raise where all images with some point are held out."""
    shown = np.isfinite(examples.annotations).all(axis=-1)
    lost = np.flatnonzero(~shown[training].any(axis=0))
    if not len(lost):
        return
    count = int(shown[:, lost[0]].sum())
    together = ", all in one fold" if count > 1 else ""
    raise InputError(
        f"the point {scheme.names[int(lost[0])]} is annotated on {counted(count, 'image')}"
        f"{together}: --cross-validation leaves none to fit it on; annotate it on more"
        + (", or draw other folds with --seed" if count > 1 else "")
    )
