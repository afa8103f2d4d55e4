"""Fitting a regressor to annotated images, and what it may promise."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float, Int
from threadpoolctl import threadpool_limits

from warpmarks.coordinates import centred_to_pixels, pixels_to_centred
from warpmarks.errors import InputError
from warpmarks.metrics.mean_shape import mean_shape
from warpmarks.points import PointScheme
from warpmarks.regression.choice import simplest
from warpmarks.regression.examples import Examples
from warpmarks.regression.geometric import FEWEST, fit_geometric
from warpmarks.regression.least_distance import MANY, fit_linear
from warpmarks.regression.linear_map import LinearMap
from warpmarks.regression.mirrored import as_partners, partners_of, without_offset
from warpmarks.regression.regressor import Regressor, short_hash
from warpmarks.regression.repeated import first_alike, merged
from warpmarks.regression.warped import fit_warped
from warpmarks.wording import be, counted, line_of

Method = Literal["auto", "linear", "warps", "geometric"]
METHODS: tuple[str, ...] = get_args(Method)


@dataclass(frozen=True, eq=False)
class Fit:
    """A regressor and what to expect of it on other images of the kind.

    Attributes:
        regressor: fitted on all of the examples.
        left_out: predictions in pixels on each image, by the same fit without this image, and
            without any in the mirror; of a linear map of few images by least squares without it
            (`linear`); nan where the point is not annotated, or where the other images do not
            determine a fit, as where there is only one.
        leave_one_out: distance in pixels of the annotations to these.
        lengths: of the normaliser on each image in pixels; nan where its points are not annotated.
        chosen: the weights of the penalties that were chosen, by name.
    """

    regressor: Regressor
    left_out: Float[np.ndarray, "images points 2"]
    leave_one_out: Float[np.ndarray, "images points"]
    lengths: Float[np.ndarray, " images"]
    chosen: Mapping[str, float]


# On matrices as small as these a second thread costs more than it does, and far more where the
# machine is busy.
@threadpool_limits.wrap(limits=1, user_api="blas")
def fit_regressor(
    examples: Examples,
    scheme: PointScheme,
    *,
    method: str = "auto",
    bias: bool = False,
    detector: str = "",
    warped: Examples | None = None,
    mirrored: Examples | None = None,
) -> Fit:
    """Fit points to landmarks; every weight is chosen by leave-one-out errors.

    Images of one picture are fitted as one, see `warpmarks.regression.repeated`.

    Args:
        examples: annotated images; a point that is not annotated on one of them is fitted on the
            others.
        scheme: of the points.
        method: ``linear``, the paper's map of the least mean distance; ``warps``, by least squares
            with warped copies of the images; ``geometric``, each point between the landmarks around
            it and a free rest; ``auto``, geometric, unless linear is clearly better by
            leave-one-out errors or there are more than MANY images for each input.
        bias: whether the map has an offset.
        detector: digest of the detector that the landmarks are from: without it the regressor can
            be neither saved nor given to a detector.
        warped: copies of the images, each under the name of its image: needed by ``warps``, and of
            use to ``geometric`` and ``auto`` where there are few images.
        mirrored: the images in the mirror, each under its name, their points numbered as before:
            of use to ``geometric`` and ``auto`` where there are few images. Which points change
            places the scheme says, or else a first fit.

    Returns:
        The regressor, as ``regressor``, and its leave-one-out errors.

    Raises:
        InputError: no images, no such method, no warped copies, other images in the mirror, a point
            that is annotated nowhere, a number of points that is not the scheme's, or a normaliser
            of length 0.
    """
    _check(examples, scheme, method, warped)
    if mirrored is not None and not _same_shapes(examples, mirrored):
        raise InputError(
            f"{counted(len(mirrored), 'image')} in the mirror were given for "
            f"{counted(len(examples), 'image')}: expected the same, in their order, with as many "
            "landmarks and points"
        )
    alike = first_alike(examples)
    distinct, rows = merged(examples, alike)
    if warped is not None:
        again = set(examples.names).difference(distinct.names)
        warped = warped.subset(np.flatnonzero([name not in again for name in warped.names]))
    if mirrored is not None:
        mirrored, _ = merged(mirrored, alike)
    name, fitted = _fit_pictures(distinct, scheme, method, bias, warped, mirrored)
    regressor = Regressor(
        fitted.weights,
        fitted.offset if bias else None,
        scheme,
        name,
        detector,
        len(examples),
        mean_shape(distinct.annotations, distinct.sizes),
        frozenset(map(short_hash, examples.names)),
    )
    predicted = pixels_to_centred(distinct.annotations, distinct.sizes) - fitted.errors
    left_out = centred_to_pixels(predicted, distinct.sizes)[rows]
    return Fit(
        regressor,
        left_out,
        np.linalg.norm(examples.annotations - left_out, axis=-1),
        scheme.normaliser.lengths(examples.annotations, examples.sizes),
        fitted.chosen,
    )


def _fit_pictures(
    examples: Examples,
    scheme: PointScheme,
    method: str,
    bias: bool,
    warped: Examples | None,
    mirrored: Examples | None,
) -> tuple[str, LinearMap]:
    """The map of images of which each shows another picture, and the way it was fitted."""
    landmarks = pixels_to_centred(examples.landmarks, examples.sizes)
    annotations = pixels_to_centred(examples.annotations, examples.sizes)
    copies = None
    if warped is not None:
        rows = _rows_of_copies(examples, warped)
        copies = (
            pixels_to_centred(warped.landmarks, warped.sizes)[rows],
            pixels_to_centred(warped.annotations, warped.sizes)[rows],
        )
    if method == "warps":
        assert copies is not None
        return "warps", fit_warped(landmarks, annotations, *copies, bias=bias)
    return _fit_by(method, landmarks, annotations, bias, copies, mirrored, scheme)


def _fit_by(
    method: str,
    landmarks: np.ndarray,
    annotations: np.ndarray,
    bias: bool,
    copies: tuple[np.ndarray, np.ndarray] | None,
    mirrored: Examples | None,
    scheme: PointScheme,
) -> tuple[str, LinearMap]:
    if method == "linear":
        return "linear", fit_linear(landmarks, annotations, bias=bias)
    count, inputs = len(landmarks), 2 * landmarks.shape[1]
    if method == "auto" and count > MANY * inputs:
        return "linear", fit_linear(landmarks, annotations, bias=bias)
    plain = geometric = fit_geometric(landmarks, annotations, bias=bias, copies=copies)
    if mirrored is not None:
        geometric = _with_mirror(plain, landmarks, annotations, bias, copies, mirrored, scheme)
    ways = {"geometric": geometric}
    if method == "auto" and count >= FEWEST:
        ways["linear"] = fit_linear(landmarks, annotations, bias=bias)
    chosen = simplest(tuple(ways), lambda way: ways[way].errors, otherwise="geometric")
    # What is said of the mirror knows of every image's annotations, the one left out included.
    ways["geometric"] = replace(geometric, errors=plain.errors)
    return chosen, ways[chosen]


def _with_mirror(
    plain: LinearMap,
    landmarks: np.ndarray,
    annotations: np.ndarray,
    bias: bool,
    copies: tuple[np.ndarray, np.ndarray] | None,
    mirrored: Examples,
    scheme: PointScheme,
) -> LinearMap:
    """The fit on the images in the mirror too, of which a plain fit says what is to be said."""
    seen = pixels_to_centred(mirrored.landmarks, mirrored.sizes)
    there = pixels_to_centred(mirrored.annotations, mirrored.sizes)
    found = (seen.reshape(len(seen), -1) @ plain.weights.T + plain.offset).reshape(there.shape)
    about = seen - seen.mean(axis=1, keepdims=True)
    size = float(np.sqrt((about**2).sum(axis=-1).mean()))
    there = as_partners(there, partners_of(scheme.mirror, there, found, size))
    return fit_geometric(
        landmarks,
        annotations,
        bias=bias,
        copies=copies,
        mirrored=(seen, without_offset(there, found)),
    )


def _same_shapes(examples: Examples, mirrored: Examples) -> bool:
    shapes = [
        (one.names, one.landmarks.shape, one.annotations.shape) for one in (examples, mirrored)
    ]
    return shapes[0] == shapes[1]


def _rows_of_copies(examples: Examples, warped: Examples) -> Int[np.ndarray, "images copies"]:
    """The rows of each image's copies among all, in the order of the images."""
    rows: dict[str, list[int]] = {name: [] for name in examples.names}
    for row, name in enumerate(warped.names):
        if name in rows:
            rows[name].append(row)
    fewest = min(len(of_image) for of_image in rows.values())
    if fewest == 0 or fewest * len(rows) != len(warped):
        raise InputError(
            f"{len(warped)} warped copies were given for {counted(len(rows), 'image')}: expected "
            "as many for each image, under its name"
        )
    return np.array([rows[name] for name in examples.names])


def _check(examples: Examples, scheme: PointScheme, method: str, warped: Examples | None) -> None:
    if method not in METHODS:
        raise InputError(f"method is {method!r}: expected one of {', '.join(METHODS)}")
    if method == "warps" and warped is None:
        raise InputError("the method warps needs warped copies of the annotated images: give them")
    check_examples(examples, scheme)


def check_examples(examples: Examples, scheme: PointScheme) -> None:
    """What `fit_regressor` asks of examples, at once: before copies of them are made.

    Raises:
        InputError: no images, a point that is annotated nowhere, a number of points that is not the
            scheme's, or a normaliser of length 0.
    """
    if len(examples) == 0:
        raise InputError("there is no annotated image to fit on: annotate at least one")
    found = examples.annotations.shape[1]
    if found != scheme.count:
        raise InputError(
            f"{counted(found, 'point')} {be(found)} annotated, but {scheme.count} named: correct "
            "one"
        )
    shown = np.isfinite(examples.annotations).all(axis=-1)
    if not shown.any(axis=0).all():
        missing = scheme.names[int(np.flatnonzero(~shown.any(axis=0))[0])]
        on = "the one image" if len(examples) == 1 else f"any of the {len(examples)} images"
        raise InputError(
            f"the point {missing} is not annotated on {on} to fit on: annotate it on one, or take "
            "more images"
        )
    lengths = scheme.normaliser.lengths(examples.annotations, examples.sizes)
    if (lengths == 0).any():
        row = int(np.flatnonzero(lengths == 0)[0])
        place = f"{examples.names[row]}{line_of(examples.lines, row)}"
        raise InputError(
            f"the normaliser {scheme.normaliser.text} has length 0 on {place}: correct its points, "
            "or choose another with --normaliser"
        )
