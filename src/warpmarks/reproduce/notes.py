"""What has to be said beside a table: what is missing, what is not the paper's, what went wrong."""

from collections.abc import Mapping, Sequence
from typing import Any

from warpmarks.reproduce.copies import Copy
from warpmarks.reproduce.plan import Cell, Plan, Training
from warpmarks.reproduce.protocol import Protocol
from warpmarks.reproduce.settings import Settings
from warpmarks.reproduce.sources import SOURCES
from warpmarks.wording import be, counted


def make_notes(
    protocol: Protocol,
    settings: Settings,
    copies: Mapping[str, Copy],
    plan: Plan,
    found: Mapping[str, Mapping[str, Any]],
) -> tuple[str, ...]:
    """Sentences, the most important first."""
    notes = []
    if settings.quick:
        notes.append(
            "This was a smoke run (--quick): tiny networks, few images and steps, so the figures "
            "mean nothing."
        )
    notes += _learned_and_scored(found)
    notes.append(_how(settings, plan, found))
    cells = [step for step in plan.steps if isinstance(step, Cell)]
    draws = max((cell.draws for cell in cells), default=1)
    if draws > 1:
        notes.append(f"± draws: standard deviation over {draws} draws of the labelled images.")
    if len(settings.seeds) > 1 and cells:
        notes.append(
            f"± seeds: standard deviation over {len(settings.seeds)} trainings of each network; of "
            "a supervised one each draws other labelled images."
        )
    reasons: dict[str, list[str]] = {}
    for name, why in plan.missing.items():
        reasons.setdefault(why, []).append(name)
    notes += [f"Missing ({'; '.join(names)}): {why}." for why, names in reasons.items()]
    for copy in copies.values():
        if copy.gaps and not copy.absent:
            title = SOURCES[copy.source].title
            notes.append(f"Not all of {title} is there: {_first(copy.gaps)}.")
    for step in plan.steps:
        problems = found.get(step.key, {}).get("problems", ())
        if problems and not settings.quick:
            notes.append(f"The run {step.name}: {_first(problems)}.")
    return (*notes, *protocol.open)


def _how(settings: Settings, plan: Plan, found: Mapping[str, Mapping[str, Any]]) -> str:
    trained = [step for step in plan.steps if isinstance(step, Training)]
    budget = settings.budget
    if budget.steps is not None:
        length = f"{counted(budget.steps, 'step')} each"
    elif budget.minutes is not None:
        length = f"{budget.minutes:g} minutes each"
    else:
        length = "until convergence, supervised ones 3,000 steps"
    finished = [step for step in trained if step.key in found]
    seconds = sum(found[step.key]["seconds"] for step in finished)
    methods = sorted({method for record in found.values() for method in record.get("methods", ())})
    regressors = f"; regressors without bias, {' and '.join(methods)}" if methods else ""
    return (
        f"Networks by the recipe {settings.recipe} at {settings.config.image.size} px, {length} "
        f"({len(finished)} of {len(trained)} trained, {_duration(seconds)} in all)"
        f"{regressors}."
    )


def _learned_and_scored(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Of the cell with most images that are both, one sentence; nothing where there are none."""
    shared, images = max(
        ((one.get("learned_and_scored", 0), one.get("images", 0)) for one in found.values()),
        default=(0, 0),
    )
    if not shared:
        return []
    return [
        f"{shared} of the {counted(images, 'scored image')} {be(shared)} among those that points "
        "were learned from: errors are too low for others."
    ]


def _first(sentences: Sequence[str]) -> str:
    others = len(sentences) - 1
    return f"{sentences[0]} (and {others} more)" if others else sentences[0]


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.1f} hours"
