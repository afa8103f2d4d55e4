"""From the numbers of a run to plain sentences."""

import math
from dataclasses import replace

from warpmarks.report.content import Fact, Mood, RunSummary, Verdict
from warpmarks.training.health import numbered, paired, stiff
from warpmarks.wording import be, counted, do

_HIGH_ERROR_PERCENT = 5.0  # of the view's shorter side: then dots visibly slide on the object
_COLLAPSED_SHARE = 0.5


def verdict_on(summary: RunSummary) -> Verdict:
    """Whether the landmarks can be trusted, as far as training could tell."""
    verdict = _verdict_on_training(summary)
    if summary.shown is None:
        return verdict
    images = counted(summary.num_images, "image")
    return replace(verdict, heading=f"Of the training on {images}, not of the images shown below:")


def _verdict_on_training(summary: RunSummary) -> Verdict:
    total, error = summary.num_landmarks, summary.equivariance_error_percent
    lost = _lost(summary)
    details = (*_troubles(summary), *summary.advice)
    if not math.isfinite(error):
        return Verdict(
            "bad",
            "There is no equivariance error to judge by: training stopped before its first "
            "evaluation, or its numbers ran away.",
            details,
        )
    if summary.training_error is not None:
        mood: Mood = "bad" if len(lost) >= _COLLAPSED_SHARE * total else "warning"
        return Verdict(mood, _on_points(summary, summary.training_error), details)
    if len(lost) >= _COLLAPSED_SHARE * total:
        sentence = (
            f"The run has collapsed: {len(lost)} of {total} landmarks {be(len(lost))} of no use."
        )
        return Verdict("bad", sentence, details)
    they = "it follows" if total == 1 else "they follow"
    follow = f"{they} a deformation to within {error:.2f} % of the view's shorter side on average"
    if reservation := _reservation(summary, follow):
        return Verdict("warning", reservation, details)
    subject = "The one landmark is" if total == 1 else f"All {total} landmarks are"
    return Verdict("good", f"{subject} sound: {follow}.", details)


def _reservation(summary: RunSummary, follow: str) -> str | None:
    """Why a run that has not collapsed is not called sound."""
    total, error = summary.num_landmarks, summary.equivariance_error_percent
    if unsound := _lost(summary).union(summary.lagging):
        sound = total - len(unsound)
        return f"{sound} of {total} landmarks {be(sound)} sound; {follow}."
    if (middle := stiff(summary.follow, summary.dead)) is not None:
        return (
            f"The landmarks are a stiff grid: the middle one follows {100 * middle:.0f} % of the "
            f"object's motion; {follow}."
        )
    if error > _HIGH_ERROR_PERCENT:
        have = "The one landmark has its" if total == 1 else f"All {total} landmarks have their"
        they = "it follows" if total == 1 else "they follow"
        return (
            f"{have} own place, but {they} a deformation only to within {error:.2f} % of the "
            "view's shorter side: longer training should help."
        )
    return None


def _on_points(summary: RunSummary, training_error: str) -> str:
    """Of annotated points, which cannot collapse: they are told where to be, or lie near it."""
    total = summary.num_landmarks
    found = total - len({*summary.dead, *summary.nailed, *summary.lagging})
    follow = (
        f"{found} of {total} points {do(found, 'follow')} a deformation of the image, the others "
        "stay near their mean place. "
    )
    return (
        f"{follow if found < total else ''}On the annotated images themselves the points are "
        f"learned to within {training_error}; how well they are found on others can only be told "
        "by annotated images that were kept away from training."
    )


def headline_facts(summary: RunSummary) -> tuple[Fact, ...]:
    """The numbers to read first."""
    error = summary.equivariance_error_percent
    left_out = f"{summary.num_unreadable:,} unreadable left out" if summary.num_unreadable else ""
    learned = summary.num_learned or summary.num_landmarks
    of_more = f"of {learned:,} that were learned" if learned > summary.num_landmarks else ""
    what, of_training = "Landmarks", tuple[Fact, ...]()
    troubles = {"Dead": summary.dead, "nailed": summary.nailed, "doubled": summary.doubled}
    if summary.training_error is not None:
        what = "Points"
        of_training = (Fact("Training error", *summary.training_error.split(" of ", 1)),)
        del troubles["doubled"]  # points may be near each other by right
    return (
        Fact(what, f"{summary.num_landmarks:,}", of_more),
        *_shown(summary),
        Fact(
            "Images" if summary.shown is None else "Images trained on",
            f"{summary.num_images:,}",
            left_out,
        ),
        Fact("Steps", f"{summary.steps:,}", summary.ending),
        Fact("Training time", duration(summary.seconds)),
        Fact(
            "Equivariance error",
            f"{error:.2f} %" if math.isfinite(error) else "none",
            "of the view's shorter side, on held-out warps",
        ),
        *of_training,
        Fact(
            ", ".join(troubles),
            " · ".join(str(len(which)) for which in troubles.values()),
            f"{' · '.join('0' for _ in troubles)} is best",
        ),
    )


def _shown(summary: RunSummary) -> tuple[Fact, ...]:
    shown = summary.shown
    if shown is None:
        return ()
    share = "" if shown.drawn == shown.count else f"of the {shown.count:,} in "
    return (Fact("Images shown", f"{shown.drawn:,}", f"{share}{shown.name}"),)


def duration(seconds: float) -> str:
    """Seconds as people say them, in two units at most."""
    if not math.isfinite(seconds):
        return "unknown"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    if minutes >= 10:
        return f"{minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _lost(summary: RunSummary) -> set[int]:
    # Of two landmarks at one place, one is of use.
    return {*summary.dead, *summary.nailed, *(max(pair) for pair in summary.doubled)}


def _troubles(summary: RunSummary) -> tuple[str, ...]:
    """A sentence on each trouble whose landmarks no advice names."""
    what = "landmark" if summary.training_error is None else "point"
    troubles = (
        ("Dead, without a clear peak anywhere", summary.dead and numbered(summary.dead, what)),
        (
            "Nailed to one place whatever the image",
            summary.nailed and numbered(summary.nailed, what),
        ),
        ("Following the object only in part", summary.lagging and numbered(summary.lagging, what)),
        ("Doubled, on top of each other", summary.doubled and paired(summary.doubled)),
    )
    return tuple(
        f"{what}: {which}."
        for what, which in troubles
        if which and not any(f"{which})" in sentence for sentence in summary.advice)
    )
