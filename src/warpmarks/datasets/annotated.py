"""Image sets with annotated points; their scheme: see `warpmarks.datasets.scheme_file`."""

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from warpmarks.arguments import expect_path, expect_whole
from warpmarks.datasets.image_set import ImageSet, find_images
from warpmarks.datasets.layout import LandmarkTable, read_landmarks, read_split
from warpmarks.datasets.project import (
    ACCEPTED,
    home_of_images,
    is_project,
    marked_points,
    sizes_when_labelled,
)
from warpmarks.datasets.reading import UnreadableImage, read_size
from warpmarks.datasets.scheme_file import SCHEME, TABLE, read_scheme
from warpmarks.datasets.suspicions import told_of_origin, told_of_scores, told_of_shares
from warpmarks.errors import InputError
from warpmarks.points import PointScheme
from warpmarks.wording import be, counted, first_of, have, shown

ANNOTATED = "what read_annotated(folder, split=...) gives"
"""Of functions that take an `AnnotatedSet`, for their messages."""


@dataclass(frozen=True, eq=False)
class AnnotatedSet:
    """Images of which at least one point is annotated.

    Attributes:
        name: of the set and its split, for tables.
        images: in the order of their names.
        points: in pixels of the original images; nan where a point is not annotated.
        scheme: names, normaliser and mirror pairs of the points.
        source: the file that the points were read from, for messages.
        left_out: number of images of the set or split that have no annotated point.
        lines: of the source, for messages: where each image is; none where it is not a table.
        notices: sentences for the user: on labelled images of a project that are left out, and on
            what is well formed but hardly meant.
        accepted: points of a project that were accepted as suggested, so that they say nothing of
            an error; None where there are none.
    """

    name: str
    images: ImageSet
    points: Float[np.ndarray, "images points 2"]
    scheme: PointScheme
    source: Path
    left_out: int = 0
    lines: tuple[int, ...] = field(default=(), repr=False)
    notices: tuple[str, ...] = ()
    accepted: Bool[np.ndarray, "images points"] | None = None

    def subset(self, indices: np.ndarray) -> "AnnotatedSet":
        """The images at ``indices``, in that order."""
        return AnnotatedSet(
            self.name,
            self.images.subset(self.images.names[index] for index in indices),
            self.points[indices],
            self.scheme,
            self.source,
            lines=tuple(self.lines[index] for index in indices) if self.lines else (),
            accepted=None if self.accepted is None else self.accepted[indices],
        )

    def draw(self, labels: int, seed: int) -> "AnnotatedSet":
        """``labels`` of the images at random; with one seed, fewer are always among more.

        One with all of its points is among them if there is any, so that no point is left out.

        Raises:
            InputError: there are not so many, or it is no number.
        """
        count = len(self.images.names)
        if not 1 <= expect_whole(labels, "--labels", least=-sys.maxsize) <= count:
            raise InputError(
                f"--labels is {labels}, but {self.source} has {counted(count, 'annotated image')} "
                f"to draw from: ask for {'1' if count == 1 else f'1 to {count}'}"
            )
        # Without a seed numpy would draw others each time.
        order = np.random.default_rng(expect_whole(seed, "--seed", least=0)).permutation(count)
        complete = np.isfinite(self.points[order]).all(axis=(1, 2))
        first = int(complete.argmax())  # 0 where none is
        order = np.concatenate([order[first : first + 1], np.delete(order, first)])
        return self.subset(np.sort(order[:labels]))


def read_annotated(
    root: str | Path,
    *,
    split: str | None = None,
    normaliser: str | None = None,
    partial: bool = False,
) -> AnnotatedSet:
    """The annotated images of a set in our layout, or of one split of it.

    Args:
        root: the folder with images/, landmarks.csv, and perhaps points.json and split.csv; or an
            annotation project, whose images and split.csv are where its project.json says; of such
            a one, labelled images are left out that are not there or have another size than when
            they were labelled.
        split: only the images of this split; all of them if not given.
        normaliser: in place of the one in points.json, see `warpmarks.points.parse_normaliser`.
        partial: pass over annotated images that are not there.

    Raises:
        InputError: a file is missing or wrong, an annotated image is not there, or no image of the
            split is annotated.
    """
    root = expect_path(root, "root", "the folder of a set")
    table_path = root / TABLE
    if root.is_file():
        raise InputError(
            f"{root} is a file: give the folder of a set, with images/ and landmarks.csv; of "
            "another tool's points "
            f"`warpmarks convert {root.name} SET --to warpmarks --images PICTURES` makes one"
        )
    if not table_path.is_file():
        raise InputError(
            f"{table_path} does not exist: give a set with images/ and landmarks.csv "
            "(image,x1,y1,...)"
        )
    table = read_landmarks(table_path)
    scheme = read_scheme(root / SCHEME, table.points.shape[1], normaliser=normaliser)
    _check_marks(table_path, table, scheme)
    rows = {name: row for row, name in enumerate(table.images)}
    home = home_of_images(root)
    found = find_images(home, split=split)
    # Of the images of other splits only the names have to be right: they need not lie here.
    there = set(found.names) if split is None else set(read_split(home / "split.csv"))
    missing = [name for name in table.images if name not in there]
    if split is not None and missing:
        there |= set(find_images(home).names)
        missing = [name for name in missing if name not in there]
    project = is_project(root)
    if missing and not partial and not project:
        first = missing[0]
        raise InputError(
            f"{table_path}, line {table.lines[rows[first]]}: it has points on {_told(first)}, but "
            f"{_told(str(found.root / first))} is not there{_like(first, there)} "
            f"({counted(len(missing), 'such image')}): correct the table or bring the images"
        )
    names = [
        name for name in found.names if name in rows and np.isfinite(table.points[rows[name]]).any()
    ]
    resized = _resized(root, found.root, names) if project else []
    of_other_sizes = set(resized)
    names = [name for name in names if name not in of_other_sizes]
    notices = _notices(missing, resized, found.root) if project and not partial else ()
    if not names and notices:
        raise InputError(f"{root} has no labelled image that is as it was: {'; '.join(notices)}")
    if not names:
        where = f" of split {split!r}" if split is not None else ""
        others = "" if split is None else _annotated_splits(home / "split.csv", table)
        raise InputError(f"{table_path}: no image{where} is annotated: annotate some{others}")
    _check_case(table_path, table, names)
    chosen = [rows[name] for name in names]
    points = table.points[chosen]
    scores = None if table.scores is None else table.scores[chosen]
    accepted = None
    if project:
        accepted = marked_points(root, ACCEPTED, names, scheme.count)
        accepted &= np.isfinite(points[..., 0])
        if accepted.any():
            notices = (*notices, _told_of_accepted(accepted, points))
    suspicions = filter(None, (told_of_origin(points), told_of_scores(points, scores)))
    return AnnotatedSet(
        f"{root.resolve().name} {split}" if split is not None else root.resolve().name,
        found.subset(names),
        points,
        scheme,
        table_path,
        len(found.names) - len(names),
        tuple(table.lines[row] for row in chosen),
        (*notices, *(f"{table_path}: {suspicion}" for suspicion in suspicions)),
        accepted if accepted is not None and accepted.any() else None,
    )


def _resized(root: Path, images: Path, names: Sequence[str]) -> list[str]:
    """The images of a project whose size is another than when they were labelled."""
    sizes = sizes_when_labelled(root)

    def is_other(name: str) -> bool:
        try:
            height, width = read_size(images / name)
        except UnreadableImage:
            return False  # whoever reads its pixels says so
        return sizes[name] != (width, height)

    return [name for name in names if name in sizes and is_other(name)]


def _notices(missing: Sequence[str], resized: Sequence[str], images: Path) -> tuple[str, ...]:
    told = []
    if missing:
        told.append(
            f"{counted(len(missing), 'labelled image')} {be(len(missing))} not in {images} and "
            f"left out: {shown(first_of(missing))}"
        )
    if resized:
        told.append(
            f"{counted(len(resized), 'labelled image')} {have(len(resized))} another size than "
            f"when labelled and {be(len(resized))} left out: {shown(first_of(resized))}; bring "
            "back the files that were labelled, or place the points anew on the page"
        )
    return tuple(told)


def _told_of_accepted(accepted: np.ndarray, points: np.ndarray) -> str:
    count, placed = int(accepted.sum()), int(np.isfinite(points[..., 0]).sum())
    return (
        f"{count:,} of {counted(placed, 'point')} {'was' if count == 1 else 'were'} accepted as "
        "suggested: a fit takes them too, but they say nothing of the error and are left out of "
        "it; those that were moved are mostly the harder ones, so that others may come to less"
    )


def _check_marks(table_path: Path, table: LandmarkTable, scheme: PointScheme) -> None:
    """Raise where a point is at -1,-1, as tools write one that is missing, or all are shares."""
    rows, points = np.nonzero((table.points == -1).all(axis=2))
    if len(rows):
        raise InputError(
            f"{table_path}, line {table.lines[rows[0]]}: the point {scheme.names[points[0]]} is at "
            "-1,-1, as other tools write a point that is missing: leave both fields empty where a "
            "point is not annotated"
        )
    if shares := told_of_shares(table.points):
        raise InputError(f"{table_path}: {shares}")


def _check_case(table_path: Path, table: LandmarkTable, names: Sequence[str]) -> None:
    """Raise where two annotated images differ in upper and lower case only.

    Many disks take them for one file, so that one of the two is lost when the set is copied.
    """
    lines = dict(zip(table.images, table.lines, strict=True))
    first = dict[str, str]()
    for name in sorted(names, key=lines.__getitem__):
        like = first.setdefault(name.casefold(), name)
        if like != name:
            raise InputError(
                f"{table_path}, line {lines[name]}: {name} and {like} in line {lines[like]} differ "
                "in upper and lower case only, and many disks take them for one: rename one of the "
                "two"
            )


def _annotated_splits(path: Path, table: LandmarkTable) -> str:
    """The splits of which images are annotated, with their number, to end a sentence."""
    splits = read_split(path)
    shown = np.isfinite(table.points).any(axis=(1, 2))
    names = [name for name, known in zip(table.images, shown, strict=True) if known]
    counts = Counter(splits[name] for name in names if name in splits)
    there = ", ".join(f"{split} ({count:,})" for split, count in sorted(counts.items()))
    return f", or take a split that has annotated images: {there}" if there else ""


def _told(name: str) -> str:
    """A name, in quotes where one would not see where it begins or ends."""
    return repr(shown(name)) if name != name.strip() or "/ " in name else shown(name)


def _like(name: str, there: set[str]) -> str:
    if shown(name) != name:
        return " and its name in the table is not UTF-8: save the table as CSV in UTF-8"
    if name.strip() in there:
        return f", only {name.strip()}, without blanks around it"
    like = [other for other in there if other.casefold() == name.casefold()]
    return f", only {min(like)}, which differs in upper and lower case" if like else ""
