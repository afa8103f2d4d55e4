"""What labels have brought so far, and in honest words what more of them would bring."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from warpmarks.metrics.errors import mean_of_known
from warpmarks.regression.examples import Examples
from warpmarks.wording import be, counted

STEPS = 12
"""Counts of labelled images, at most, whose errors make the curve."""

FEWEST_TO_JUDGE = 6
"""Labelled images; from fewer, nothing can be said of more."""

WORTH_IT = 0.03
"""Share of the error that doubling the labels should save."""

SURE = 2.0
"""Standard errors that a gain must exceed to be told of."""

_UNKNOWN = {
    0: "Label one image, and points appear on all the others.",
    1: "One image is labelled: errors can be measured from the second one on.",
    2: "No point is placed by hand on two images yet: errors cannot be measured.",
}


@dataclass(frozen=True)
class LabelVerdict:
    """Whether more labels still help.

    Attributes:
        sentence: for people.
        helps: False where they hardly do; None where nobody knows yet.
    """

    sentence: str
    helps: bool | None


def curve_counts(labelled: int) -> list[int]:
    """Counts of labelled images from 1 to all, more closely spaced where there are few."""
    if labelled < 2:
        return []
    counts = np.geomspace(1, labelled, min(labelled, STEPS)).round().astype(int)
    return sorted({*counts.tolist(), labelled})


def judge(
    now: Float[np.ndarray, "images points"], half: Float[np.ndarray, "images points"]
) -> LabelVerdict:
    """Compare the errors with those that half of the labels gave on the same images.

    Args:
        now: leave-one-out errors on all labelled images, in pixels.
        half: on the same images after half of them, see `warpmarks.annotator.predicting`.
    """
    labelled, error = len(now), mean_of_known(now)
    if np.isnan(error):
        return LabelVerdict(_UNKNOWN.get(labelled, _UNKNOWN[2]), None)
    known = np.isfinite(half) & np.isfinite(now)
    images = np.flatnonzero(known.any(axis=1))
    if labelled < FEWEST_TO_JUDGE or len(images) < FEWEST_TO_JUDGE:
        return LabelVerdict(
            f"On an image that was not labelled, points are about {error:.1f} px off; from so few "
            f"labels this is a rough figure. From {FEWEST_TO_JUDGE} labelled images on, it can be "
            "said what more of them bring.",
            None,
        )
    saved = np.where(known, half - now, 0.0).sum(axis=1)[images] / known.sum(axis=1)[images]
    gain, doubt = float(saved.mean()), float(saved.std(ddof=1) / np.sqrt(len(images)))
    told = f"Going from {labelled // 2} to {labelled} labelled images"
    earlier = error + gain
    if gain > max(WORTH_IT * error, SURE * doubt):
        return LabelVerdict(
            f"{told} took the error from {earlier:.1f} to {error:.1f} px; if it goes on like "
            f"this, {labelled} more would bring it to about {error * error / earlier:.1f} px.",
            True,
        )
    return LabelVerdict(
        f"{told} hardly changed the error: {earlier:.1f} to {error:.1f} px, which is within what "
        "chance does. More labels will not help much: correct the images that look worst, or train "
        "the landmarks for longer.",
        False,
    )


def told_of_accepted(examples: Examples) -> str:
    """A sentence on points that are not measured, as they were accepted; empty without such."""
    if examples.accepted is None or not (count := int(examples.accepted.sum())):
        return ""
    placed = int(np.isfinite(examples.annotations[..., 0]).sum())
    rest = ": the error is that of the others, which are mostly the harder ones"
    return (
        f" {count:,} of {counted(placed, 'point')} {'was' if count == 1 else 'were'} accepted as "
        f"suggested and {be(count)} not measured{rest if examples.measured.any() else ''}."
    )


def caution(
    errors: Float[np.ndarray, "images points"], of_mean_shape: Float[np.ndarray, "images points"]
) -> str:
    """A sentence where the points are found no better than blindly.

    Empty where they are found better, or where too few images are labelled to say so.

    Args:
        errors: leave-one-out errors on all labelled images, in pixels.
        of_mean_shape: of the mean of the others, which looks at no picture.
    """
    known = np.isfinite(errors) & np.isfinite(of_mean_shape)
    if known.any(axis=1).sum() < FEWEST_TO_JUDGE:
        return ""
    found, blind = float(errors[known].mean()), float(of_mean_shape[known].mean())
    if found < blind:
        return ""
    return (
        f" The mean shape, which looks at no picture, is only {blind:.1f} px off: so far the "
        "landmarks of this run are no help on these pictures. Train them for longer, or on more "
        "pictures of this kind."
    )
