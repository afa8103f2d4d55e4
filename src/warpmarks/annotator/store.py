"""A project on disk: a folder of plain CSV and JSON that can be moved, saved after every change.

    landmarks.csv           the points, see `warpmarks.datasets.layout`; images without points are
                            left out
    points.json             their names for the other commands, see `warpmarks.datasets.scheme_file`
    project.json            names, colours and pairs of the points, marks of points that are not
                            visible or were accepted as suggested, the sizes that labelled images
                            had then, and where the images are, relative to the folder
    history.jsonl           every change, for undo and redo, see `warpmarks.annotator.journal`
    token                   the secret of the page's address
    landmarks.safetensors   what the detector found, see `warpmarks.annotator.locating`

A change is made by its line in history.jsonl; the other files follow, each whole or not at all, and
are brought up to it when the project is opened, should the process have died in between.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from warpmarks.annotator.annotations import (
    Annotations,
    Labels,
    Placed,
    Scheme,
    Size,
    check_scheme,
    labels_from_json,
    labels_to_json,
    scheme_from_json,
)
from warpmarks.annotator.journal import Change, Journal
from warpmarks.annotator.point_files import Rows, digest, write_table
from warpmarks.annotator.records import ProjectRecord
from warpmarks.datasets.layout import read_landmarks
from warpmarks.datasets.project import ACCEPTED, NOT_VISIBLE, RECORD, SIZES, sizes_from_json
from warpmarks.datasets.scheme_file import scheme_record
from warpmarks.errors import InputError
from warpmarks.formats import own_csv
from warpmarks.formats.sources import read_json
from warpmarks.pydantic_reasons import first_reason
from warpmarks.system.files import make_folder, refuse_other_format, write_json
from warpmarks.system.locks import hold
from warpmarks.wording import counted

FORMAT = 2
HISTORY, LOCK = "history.jsonl", ".lock"

_FILES = (own_csv.TABLE, own_csv.SCHEME, RECORD, "landmarks.safetensors")


class Conflict(InputError):  # noqa: N818
    """Somebody else has changed the same thing since it was read; nothing was overwritten."""


class Project:
    """The annotations of one set of images, and every change to them.

    Args:
        path: the folder; it is made if it is not there.
        source: where the images are.
        scheme: the points of a project that is made.
        labels: where they lie on its images, by name.

    Raises:
        InputError: the folder holds something else, is damaged, is open already, or cannot be
            written.
    """

    def __init__(
        self,
        path: str | Path,
        source: str | Path,
        scheme: Scheme | None = None,
        labels: Mapping[str, Labels] | None = None,
    ) -> None:
        self.path = Path(path)
        self.notices: list[str] = []
        """Sentences for the user on what was found when the project was opened."""
        new = not (self.path / RECORD).is_file()
        if self.path.exists() and new and (not self.path.is_dir() or _anything_in(self.path)):
            points = (self.path / own_csv.TABLE).is_file()
            raise InputError(
                f"{self.path} exists and is no annotation project: choose another --project"
                + (f", and begin it with these points by --from {self.path}" if points else "")
            )
        make_folder(self.path)
        self._lock = hold(
            self.path / LOCK,
            f"{self.path} is open in another `warpmarks annotate`: use that one, or stop it first",
        )
        self._saved_scheme: Scheme | None = None
        self._rows = Rows()
        self._source = Path(os.path.relpath(Path(source).resolve(), self.path.resolve())).as_posix()
        for left in _FILES:  # by a process that was killed while it wrote
            for temporary in self.path.glob(f".{left}.*"):
                temporary.unlink(missing_ok=True)
        try:
            record = None if new else self._record()
            self._journal = Journal(self.path / HISTORY)
            self._versions: dict[str, int] = {}
            self.scheme_version = 0
            if record is None:
                self.annotations = Annotations(scheme or Scheme(), labels or {})
                self._save(self.annotations)
                if labels:
                    self._make({"kind": "base", "after": _snapshot(self.annotations)})
            else:
                self._open(record)
        except BaseException:
            self.close()
            raise

    @property
    def version(self) -> int:
        """Number of the newest change."""
        return self._journal.last

    @property
    def can_undo(self) -> bool:
        """Whether there is a change to take back."""
        return self._journal.undoable is not None

    @property
    def can_redo(self) -> bool:
        """Whether there is a change that was taken back."""
        return self._journal.redoable is not None

    def version_of(self, image: str) -> int:
        """Number of the newest change to an image's points."""
        return max(self._versions.get(image, 0), self.scheme_version)

    def labelled_in_order(self) -> list[str]:
        """Images with points, in the order in which they were first labelled."""
        labels = self.annotations.labels
        known = [image for image in self._versions if image in labels]
        return known + sorted(labels.keys() - set(known))

    def was(self, base: int) -> list[int | None]:
        """For each point which of those it was after change ``base``; None for one that is newer.

        Raises:
            InputError: the history cannot be read.
        """
        points: list[int | None] = list(range(self.annotations.scheme.count))
        for number in range(self.version, max(base, 0), -1):
            if self._journal.entry(number).kind == "scheme":
                before = self._was_before(number)
                points = [None if point is None else before[point] for point in points]
        return points

    def know_sizes(self, sizes: Mapping[str, Size]) -> None:
        """Take the present sizes of labelled images for those that they were labelled at.

        Only where these are not known, as where another program has written the table.

        Raises:
            InputError: it cannot be saved.
        """
        known = self.annotations.knowing(sizes)
        if known is not self.annotations:
            self._save(known)
            self.annotations = known

    def set_labels(
        self, image: str, labels: Labels, base: int, what: str, size: Size | None = None
    ) -> None:
        """Change the points of an image.

        Args:
            image: its name.
            labels: all of its points.
            base: the version of the image that they are made from.
            what: the change in words.
            size: of the image that the points lie on.

        Raises:
            Conflict: the image has another version.
            InputError: another number of points than the scheme has, or it cannot be saved.
        """
        if base != self.version_of(image):
            raise Conflict("the points of this image were changed elsewhere: look at them first")
        if len(labels) != self.annotations.scheme.count:
            raise InputError(
                f"{counted(len(labels), 'point')} sent, but the scheme has "
                f"{self.annotations.scheme.count}"
            )
        before, size_before = self.annotations.of(image), self.annotations.sizes.get(image)
        if labels == before and (size in (None, size_before) or not any(labels)):
            return
        sizes = {"size_before": size_before, "size": size}
        self._make(
            {
                "kind": "labels",
                "image": image,
                "before": labels_to_json(before),
                "after": labels_to_json(labels),
                **{key: list(known) for key, known in sizes.items() if known is not None},
                "what": what,
            }
        )

    def set_scheme(
        self, scheme: Scheme, was: Sequence[int | None], base: int, *, drop_labels: bool = False
    ) -> None:
        """Change which points there are.

        Args:
            scheme: the new points.
            was: for each of them which of the present ones it was, or None for a new one.
            base: the version of the project that it is made from.
            drop_labels: whether points that people placed may go.

        Raises:
            Conflict: the points were changed since, or people placed one that would go.
            InputError: the scheme is wrong, or it cannot be saved.
        """
        scheme = check_scheme(scheme, source="the points")
        present = self.annotations.scheme
        old = [index for index in was if index is not None]
        if len(was) != scheme.count or len(set(old)) != len(old):
            raise InputError("each of the points can be made from one of the old ones only")
        if any(not 0 <= index < present.count for index in old):
            raise InputError("a point is said to have been one that is not there")
        if self.scheme_version > base:
            raise Conflict("the points were changed elsewhere: look at them first")
        gone = [index for index in range(present.count) if index not in old]
        for index in gone:
            count = self.annotations.labelled(index)
            if count and not drop_labels:
                images = counted(count, "image")
                raise Conflict(
                    f"the point {present.names[index]} is labelled on {images}: it would be "
                    "removed there too"
                )
        changed = self.annotations.with_scheme(scheme, was)
        if changed == self.annotations:
            return
        self._make(
            {
                "kind": "scheme",
                "before": present.to_json(),
                "after": scheme.to_json(),
                "was": list(was),
                "gone": _labels_of(gone, self.annotations),
                "what": "the points' definition",
            }
        )

    def refuse_other_points(self, scheme: Scheme | None, *, flag: str) -> None:
        """Raise where the user asks for other points than the project has.

        Raises:
            InputError: they differ; ``flag`` is where they were given.
        """
        present = self.annotations.scheme.names
        if scheme is not None and scheme.names != present:
            raise InputError(
                f"{flag} names other points than {self.path}, which has "
                f"{', '.join(present) or 'none'}: leave it away and change them on the page, or "
                "choose another --project"
            )

    def undo(self) -> Change | None:
        """Take the newest change back; the change, or None where there is none.

        Raises:
            InputError: it cannot be saved.
        """
        return self._move("undo", self._journal.undoable)

    def redo(self) -> Change | None:
        """Make the change that was taken back last again; the change, or None.

        Raises:
            InputError: it cannot be saved.
        """
        return self._move("redo", self._journal.redoable)

    def close(self) -> None:
        """Let others open the project."""
        self._lock.release()

    def _move(self, kind: str, number: int | None) -> Change | None:
        if number is None:
            return None
        self._make({"kind": kind, "of": number})
        return self._journal.change(number)

    def _make(self, change: Change) -> None:
        after = self._after(self.annotations, change)
        number = self._journal.append(change)
        self.annotations = after
        self._touch(number)
        try:
            self._save(self.annotations)
        except InputError as error:
            # The change is made: history.jsonl has it, and the other files follow with the next.
            if str(error) not in self.notices:
                self.notices.append(str(error))

    def _after(self, annotations: Annotations, change: Change) -> Annotations:
        """The annotations after a change that is made on those before it.

        Labels, and whatever has all of them, may be there already.

        Raises:
            InputError: the change is one of other points than there are.
        """
        try:
            return self._changed(annotations, change)
        except (IndexError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"{self._journal.path} is damaged: it has a change of other points than there are; "
                "move the file away to go on without what can be undone"
            ) from error

    def _changed(self, annotations: Annotations, change: Change) -> Annotations:
        match change["kind"]:
            case "labels":
                return _with_labels(annotations, change, "after", "size")
            case "scheme":
                after, was = scheme_from_json(change["after"], source=HISTORY), change["was"]
                _check_count(was, after)
                return annotations.with_scheme(after, was)
            case "undo":
                return self._before(annotations, self._journal.change(change["of"]))
            case "redo":
                return self._after(annotations, self._journal.change(change["of"]))
        return _from_snapshot(change["after"])

    def _was_before(self, number: int) -> list[int | None]:
        """For each point after a change of the scheme which one it was before."""
        change = self._journal.change(number)
        if change["kind"] == "undo":
            undone = self._journal.change(change["of"])
            return _places_of(undone["was"], len(undone["before"]["points"]))
        if change["kind"] == "redo":
            change = self._journal.change(change["of"])
        return list(change["was"])

    @staticmethod
    def _before(annotations: Annotations, change: Change) -> Annotations:
        """The annotations without a change that was made last."""
        if change["kind"] == "labels":
            return _with_labels(annotations, change, "before", "size_before")
        before = scheme_from_json(change["before"], source=HISTORY)
        _check_count(change["was"], annotations.scheme)
        back = annotations.with_scheme(before, _places_of(change["was"], before.count))
        return _with_labels_of(change["gone"], back)

    def _touch(self, number: int) -> None:
        entry = self._journal.entry(number)
        if entry.image is not None:
            self._versions[entry.image] = number
        elif entry.kind != "base":
            self.scheme_version = number

    def _save(self, annotations: Annotations) -> None:
        """Write landmarks.csv, points.json and project.json."""
        scheme, rows, table = annotations.scheme, self._rows.of(annotations), None
        if scheme.count:
            if scheme != self._saved_scheme:
                points = scheme.point_scheme()
                record = scheme_record(
                    points.names, points.normaliser.text, points.mirror, scheme.colours
                )
                write_json(self.path / own_csv.SCHEME, record)
            table = write_table(self.path / own_csv.TABLE, scheme.count, rows)
        self._saved_scheme = scheme
        hidden = {image: row.not_visible for image, row in rows.items() if row.not_visible}
        write_json(
            self.path / RECORD,
            {
                "format": FORMAT,
                "images": self._source,
                **scheme.to_json(),
                NOT_VISIBLE: hidden,
                ACCEPTED: {image: row.accepted for image, row in rows.items() if row.accepted},
                SIZES: {image: list(size) for image, size in annotations.sizes.items()},
                "changes": self.version,
                "table": table,
            },
        )

    def _open(self, record: Mapping[str, Any]) -> None:
        journal = self._journal
        scheme = scheme_from_json(record, source=str(self.path / RECORD))
        applied, recorded = record["changes"], record["table"]
        not_visible, accepted = (
            {image: set(points) for image, points in record[key].items()}
            for key in (NOT_VISIBLE, ACCEPTED)
        )
        sizes = sizes_from_json(record[SIZES])
        for number in range(1, journal.last + 1):
            self._touch(number)
        pending = range(applied + 1, journal.last + 1)
        as_recorded = recorded == (self._table_digest() if scheme.count else None)
        if scheme.count and self._table_digest() is None and applied <= journal.last:
            self.annotations, as_recorded = self._replayed(scheme), True
            self.notices.append(
                f"{self.path / own_csv.TABLE} was not there: it is written anew from {HISTORY}"
            )
        elif not as_recorded and any(journal.entry(number).kind == "scheme" for number in pending):
            # The table may be of before a change of the points, or of after it.
            self.annotations = self._replayed(scheme)
        else:
            self.annotations = self._annotations_of_table(scheme, not_visible, accepted)
            for number in pending:
                self.annotations = self._after(self.annotations, journal.change(number))
        written_elsewhere = not pending and (not as_recorded or applied > journal.last)
        if not written_elsewhere:
            self.annotations = self.annotations.knowing(sizes)
        if written_elsewhere:
            if journal.last:
                self.notices.append(
                    f"{self.path / own_csv.TABLE} was changed by another program: it is taken as "
                    "it is, and changes before that can no longer be undone"
                )
            self._make(
                {
                    "kind": "cut",
                    "after": _snapshot(self.annotations),
                    "what": "landmarks.csv was changed by another program",
                }
            )
        else:
            self._save(self.annotations)

    def _replayed(self, recorded: Scheme) -> Annotations:
        """What the history alone says.

        Args:
            recorded: the points where the history does not change them.
        """
        journal, annotations = self._journal, Annotations(recorded)
        numbers = range(journal.last, 0, -1)
        begin = next((each for each in numbers if journal.entry(each).kind in {"cut", "base"}), 0)
        if not begin and (first := self._first_scheme_change()):
            annotations = Annotations(scheme_from_json(first["before"], source=HISTORY))
        for number in range(max(1, begin), journal.last + 1):
            annotations = self._after(annotations, journal.change(number))
        return annotations

    def _first_scheme_change(self) -> Change | None:
        numbers = range(1, self._journal.last + 1)
        first = next((each for each in numbers if self._journal.entry(each).kind == "scheme"), 0)
        return self._journal.change(first) if first else None

    def _record(self) -> dict[str, Any]:
        record = read_json(self.path / RECORD, "the record of an annotation project")
        if not isinstance(record, dict):
            raise self._damaged("no object")
        again = f"begin a new project with its points by --from {self.path / own_csv.TABLE}"
        refuse_other_format(record, FORMAT, self.path / RECORD, again)
        try:
            ProjectRecord.model_validate(record)
        except ValidationError as error:
            raise self._damaged(first_reason(error)) from error
        return record

    def _annotations_of_table(
        self, scheme: Scheme, not_visible: dict[str, set[int]], accepted: dict[str, set[int]]
    ) -> Annotations:
        points: dict[str, np.ndarray] = {}
        path = self.path / own_csv.TABLE
        if scheme.count:
            table = read_landmarks(path)
            if table.points.shape[1] != scheme.count:
                raise InputError(
                    f"{path} has {counted(table.points.shape[1], 'point')}, but {RECORD} beside it "
                    f"names {scheme.count}: bring back the table that belongs to the project"
                )
            points = dict(zip(table.images, table.points, strict=True))
        nowhere = np.full((scheme.count, 2), np.nan)
        labels = {}
        for image in points | not_visible:
            hidden, as_suggested = not_visible.get(image, set()), accepted.get(image, set())
            labels[image] = tuple(
                _placed(point, visible=index not in hidden, accepted=index in as_suggested)
                for index, point in enumerate(points.get(image, nowhere))
            )
        return Annotations(scheme, {image: row for image, row in labels.items() if any(row)})

    def _table_digest(self) -> str | None:
        path = self.path / own_csv.TABLE
        if not path.is_file():
            return None
        return digest(path.read_bytes())

    def _damaged(self, reason: str) -> InputError:
        return InputError(
            f"{self.path / RECORD} is damaged ({' '.join(reason.split())[:100]}): bring it back "
            f"from a copy; {own_csv.TABLE} beside it is untouched"
        )


def _placed(point: np.ndarray, *, visible: bool, accepted: bool) -> Placed | None:
    if np.isfinite(point).all():
        return Placed(float(point[0]), float(point[1]), visible, accepted)
    return None if visible else Placed(None, None, visible=False)


def _with_labels(
    annotations: Annotations, change: Change, labels_key: str, size_key: str
) -> Annotations:
    values = change[labels_key]
    _check_count(values, annotations.scheme)
    labels, size = labels_from_json(values), _size(change, size_key)
    return annotations.with_labels(change["image"], labels, size)


def _places_of(was: Sequence[int | None], count: int) -> list[int | None]:
    """The inverse of ``was``: for each of ``count`` old points which of the new ones it became."""
    places_of = {old: new for new, old in enumerate(was) if old is not None}
    return [places_of.get(old) for old in range(count)]


def _check_count(values: Sequence[object], scheme: Scheme) -> None:
    if len(values) != scheme.count:
        raise ValueError(len(values))


def _labels_of(points: Sequence[int], annotations: Annotations) -> dict[str, dict[str, Any]]:
    """What is said of some points: by image, then by the point's number."""
    if not points:
        return {}
    of_images = {
        image: {
            str(point): value
            for point, value in zip(
                points, labels_to_json([labels[point] for point in points]), strict=True
            )
            if value is not None
        }
        for image, labels in annotations.labels.items()
    }
    return {image: values for image, values in of_images.items() if values}


def _with_labels_of(
    values: Mapping[str, Mapping[str, Any]], annotations: Annotations
) -> Annotations:
    """The inverse of `_labels_of`: the annotations with what is said of those points."""
    labels = dict(annotations.labels)
    for image, of_image in values.items():
        points = list(annotations.of(image))
        for point, placed in zip(of_image, labels_from_json(list(of_image.values())), strict=True):
            points[int(point)] = placed
        labels[image] = tuple(points)
    return Annotations(annotations.scheme, labels, annotations.sizes)


def _size(change: Change, key: str) -> Size | None:
    known = change.get(key)
    return (known[0], known[1]) if known else None


def _snapshot(annotations: Annotations) -> dict[str, Any]:
    return {
        "scheme": annotations.scheme.to_json(),
        "labels": {image: labels_to_json(labels) for image, labels in annotations.labels.items()},
        SIZES: {image: list(size) for image, size in annotations.sizes.items()},
    }


def _from_snapshot(value: Mapping[str, Any]) -> Annotations:
    scheme = scheme_from_json(value["scheme"], source=HISTORY)
    for labels in value["labels"].values():
        _check_count(labels, scheme)
    return Annotations(
        scheme,
        {image: labels_from_json(labels) for image, labels in value["labels"].items()},
        sizes_from_json(value[SIZES]),
    )


def _anything_in(folder: Path) -> bool:
    return any(entry.name != LOCK for entry in folder.iterdir())
