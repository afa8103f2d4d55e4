"""What a detector finds on images, gathered for the pictures and the report of a run.

The network sees views of its own size; here the same views are also sampled several times as large,
to be looked at, with the landmarks taken to the pixels of these.
"""

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from warpmarks.coordinates import pixel_centres, to_pixels
from warpmarks.datasets.image_set import ImageSet
from warpmarks.datasets.reading import UnreadableImage, read_picture
from warpmarks.detector import Detector
from warpmarks.errors import InputError
from warpmarks.heatmaps import soft_argmax, spatial_softmax
from warpmarks.plots.history import History
from warpmarks.report.content import RunSummary
from warpmarks.report.page import build_report
from warpmarks.report.pictures import Deformations, Instances, draw_pictures
from warpmarks.run_folder import RunFolder
from warpmarks.training import Health, diagnose
from warpmarks.warps import RandomWarps, ThinPlateSpline, WarpRange, control_grid
from warpmarks.warps.sampling import sample_view, to_float_images

INSTANCES = 200
"""Images in the scatter and in the mean patches."""

MAPS = 3
"""Images whose probability maps are shown."""

ROWS, COLUMNS = 4, 7
"""Images that are deformed, and how many pictures there are of each, the original included."""

SHOWN_SIDE = 240
"""Least pixels of a shown view's shorter side."""

SHOWN_WARPS = WarpRange(rotation=25, scale=0.2, translation=0.1, deformation=0.06)
"""Clearly seen, and about as wide as what recipes train on."""


def report_run(
    run: str | Path,
    images: ImageSet,
    *,
    output: Path | None = None,
    detector: Detector | None = None,
    ending: str = "",
    seed: int = 0,
) -> Path:
    """Draw what the run's detector finds on images and write ``report.html``; where it is.

    Args:
        run: the run folder.
        images: to show; a few hundred at most are read, picked at random.
        output: folder for ``report.html`` and ``pictures/``; the run folder if not given.
        detector: the run's, where it is at hand.
        ending: why training ended, as a clause.
        seed: of the choice of images and of the deformations.

    Raises:
        InputError: no run, no checkpoint yet, no image that can be read, or no place to write.
    """
    folder = RunFolder(run)
    output = folder.path if output is None else output
    detector = detector or Detector.load(run)
    summary = summarise_run(folder, ending=ending)
    sections = draw_pictures(
        output / "pictures",
        *gather(detector, images, seed=seed),
        History.read(folder.log_path) if folder.log_path.is_file() else None,
        flags=summary.flags(),
    )
    return build_report(output, summary, sections)


def gather(
    detector: Detector, images: ImageSet, *, seed: int = 0
) -> tuple[Instances, Deformations]:
    """Landmarks on different images, and on deformations of some of them.

    Raises:
        InputError: not one of the images that were picked can be read.
    """
    order = np.random.default_rng(seed).permutation(len(images.names))[:INSTANCES]
    eye = _Eye(detector)
    pictures = eye.read([images.root / images.names[index] for index in order])
    if not pictures:
        raise InputError(f"{images.root}: none of its images can be read, so there is none to show")
    straight = [eye.look(picture, None) for picture in pictures]
    generator = torch.Generator().manual_seed(seed)
    rows = [
        _deform(eye, picture, seen, generator)
        for picture, seen in zip(pictures[:ROWS], straight, strict=False)
    ]
    return (
        Instances(
            images=np.stack([seen.image for seen in straight]),
            landmarks=np.stack([eye.in_shown(seen.landmarks) for seen in straight]),
            probability_maps=np.stack([seen.maps for seen in straight[:MAPS]]),
        ),
        Deformations(
            images=np.stack([images for images, _, _ in rows]),
            landmarks=np.stack([landmarks for _, landmarks, _ in rows]),
            expected=np.stack([expected for _, _, expected in rows]),
            names=("original", *("deformed",) * (COLUMNS - 1)),
        ),
    )


def summarise_run(folder: RunFolder, *, ending: str = "") -> RunSummary:
    """A run's record and its last evaluation."""
    record = folder.record()
    log = folder.read_log()
    last = log[-1] if log else {}
    return RunSummary(
        name=folder.path.resolve().name,
        num_landmarks=record.config.num_landmarks,
        num_images=record.images.count,
        num_unreadable=record.images.unreadable,
        steps=last.get("step", 0),
        seconds=float(last.get("seconds", 0)),
        ending=ending,
        equivariance_error_percent=float(last.get("equivariance_error_percent", "nan")),
        dead=tuple(last.get("dead", ())),
        nailed=tuple(last.get("nailed", ())),
        doubled=tuple((first, second) for first, second in last.get("doubled", ())),
        advice=_advice(last) if last else (),
        settings=record.config.model_dump(mode="json"),
        versions=record.versions,
    )


def _advice(line: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(diagnose(Health(**{field.name: line[field.name] for field in fields(Health)})))


@dataclass(frozen=True)
class _Picture:
    """One picture as the network gets it, and several times as large."""

    small: UInt8[np.ndarray, "height width 3"]
    large: UInt8[np.ndarray, "large_height large_width 3"]


@dataclass(frozen=True)
class _Seen:
    """A view: large, to be looked at, and what the network makes of the small one."""

    image: UInt8[np.ndarray, "shown_height shown_width 3"]
    maps: Float[np.ndarray, "landmarks rows columns"]
    landmarks: Float[Tensor, "landmarks 2"]  # normalised coordinates of the view


class _Eye:
    """Looks at pictures, straight or through a warp, with a detector's network."""

    def __init__(self, detector: Detector) -> None:
        record = detector.record
        self.detector, self.margin = detector, record.config.image.margin
        view = record.view_height, record.view_width
        self.scale = max(1, math.ceil(SHOWN_SIDE / min(view)))
        self.shown = self.scale * view[0], self.scale * view[1]
        self.aspect = record.view_width / record.view_height
        self._points = pixel_centres(*view, dtype=torch.float64)
        self._shown_points = pixel_centres(*self.shown, dtype=torch.float64)

    def read(self, paths: Sequence[Path]) -> list[_Picture]:
        """The pictures of those images that can be read."""
        record = self.detector.record
        height, width = record.picture_height, record.picture_width
        fit = record.config.image.fit
        pictures = []
        for path in paths:
            with suppress(UnreadableImage):
                small, _ = read_picture(path, height, width, fit)
                large, _ = read_picture(path, self.scale * height, self.scale * width, fit)
                pictures.append(_Picture(small, large))
        return pictures

    @torch.no_grad()
    def look(self, picture: _Picture, warp: ThinPlateSpline | None) -> _Seen:
        """The view of a picture, through a warp from the points of the view to those of itself."""
        view = self._sample(picture.small, self._points, warp).to(self.detector.device)
        maps = spatial_softmax(self.detector.network(view)).cpu()
        shown = self._sample(picture.large, self._shown_points, warp)[0]
        image = (shown * 255).round().to(torch.uint8).permute(1, 2, 0)
        return _Seen(np.ascontiguousarray(image), maps[0].numpy(), soft_argmax(maps)[0].double())

    def in_shown(self, points: Float[Tensor, "points 2"]) -> Float[np.ndarray, "points 2"]:
        """Normalised coordinates of the view to pixels of the shown view."""
        return to_pixels(points, *self.shown).numpy()

    def _sample(
        self,
        picture: UInt8[np.ndarray, "height width 3"],
        points: Float[Tensor, "rows columns 2"],
        warp: ThinPlateSpline | None,
    ) -> Float[Tensor, "1 3 rows columns"]:
        where = (
            points[None] if warp is None else warp(points.reshape(1, -1, 2)).view(1, *points.shape)
        )
        return sample_view(to_float_images(torch.from_numpy(picture)[None]), where, self.margin)


def _deform(
    eye: _Eye, picture: _Picture, straight: _Seen, generator: torch.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A row: images, landmarks found, and where the warps take those of the original."""
    warps = RandomWarps(SHOWN_WARPS, aspect=eye.aspect, controls=control_grid(5, 5))
    drawn = warps.draw(COLUMNS - 1, generator)
    seen, expected = [straight], [straight.landmarks]
    for column in range(COLUMNS - 1):
        warp = drawn.part(slice(column, column + 1))
        seen.append(eye.look(picture, warp))
        # The warped image shows at v what the original shows at g(v).
        expected.append(warp.inverse(straight.landmarks[None])[0])
    return (
        np.stack([view.image for view in seen]),
        np.stack([eye.in_shown(view.landmarks) for view in seen]),
        np.stack([eye.in_shown(points) for points in expected]),
    )
