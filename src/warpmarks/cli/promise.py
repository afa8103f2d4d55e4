"""The table of what a fit promises, for people."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from warpmarks.cli.scores import beside_mean_shape, number, with_spread
from warpmarks.cli.tables import print_table
from warpmarks.wording import be, counted

if TYPE_CHECKING:
    from warpmarks.evaluation.few_labels import Spread
    from warpmarks.regression.promise import PointPromise, Promise
    from warpmarks.regression.regressor import Regressor

WAYS = {
    "linear": "linear, of the least mean distance",
    "warps": "linear, of least squares, with warped copies of the images",
    "geometric": "geometric, affine combinations of landmarks and a free rest",
}
"""Words for `Regressor.method`."""


def print_promise(
    promise: "Promise",
    regressor: "Regressor",
    set_name: str,
    *,
    without: "Promise | None" = None,
    left_out: int = 0,
    draw: str = "",
) -> None:
    """Leave-one-out errors of each point and of all, with the mean shape beside them.

    Args:
        promise: of the fit.
        regressor: that was fitted.
        set_name: what it was fitted on.
        without: of the same fit without a bias, where the fit has one.
        left_out: number of images of the set that have no annotated point.
        draw: which of several draws this is, to begin the table's title with.
    """
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"{counted(regressor.num_points, 'point')} from "
        f"{counted(regressor.num_landmarks, 'landmark')}, fitted on "
        f"{counted(regressor.fitted_on, 'annotated image')} of {set_name}; "
        f"{WAYS[regressor.method]}{'' if regressor.offset is None else ', with bias'}",
        markup=False,
    )
    if left_out:
        images = counted(left_out, "image")
        console.print(f"{images} without annotated points {be(left_out)} left out.")
    if promise.overall.pixels != promise.overall.pixels:
        too_few = (
            "One annotated image is"
            if regressor.fitted_on == 1
            else f"{regressor.fitted_on} annotated images of which no point is placed by hand on "
            "two pictures are"
        )
        console.print(
            f"{too_few} not enough to tell how far the regressor is off on others: annotate more, "
            "or score it with `warpmarks evaluate`."
        )
        return
    table = Table(
        title=f"{draw}error to expect on other images, in pixels and in % of "
        f"{regressor.scheme.normaliser.words}",
        title_justify="left",
    )
    table.add_column("point")
    for name in ("images", "pixels", "error", "mean shape", *(["without bias"] if without else [])):
        table.add_column(name, justify="right")
    others = without.points if without else [None] * len(promise.points)
    for point, other in zip(promise.points, others, strict=True):
        table.add_row(*_row(point, other))
    table.add_section()
    table.add_row(*_row(promise.overall, without.overall if without else None), style="bold")
    print_table(console, table)
    console.print("Each image predicted by the same fit on the others (leave-one-out).")
    if regressor.num_points == 1 and regressor.scheme.normaliser.kind in {"box", "box-side"}:
        console.print(
            "There is no error in %: the box around one point has no length. Give --normaliser "
            "image, or annotate two points or more."
        )
    overall = promise.overall
    in_percent = overall.percent, overall.mean_shape_percent
    in_pixels = overall.pixels, overall.mean_shape_pixels
    pair = in_percent if math.isfinite(sum(in_percent)) else in_pixels
    if warning := beside_mean_shape(*pair, without_bias=regressor.offset is None):
        console.print(warning)


def print_draws(
    spreads: "Mapping[str, tuple[Spread, Spread]]",
    draws: int,
    seed: int,
    normaliser: str,
) -> None:
    """Mean and spread over draws, of the fits and of the mean shapes of the same images."""
    console = Console(highlight=False, soft_wrap=True)
    words = {
        "leave_one_out": "leave-one-out",
        "images_of_other_draws": "on the images of the other draws",
    }
    console.print(
        f"{counted(draws, 'draw')}, seeds {seed} to {seed + draws - 1}; error in % of "
        f"{normaliser}, mean and standard deviation over draws:",
        markup=False,
    )
    for name, (own, plain) in spreads.items():
        console.print(
            f"  {words[name]}: {with_spread(own)} (mean shape {with_spread(plain)})", markup=False
        )
    console.print(f"The fit of the first draw, seed {seed}, is saved.", markup=False)


def _row(point: "PointPromise", other: "PointPromise | None") -> list[str]:
    row = [
        point.name,
        f"{point.images:,}",
        number(point.pixels),
        number(point.percent),
        number(point.mean_shape_percent),
    ]
    return row if other is None else [*row, number(other.percent)]
