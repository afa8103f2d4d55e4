"""One project at work: annotations, landmarks and predictions together, for many threads."""

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import isnan
from typing import Any

import numpy as np
from jaxtyping import Float

from warpmarks.annotator.annotations import (
    DIGITS,
    Annotations,
    Labels,
    Placed,
    Scheme,
    labels_from_json,
    labels_to_json,
    places,
    scheme_from_json,
)
from warpmarks.annotator.current_fit import CurrentFit, Known, Predicted
from warpmarks.annotator.journal import Change
from warpmarks.annotator.locating import CACHE, Locations
from warpmarks.annotator.panel import progress_of
from warpmarks.annotator.project_images import ProjectImages
from warpmarks.annotator.shapes import Aligned, Modes, align, principal_modes
from warpmarks.annotator.store import Project
from warpmarks.annotator.suggestion import Suggester, Suggestion
from warpmarks.detectors.detector import Detector
from warpmarks.errors import InputError
from warpmarks.evaluation.fit_on_images import takes_mirrored
from warpmarks.evaluation.locating import far_outside
from warpmarks.regression.examples import Examples
from warpmarks.regression.regressor import Regressor
from warpmarks.wording import be, counted, first_of, have, shown

_STEP = 1_000_000
"""Versions from one change to the next: landmarks that become known count in between."""

NEAR = 0.02
"""Pixels up to which a point lies where it was suggested; the page rounds to 0.01."""

RECENT = 4
"""Suggestions for one image that its page may still show while changes are under way."""

PATIENCE = 3.0
"""Seconds that the first suggestion may wait for landmarks."""


class NoSuchImage(InputError):  # noqa: N818
    """An image that the project does not have."""


class Session:
    """The project, the images and the detector, behind one lock.

    Points are in pixels of the upright originals. What methods return is plain JSON for the page,
    unless they say otherwise.

    Args:
        project: the annotations.
        images: which can be shown.
        detector: finds landmarks on them.
    """

    def __init__(self, project: Project, images: ProjectImages, detector: Detector) -> None:
        self.project, self.images, self.detector = project, images, detector
        self.locations = Locations(detector, images, project.path / CACHE)
        self.fit = CurrentFit(images, self.locations, detector)
        self._lock = threading.RLock()
        self._numbers = {name: index for index, name in enumerate(images.names)}
        self._sizes = {
            name: (int(width), int(height))
            for name, (width, height) in zip(images.names, images.sizes, strict=True)
        }
        self._doubted = self._far_outside()
        project.know_sizes(
            {name: size for name, size in self._sizes.items() if name not in self._doubted}
        )
        # Of an image under a scheme, what was suggested last for points that were not placed then.
        self._suggested = defaultdict[tuple[int, int], deque[np.ndarray]](
            lambda: deque(maxlen=RECENT)
        )
        self._current: tuple[Annotations, Annotations] | None = None
        self._suggester: tuple[int, Suggester] | None = None
        self._progress: tuple[Examples, dict[str, Any]] | None = None

    def start(self, tell: Callable[[list[tuple[str, str]]], None] | None = None) -> None:
        """Find the landmarks in the background, the labelled images first.

        Args:
            tell: is called in the end with names of the images that could not be decoded, each with
                the reason, if there are any.
        """

        def looked_at() -> None:
            if tell is not None and (trouble := sorted(self.locations.trouble.items())):
                tell([(self.images.names[index], reason) for index, reason in trouble])

        labelled = self._labelled_in_order()
        self.locations.start(
            labelled, mirrored=lambda: self._takes_mirrored(labelled), looked_at=looked_at
        )

    def stop(self) -> None:
        """Leave off; everything is saved already."""
        self.locations.stop()
        self.project.close()

    def check_labelled_images(self, source: str) -> None:
        """Tell of labelled images that are not among those that can be shown, or not as they were.

        Their points stay.

        Raises:
            InputError: none of them is: these are not the project's images.
        """
        labelled = self.project.annotations.labels
        missing = sorted(name for name in labelled if name not in self._numbers)
        if missing and len(missing) == len(labelled):
            raise InputError(
                f"{self.project.path} has points on {shown(missing[0])} and others, none of which "
                f"is in {source}: give the images that it was made with, or another --project"
            )
        if missing:
            self.project.notices.append(
                f"{counted(len(missing), 'labelled image')} {be(len(missing))} not in {source}, "
                f"such as {shown(missing[0])}: the points there are kept, but not shown"
            )
        others = sorted(labelled.keys() - self.annotations.labels.keys())
        if others:
            width, height = self._sizes[others[0]]
            was = self.project.annotations.sizes.get(others[0])
            before = f"had {was[0]} x {was[1]}" if was else "has points far outside"
            self.project.notices.append(
                f"{counted(len(others), 'image')} {have(len(others))} another size than when "
                f"labelled: {shown(first_of(others))} (the first {before}, now {width} x "
                f"{height}). The points there are kept, but neither shown nor used: "
                "bring back the files that were labelled, or place the points anew"
            )

    @property
    def version(self) -> int:
        """Grows with every change, and with every image, or mirror image, that is looked at."""
        return self.project.version * _STEP + self.locations.done + len(self.locations.mirrored)

    @property
    def scheme(self) -> Scheme:
        """The points."""
        return self.project.annotations.scheme

    @property
    def annotations(self) -> Annotations:
        """What is said of the images as they are, without those that have another size now."""
        said = self.project.annotations
        if self._current is None or self._current[0] is not said:
            self._current = (said, said.of_images(self._sizes, self._doubted))
        return self._current[1]

    def state(self) -> dict[str, Any]:
        """What may change without this tab's doing."""
        with self._lock:
            return {
                "version": self.version,
                "files": self.locations.files,
                "locating": self._locating(),
                **self._history(),
                "labelled_images": len(self._labelled_in_order()),
                "notices": [
                    shown(notice)
                    for notice in (
                        *self.project.notices,
                        *self._left_out_notice(),
                        self.locations.failure,
                    )
                    if notice
                ],
            }

    def overview(self) -> dict[str, Any]:
        """The project and all of its images."""
        with self._lock:
            labels = self.annotations.labels
            listed = []
            for index, name in enumerate(self.images.names):
                of_image = labels.get(name, ())
                said = sum(placed is not None for placed in of_image)
                complete = said > 0 and said == len(of_image)
                trouble = self.locations.trouble.get(index)
                about = {"labelled": said, "complete": complete, "trouble": trouble}
                listed.append({**self._head(index), **about})
            return {
                "name": shown(self.project.path.resolve().name),
                "title": shown(self.images.title),
                "scheme": self.scheme.to_json(),
                "num_landmarks": self.detector.num_landmarks,
                "images": listed,
                **self.state(),
            }

    def image(self, index: int) -> dict[str, Any]:
        """One image with all that is known of it.

        Raises:
            NoSuchImage: there is none of that number.
        """
        name = self.name_of(index)
        located = self.locations.ensure(index)
        with self._lock:
            locations = self.locations
            return {
                **self._head(index),
                "version": self.project.version_of(name),
                "points": labels_to_json(self.annotations.of(name)),
                **self._predicted(index),
                "landmarks": _points(locations.landmarks[index]) if located else None,
                "landmark_scores": _numbers(locations.scores[index], 3) if located else None,
                "trouble": locations.trouble.get(index),
            }

    def put_labels(
        self,
        index: int,
        values: Sequence[Mapping[str, Any] | None],
        base: int,
        image: str | None = None,
    ) -> dict[str, Any]:
        """Change the points of an image; what its page needs to go on.

        Args:
            index: of the image.
            values: all of its points.
            base: the version of the image that they are made from.
            image: the name that the page knows it by.

        Raises:
            NoSuchImage: the image of that number has another name.
            Conflict: somebody else has changed them.
            InputError: a point lies far outside of the image, which may not be readable at all, or
                it cannot be saved.
        """
        name = self.name_of(index)
        if image not in (None, shown(name)):
            raise NoSuchImage(f"image {index} is {shown(name)} now: open the page anew")
        labels = labels_from_json(values)
        self._check_inside(index, labels)
        self.locations.ensure(index)
        with self._lock:
            labels = self._marked(index, labels)
        self._check_readable(index, labels)
        self._look_in_mirror(index)
        with self._lock:
            what = f"{self._what(self.annotations.of(name), labels)} on {shown(name)}"
            before = self.version
            self.project.set_labels(name, labels, base, what, self._sizes[name])
            version, begun = self.version, time.perf_counter()
            self._known()
            return {
                "version": self.project.version_of(name),
                "project_version_before": before,
                "project_version": version,
                "refit_ms": round(1000 * (time.perf_counter() - begun), 1),
                **self._predicted(index),
                **self._history(),
            }

    def changed(self, index: int, base: int) -> dict[str, Any]:
        """One image, and which points its present ones were at a version, see `Project.was`."""
        with self._lock:
            return {"current": self.image(index), "was": self.project.was(base)}

    def put_scheme(
        self, scheme: Mapping[str, Any], was: Sequence[int | None], base: int, *, drop_labels: bool
    ) -> dict[str, Any]:
        """Change which points there are.

        Raises:
            Conflict: somebody else has changed them, or labelled points would go.
            InputError: they are wrong, or it cannot be saved.
        """
        checked = scheme_from_json(scheme, source="the points")
        with self._lock:
            self.project.set_scheme(checked, was, base // _STEP, drop_labels=drop_labels)
            return {"version": self.version}

    def undo(self) -> dict[str, Any]:
        """Take the newest change back."""
        with self._lock:
            moved = self._moved(self.project.undo(), "nothing to undo")
        return self._with_version(moved)

    def redo(self) -> dict[str, Any]:
        """Make the change again that was taken back last."""
        with self._lock:
            moved = self._moved(self.project.redo(), "nothing to redo")
        return self._with_version(moved)

    def predictions(self) -> dict[str, Any]:
        """Points of all images at once."""
        with self._lock:
            version = self.version  # before: an image that is found meanwhile makes a newer one
            known, count = self._known(), len(self.images)
            points: list[list[float | None] | None] = [None] * count
            doubt: list[float | None] = [None] * count
            if known.predicted is not None:
                flat = np.round(known.predicted.points, 1).reshape(count, -1)
                for index in known.located.tolist():
                    points[index] = _numbers(flat[index], 1)
                doubt = _numbers(known.predicted.doubt, 3)
            placed: list[list[float | None] | None] = [None] * count
            for name, labels in self.annotations.labels.items():
                number = self._numbers.get(name)
                if number is not None:
                    placed[number] = _numbers(places(labels).ravel(), DIGITS)
                    if all(labels):
                        doubt[number] = None  # a person has seen to all of its points
            return {
                "version": version,
                "fitted_on": known.fitted.regressor.fitted_on if known.fitted else 0,
                "images": {
                    "ids": list(range(count)),
                    "points": points,
                    "placed": placed,
                    "doubt": doubt,
                },
            }

    def progress(self) -> dict[str, Any]:
        """Errors, how they came down, and a sentence on what more labels would bring."""
        with self._lock:
            known, scheme = self._known(), self.scheme
            if self._progress is not None and self._progress[0] is known.examples:
                return self._progress[1]
        told = progress_of(known.examples, known.fitted, scheme)
        with self._lock:
            self._progress = (known.examples, told)
        return told

    def suggestion(self, skip: set[int]) -> Suggestion:
        """Which image to label next, as an object; one that can be read.

        Where nothing is labelled yet, this waits until there are some landmarks to judge by.
        """
        if not self.annotations.labels:
            self.locations.wait_for_some(PATIENCE)
        while True:
            with self._lock:
                begun = np.zeros(len(self.images), dtype=bool)
                labelled = self._labelled_in_order()
                begun[labelled] = True
                begun[list(self.locations.trouble)] = True
                incomplete = [
                    index
                    for index in labelled
                    if not all(self.annotations.of(self.images.names[index]))
                    and index not in self.locations.trouble
                ]
                found = self._current_suggester().suggest(begun, skip, incomplete)
            if found.index is None or self.locations.ensure(found.index) or self.locations.failure:
                return found

    def shapes(self) -> tuple[list[int], int, Aligned, Modes]:
        """Images whose points are all placed, how many others have some, and their shapes."""
        count = self.scheme.count
        with self._lock:
            found: dict[int, np.ndarray] = {}
            labelled = sorted(self._labelled_in_order())
            for index in labelled:
                points = places(self.annotations.of(self.images.names[index]))
                if np.isfinite(points).all() and np.ptp(points, axis=0).any():
                    found[index] = points
        together = np.array(list(found.values())).reshape(len(found), count, 2)
        aligned = align(together)
        return list(found), len(labelled) - len(found), aligned, principal_modes(aligned)

    def regressor(self) -> Regressor:
        """Of all of the points.

        Raises:
            InputError: a point is placed nowhere yet.
        """
        with self._lock:
            fitted, scheme = self._known().fitted, self.scheme
        fitted_points = set(fitted.points.tolist()) if fitted else set()
        missing = sorted(set(range(scheme.count)) - fitted_points)
        if fitted is None or missing:
            which = f"the point {shown(scheme.names[missing[0]])}" if missing else "a point"
            raise InputError(
                f"{which} is placed on no image yet: place it on one at least, or remove it"
            )
        return replace(fitted.regressor, scheme=scheme.point_scheme())

    def annotations_and_predictions(self) -> tuple[Annotations, Predicted | None]:
        """What people said and what follows from it, of one moment, as objects."""
        with self._lock:
            return self.annotations, self._known().predicted

    def name_of(self, index: int) -> str:
        """The name of an image.

        Raises:
            NoSuchImage: there is none of that number.
        """
        if not 0 <= index < len(self.images):
            raise NoSuchImage(f"there is no image {index}: the project has {len(self.images)}")
        return self.images.names[index]

    def _known(self) -> Known:
        return self.fit.after(self.project.version, self.annotations, self._labelled_in_order)

    def _look_in_mirror(self, index: int) -> None:
        """At an image that is being labelled; not under the lock, as others would wait."""
        with self._lock:
            labelled = self._labelled_in_order()
        if self._takes_mirrored(labelled):
            self.locations.ensure_mirrored(index)

    def _takes_mirrored(self, labelled: Sequence[int]) -> bool:
        pictures = {self.locations.picture(index) for index in labelled}
        return takes_mirrored(self.detector, "auto", len(pictures))

    def _with_version(self, moved: dict[str, Any]) -> dict[str, Any]:
        """What undo and redo answer: the version after the image that moved was looked at."""
        if moved["image_id"] is not None:
            self._look_in_mirror(moved["image_id"])
        return moved | {"project_version": self.version}

    def _current_suggester(self) -> Suggester:
        """While landmarks become known, the one of a moment ago is good enough."""
        done, total = self.locations.done, self.locations.total
        known = self._suggester
        if known is None or (done != known[0] and (done == total or done > 1.25 * known[0])):
            located = self.locations.located[:, None, None]
            landmarks = np.where(located, self.locations.landmarks, np.nan)
            known = (done, Suggester(landmarks, self.images.sizes))
            self._suggester = known
        return known[1]

    def _labelled_in_order(self) -> list[int]:
        """Images with points, in the order in which they were first labelled."""
        numbers, labelled = self._numbers, self.annotations.labels
        names = self.project.labelled_in_order()
        return [numbers[name] for name in names if name in numbers and name in labelled]

    def _head(self, index: int) -> dict[str, Any]:
        width, height = self.images.sizes[index].astype(int).tolist()
        name = shown(self.images.names[index])
        return {"id": index, "name": name, "width": width, "height": height}

    def _locating(self) -> dict[str, int]:
        """How many images are looked at, and how many will be."""
        done = self.locations.done
        return {"done": done, "total": done if self.locations.failure else self.locations.total}

    def _left_out_notice(self) -> list[str]:
        """A sentence on the images that cannot be read, when all have been looked at."""
        trouble = dict(self.locations.trouble)
        if not trouble or self.locations.done < self.locations.total:
            return []
        first = min(trouble)
        example = f"{self.images.names[first]} ({trouble[first]})"
        if len(trouble) == 1:
            return [f"1 image could not be read and is left out: {example}"]
        return [
            f"{counted(len(trouble), 'image')} could not be read and are left out, such as "
            f"{example}"
        ]

    def _history(self) -> dict[str, bool]:
        return {"can_undo": self.project.can_undo, "can_redo": self.project.can_redo}

    def _predicted(self, index: int) -> dict[str, Any]:
        predicted = self._known().predicted
        if predicted is None or not self.locations.located[index]:
            nothing = [None] * self.scheme.count
            return {"predicted": nothing, "scores": nothing}
        free = np.isnan(places(self.annotations.of(self.images.names[index])))
        suggested = np.where(free, predicted.points[index], np.nan)
        self._suggested[index, self.project.scheme_version].append(suggested)
        return {
            "predicted": _points(predicted.points[index]),
            "scores": _numbers(predicted.scores[index], 3),
        }

    def _marked(self, index: int, labels: Labels) -> Labels:
        """The labels, those marked as accepted that were or that lie where they were suggested."""
        self._predicted(index)
        before = self.annotations.of(self.images.names[index])
        if len(labels) != len(before):
            return labels
        near = np.zeros(len(labels), dtype=bool)
        for suggested in self._suggested[index, self.project.scheme_version]:
            inside = suggested.clip(-0.5, self.images.sizes[index] - 0.5)  # as the page does it
            near |= np.linalg.norm(inside - places(labels), axis=-1) <= NEAR
        return tuple(
            placed and replace(placed, accepted=_is_accepted(placed, old, near=bool(of_point)))
            for placed, old, of_point in zip(labels, before, near, strict=True)
        )

    def _moved(self, change: Change | None, nothing: str) -> dict[str, Any]:
        image = change.get("image") if change else None
        return {
            "image_id": self._numbers.get(image) if image is not None else None,
            "what": change["what"] if change else nothing,
            **self._history(),
        }

    def _far_outside(self) -> frozenset[str]:
        """Labelled images of no known size whose points cannot be of the present one."""
        said = self.project.annotations
        unknown = [name for name in said.labels if name in self._sizes and name not in said.sizes]
        return frozenset(
            name
            for name in unknown
            if _is_outside(said.of(name), np.array(self._sizes[name], dtype=np.float64))
        )

    def _check_inside(self, index: int, labels: Labels) -> None:
        size = self.images.sizes[index]
        if _is_outside(labels, size):
            raise InputError(
                f"a point lies far outside of the image, which has {size[0]:.0f} x {size[1]:.0f} "
                "pixels: place it nearer"
            )

    def _check_readable(self, index: int, labels: Labels) -> None:
        """Points may still be taken away from an image that cannot be read any more."""
        name, reason = self.images.names[index], self.locations.trouble.get(index)
        known = self.project.annotations.of(name)
        if reason is None or all(
            new in (None, old) for new, old in zip(labels, known, strict=False)
        ):
            return
        raise InputError(
            f"{name} could not be read ({reason}): no points can be placed on it; mend the file "
            "and start the annotator again"
        )

    def _what(self, before: Labels, after: Labels) -> str:
        names = self.scheme.names
        both = zip(names, before, after, strict=False)
        changed = [name for name, old, new in both if old != new]
        return " and ".join(changed) if 1 <= len(changed) <= 2 else f"{len(changed)} points"


def _is_accepted(placed: Placed, before: Placed | None, *, near: bool) -> bool:
    """Whether a point counts as accepted, ``near`` a suggestion or not."""
    if before is not None and (before.x, before.y) == (placed.x, placed.y):
        return before.accepted
    return placed.visible and near


def _is_outside(labels: Labels, size: np.ndarray) -> bool:
    """Whether a point lies far outside of an image of that width and height."""
    return bool(far_outside(places(labels), size).any())


def _points(points: Float[np.ndarray, "points 2"]) -> list[list[float] | None]:
    return [None if isnan(x) else [x, y] for x, y in np.round(points, 3).tolist()]


def _numbers(values: Float[np.ndarray, " values"], digits: int) -> list[float | None]:
    return [None if isnan(value) else value for value in np.round(values, digits).tolist()]
