"""The evaluations of a run in its report: a section for each."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from warpmarks.evaluation.evaluation_folder import FOLDER
from warpmarks.evaluation.label_curve import CURVE as CURVE_OF_LABELS
from warpmarks.evaluation.label_curve import RECORD as LABEL_RECORD
from warpmarks.evaluation.pictures import CURVE, POINTS, PREDICTIONS, SCORES
from warpmarks.evaluation.record import RECORD
from warpmarks.report.content import Picture, Section
from warpmarks.wording import counted


def evaluation_sections(run: Path, detector: str) -> tuple[Section, ...]:
    """A section for each label curve and each evaluation that lies in the run folder, by name.

    Evaluations of another detector, as the run had before it was trained on, are left out, and so
    are those whose files are damaged or gone: a report of the rest is better than none.
    """
    curves, scores = (
        [
            read
            for path in sorted((run / FOLDER).glob(f"*/{name}"))
            if (read := _read(path, make, detector)) is not None
        ]
        for name, make in ((LABEL_RECORD, _label_section), (RECORD, _section))
    )
    sections = (*(section for _, section in curves), *_told_apart(scores))
    return tuple(replace(section, kind="evaluation") for section in sections)


Read: TypeAlias = tuple[dict[str, Any], Section]


def _read(
    path: Path, make: Callable[[Path, dict[str, Any]], Section], detector: str
) -> Read | None:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        section = make(path.parent, record) if record["detector"] == detector else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return (record, section) if section is not None and section.has_pictures() else None


def _told_apart(read: Sequence[Read]) -> Iterator[Section]:
    """The sections; titles of several evaluations of one set say in what these differ."""
    for record, section in read:
        alike = [other for other, of_other in read if of_other.title == section.title]
        title = section.title
        if len({other["regressor"] for other in alike}) > 1:
            title += f", {record['regressor'] or 'found by the network'}"
        if len({other["normaliser_words"] for other in alike}) > 1:
            title += f", in % of {record['normaliser_words']}"
        yield replace(section, title=title)


def _how(record: dict[str, Any]) -> str:
    if record["regressor"] is None:
        return "found by the network, which was trained on such annotations"
    return f"predicted from the landmarks by a linear map that was {record['regressor']}"


def _section(folder: Path, record: dict[str, Any]) -> Section:
    landmarks, mean_shape = record["landmarks"], record["mean_shape"]
    low, high = landmarks["interval_percent"]
    interval = "" if low is None else f" (95 % interval {low:.2f} to {high:.2f})"
    threshold = landmarks["threshold_percent"]
    normaliser = record["normaliser_words"]
    return Section(
        f"Annotated points of {record['set']}",
        f"{counted(len(record['points']), 'point')} that people annotated, {_how(record)}, on "
        f"{counted(record['images'], 'image')}: mean error {landmarks['error_percent']:.2f} % of "
        f"{normaliser}{interval}. The mean shape, which does not "
        f"look at the image, errs by {mean_shape['error_percent']:.2f} %.{_both_ways(record)}"
        + (f" {record['caution']}" if record["caution"] else ""),
        (
            Picture(
                "The best, the median and the worst images",
                "In each pair the discovered landmarks at the left; at the right the predicted "
                "points as green dots and the annotations as small blue ones, with a line between "
                "them, and the image's mean error.",
                folder / f"{PREDICTIONS}.png",
                alt="Pairs of images with coloured landmarks and with predicted points.",
            ),
            Picture(
                "Images under each error",
                "How many images have a mean error of at most so much; further up and to the left "
                f"is better. Up to {threshold:g} % the area under the curve is "
                f"{landmarks['area_under_curve']:.3f} of what it could be (mean shape "
                f"{mean_shape['area_under_curve']:.3f}); {100 * landmarks['failure_rate']:.1f} % "
                "of the images lie beyond.",
                folder / f"{CURVE}.png",
                folder / f"{CURVE}_dark.png",
            ),
            Picture(
                "Each point",
                "Mean error of each point with its 95 % interval over images, and the ring of the "
                "mean shape. A point whose dot is near its ring is not told by the landmarks.",
                folder / f"{POINTS}.png",
                folder / f"{POINTS}_dark.png",
            ),
            *_scores(folder, record["error_percent_by_score"]),
        ),
    )


def _scores(folder: Path, percents: list[float | None] | None) -> Iterator[Picture]:
    """The picture of scores; evaluations of few images have none."""
    if percents is None:
        return
    lowest, highest = percents[0], percents[-1]
    quarters = (
        f" The quarter with the lowest scores errs by {lowest:.2f} %, that with the highest by "
        f"{highest:.2f} %."
        if lowest is not None and highest is not None
        else ""
    )
    yield Picture(
        "What the scores say",
        "Mean error of the points with the highest scores, each ranked among its own, and of those "
        "that are nearest indeed: the best that scores could do. The further the first curve rises "
        f"to its end, the more a low score is a reason to look.{quarters}",
        folder / f"{SCORES}.png",
        folder / f"{SCORES}_dark.png",
    )


def _label_section(folder: Path, record: dict[str, Any]) -> Section:
    fewest, most = record["labels"][0], record["labels"][-1]
    supervised = (
        " The supervised network is the paper's baseline: the same network trained on the "
        "annotations alone."
        if record["supervised"]
        else ""
    )
    cautions = f" {record['caution']}" if record.get("caution") else ""
    cautions += "".join(
        f" {one['run']}: {one['caution']}" for one in record["supervised"] if one.get("caution")
    )
    return Section(
        f"How many annotated images of {record['fitted_on']} it takes for {record['set']}",
        f"Points predicted on {counted(record['images'], 'image')} by fits on images drawn from "
        f"{record['fitted_on']}: {_error(fewest)} from {counted(fewest['labels'], 'image')}, "
        f"{_error(most)} from {counted(most['labels'], 'image')}, in % of "
        f"{record['normaliser_words']}.{cautions}",
        (
            Picture(
                "Error against annotated images",
                "Mean over draws of the images, and in the pale band one standard deviation: how "
                f"lucky a draw can be.{supervised}",
                folder / f"{CURVE_OF_LABELS}.png",
                folder / f"{CURVE_OF_LABELS}_dark.png",
            ),
        ),
    )


def _error(of_count: dict[str, Any]) -> str:
    deviation = of_count["landmarks"]["deviation_percent"]
    spread = "" if deviation is None else f" ± {deviation:.2f}"
    return f"{of_count['landmarks']['mean_percent']:.2f}{spread}"


def _both_ways(record: dict[str, Any]) -> str:
    both = record["forward_backward"]
    if both is None or both["backward_percent"] is None:
        return ""
    return (
        f" The other way about, from the annotated points to the landmarks, the error is "
        f"{both['backward_percent']:.2f} %: low where every landmark is steady on the object."
    )
