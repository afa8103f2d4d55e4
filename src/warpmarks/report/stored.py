"""What a report says beside its pictures, so that it can be made again without drawing them."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from warpmarks.datasets.results import REPORT
from warpmarks.report.content import Picture, Section, ShownImages
from warpmarks.system.files import write_json

NAME = REPORT


@dataclass(frozen=True)
class StoredContent:
    """Why training ended, advice, the sections, and the images shown; see `RunSummary`."""

    ending: str = ""
    advice: tuple[str, ...] = ()
    sections: tuple[Section, ...] = ()
    shown: ShownImages | None = None


def save_content(folder: Path, content: StoredContent) -> None:
    """Write the words beside the pictures, which must lie in the folder."""
    write_json(
        folder / NAME,
        {
            "ending": content.ending,
            "advice": list(content.advice),
            "shown": None if content.shown is None else asdict(content.shown),
            "sections": [_section_record(section) for section in content.sections],
        },
    )


def read_content(folder: Path) -> StoredContent:
    """The words beside the pictures; none where there are no such words, or no longer all pictures.

    The report is then made without these sections, and `warpmarks show` draws them again.
    """
    try:
        written = json.loads((folder / NAME).read_text(encoding="utf-8"))
        sections = tuple(_section(folder, record) for record in written["sections"])
        shown = written.get("shown")
        content = StoredContent(
            str(written["ending"]),
            tuple(written["advice"]),
            sections,
            ShownImages(**shown) if shown else None,
        )
    except (OSError, ValueError, KeyError, TypeError):
        return StoredContent()
    there = all(section.has_pictures() for section in sections)
    return content if there else StoredContent(content.ending, content.advice)


def _section_record(section: Section) -> dict[str, Any]:
    return {
        "title": section.title,
        "introduction": section.introduction,
        "narrow": section.narrow,
        "pictures": [
            {
                "title": picture.title,
                "caption": picture.caption,
                "file": picture.path.name,
                "file_for_dark": picture.path_for_dark.name if picture.path_for_dark else None,
                "alt": picture.alt,
            }
            for picture in section.pictures
        ],
    }


def _section(folder: Path, record: dict[str, Any]) -> Section:
    pictures = tuple(
        Picture(
            picture["title"],
            picture["caption"],
            folder / picture["file"],
            folder / picture["file_for_dark"] if picture["file_for_dark"] else None,
            picture["alt"],
        )
        for picture in record["pictures"]
    )
    return Section(record["title"], record["introduction"], pictures, narrow=record["narrow"])
