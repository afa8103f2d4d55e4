"""What a report holds, before it is a page."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Mood = Literal["good", "warning", "bad"]


@dataclass(frozen=True)
class Picture:
    """A drawn file, and the words that teach how to read it.

    ``path_for_dark`` is the same drawing for dark surroundings; photographs need none. ``alt`` is
    what someone hears who cannot see it; without one it is the title.
    """

    title: str
    caption: str
    path: Path
    path_for_dark: Path | None = None
    alt: str = ""


@dataclass(frozen=True)
class Section:
    """Pictures under one heading.

    Attributes:
        title: of the section.
        introduction: what it shows.
        pictures: with their captions.
        narrow: whether they stand beside each other where there is room.
        kind: what there may be many of, such as "evaluation".
    """

    title: str
    introduction: str
    pictures: tuple[Picture, ...]
    narrow: bool = False
    kind: str = ""

    def has_pictures(self) -> bool:
        """Whether the files of all pictures are there."""
        return all(
            path.is_file()
            for picture in self.pictures
            for path in (picture.path, picture.path_for_dark or picture.path)
        )


@dataclass(frozen=True)
class ShownImages:
    """Images that the pictures of a report show, where they are not those of the training.

    Attributes:
        name: of their set, without its path.
        count: in the set.
        drawn: of these, those that the pictures are made from.
    """

    name: str
    count: int
    drawn: int


@dataclass(frozen=True)
class RunSummary:
    """A run in numbers and words.

    Attributes:
        name: of the run.
        num_landmarks: K.
        num_images: that were trained on.
        num_unreadable: images that were left out.
        num_learned: landmarks that it learned, of which K are kept; None: no more than K.
        steps: of training done.
        seconds: of training.
        ending: why it ended, as a clause: "it has converged", "30 minutes were over".
        equivariance_error_percent: on held-out warps, in % of the view's shorter side; may be NaN.
        dead: indices of landmarks without a clear peak.
        nailed: indices of landmarks that stay at one place whatever the image shows.
        doubled: pairs of landmarks that share a place.
        lagging: indices of landmarks that follow the object only in part.
        follow: for each landmark how much of the object's motion it follows, 1 is all of it.
        training_error: of a supervised run, with its unit.
        shown: the images in the pictures; None: those of the training.
        advice: sentences on what to try.
        settings: the configuration; may be nested.
        versions: of the package and what it stands on.
    """

    name: str
    num_landmarks: int
    num_images: int
    steps: int
    seconds: float
    ending: str
    equivariance_error_percent: float
    num_unreadable: int = 0
    num_learned: int | None = None
    dead: tuple[int, ...] = ()
    nailed: tuple[int, ...] = ()
    doubled: tuple[tuple[int, int], ...] = ()
    lagging: tuple[int, ...] = ()
    follow: tuple[float, ...] = ()
    training_error: str | None = None
    shown: ShownImages | None = None
    advice: tuple[str, ...] = ()
    settings: Mapping[str, object] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The run, and the images that are shown if they are others than it was trained on."""
        return self.name if self.shown is None else f"{self.name} on {self.shown.name}"

    def flags(self) -> dict[int, str]:
        """A word of warning for each landmark in trouble."""
        lagging = dict.fromkeys(self.lagging, "lagging")
        doubled = {landmark: "doubled" for pair in self.doubled for landmark in pair}
        nailed = dict.fromkeys(self.nailed, "nailed")
        return lagging | doubled | nailed | dict.fromkeys(self.dead, "dead")


@dataclass(frozen=True)
class Verdict:
    """One plain sentence on how a run went, and what stands behind it.

    ``heading`` says what it speaks of, where the page is about something else.
    """

    mood: Mood
    sentence: str
    details: tuple[str, ...] = ()
    heading: str = ""


@dataclass(frozen=True)
class Fact:
    """A headline number."""

    label: str
    value: str
    note: str = ""
