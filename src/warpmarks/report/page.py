"""The report as one HTML page that needs nothing from anywhere else."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from string import Template

from warpmarks.plots.colours import colour_code, ink_on, landmark_colours
from warpmarks.report.content import Fact, Picture, RunSummary, Section, Verdict
from warpmarks.report.embedding import embed_image
from warpmarks.report.verdict import headline_facts, verdict_on
from warpmarks.system.files import write_text
from warpmarks.wording import counted

PAGE = "report.html"

_WIDE = 1000  # pixels: from there on a picture is pushed along on a phone rather than shrunk
_MANY = 3  # links to sections of one kind, which would fill the page's beginning
_SIGNS = {"good": "✓", "warning": "!", "bad": "✕"}


def build_report(run_folder: Path, summary: RunSummary, sections: tuple[Section, ...]) -> Path:
    """Write ``report.html`` into the run folder, whole or not at all, and say where it is.

    The page holds its pictures and its style in itself and asks for nothing over a network, so it
    can be mailed or archived as it is.

    Raises:
        InputError: a picture is missing, or the page cannot be written.
    """
    path = run_folder / PAGE
    write_text(path, render_report(summary, sections))
    return path


def render_report(summary: RunSummary, sections: tuple[Section, ...]) -> str:
    """The page's text."""
    package = files("warpmarks.report")
    return Template((package / "page.html").read_text(encoding="utf-8")).substitute(
        title=_text(summary.title),
        style=(package / "page.css").read_text(encoding="utf-8"),
        verdict=_verdict(verdict_on(summary)),
        facts="\n".join(map(_fact, headline_facts(summary))),
        navigation="\n".join(_links(sections)),
        legend=_legend(summary),
        sections="\n".join(
            _section(number, section) for number, section in enumerate(sections, start=1)
        ),
        settings=_table(dict(_flattened(summary.settings))),
        versions=_table(summary.versions),
        package_version=_text(summary.versions.get("warpmarks", "")),
    )


def _text(value: object) -> str:
    """Anything as text of a page: names may hold markup, line breaks or bytes that are no text."""
    readable = str(value).encode("utf-8", "backslashreplace").decode("utf-8")
    kept = (
        letter if letter.isprintable() or letter in "\n\u200d\ufe0f" else "\ufffd"
        for letter in readable
    )
    return escape("".join(kept), quote=True)


def _verdict(verdict: Verdict) -> str:
    details = "".join(f"<li>{_text(detail)}</li>" for detail in verdict.details)
    heading = f'<p class="heading">{_text(verdict.heading)}</p>' if verdict.heading else ""
    return (
        f'<div class="verdict {verdict.mood}"><span class="sign" aria-hidden="true">'
        f"{_SIGNS[verdict.mood]}</span><div>{heading}<p>{_text(verdict.sentence)}</p>"
        + (f"<ul>{details}</ul>" if details else "")
        + "</div></div>"
    )


def _fact(fact: Fact) -> str:
    note = f'<span class="note">{_text(fact.note)}</span>' if fact.note else ""
    return f"<div><dt>{_text(fact.label)}</dt><dd>{_text(fact.value)}{note}</dd></div>"


def _legend(summary: RunSummary) -> str:
    flags = summary.flags()
    chips = []
    for index, colour in enumerate(landmark_colours(summary.num_landmarks)):
        flag = f" <small>{_text(flags[index])}</small>" if index in flags else ""
        look = f"background:{colour_code(colour)};color:{ink_on(colour)}"
        chips.append(f'<li style="{look}">{index + 1}{flag}</li>')
    return "".join(chips)


def _links(sections: Sequence[Section]) -> Iterator[str]:
    """To each section; those of a kind of which there are many are folded away."""
    for kind, group in groupby(enumerate(sections, start=1), lambda one: one[1].kind):
        links = [
            f'<a href="#section-{number}">{_text(section.title)}</a>' for number, section in group
        ]
        if kind and len(links) > _MANY:
            summary = _text(counted(len(links), kind))
            yield f"<details><summary>{summary}</summary>{''.join(links)}</details>"
        else:
            yield from links


def _section(number: int, section: Section) -> str:
    kind = "pictures narrow" if section.narrow else "pictures"
    figures = "\n".join(
        _figure(f"picture-{number}-{index}", picture)
        for index, picture in enumerate(section.pictures, start=1)
    )
    introduction = f"<p>{_text(section.introduction)}</p>" if section.introduction else ""
    return (
        f'<section id="section-{number}"><h2>{_text(section.title)}</h2>{introduction}\n'
        f'<div class="{kind}">\n{figures}\n</div></section>'
    )


def _figure(name: str, picture: Picture) -> str:
    image = embed_image(picture.path)
    dark = ""
    if picture.path_for_dark is not None:
        uri = embed_image(picture.path_for_dark).uri
        dark = f'<source media="(prefers-color-scheme: dark)" srcset="{uri}">'
    alt = _text(picture.alt or picture.title)
    wide = " wide" if image.width >= _WIDE else ""
    # The picture opens by becoming the page's target, so it is in the page only once.
    return (
        f'<div class="place" id="at-{name}"><figure id="{name}">'
        f'<a class="close" href="#at-{name}">Close</a>'
        f'<a class="open{wide}" href="#{name}" title="Open at full size"><picture>{dark}'
        f'<img src="{image.uri}" width="{image.width}" height="{image.height}" alt="{alt}">'
        "</picture></a>"
        f"<figcaption><strong>{_text(picture.title)}</strong> {_text(picture.caption)}</figcaption>"
        "</figure></div>"
    )


def _table(entries: Mapping[str, object]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{_text(name)}</th><td>{_text(value)}</td></tr>'
        for name, value in entries.items()
    )
    return f"<table><tbody>{rows}</tbody></table>"


def _flattened(settings: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flattened(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
