"""A run's pictures and report: which images are shown, how they are warped, what is drawn."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from warpmarks.coordinates import pixel_centres, to_pixels
from warpmarks.datasets.image_set import ImageSet, as_images
from warpmarks.datasets.reading import UnreadableImage, read_picture
from warpmarks.detectors.base import check_unreadable
from warpmarks.detectors.detector import Detector
from warpmarks.errors import InputError
from warpmarks.evaluation.average_image import AverageImage, average_image
from warpmarks.plots.history import History
from warpmarks.report.content import RunSummary, Section, ShownImages
from warpmarks.report.evaluation import evaluation_sections
from warpmarks.report.learning_rate import scheduled_rates
from warpmarks.report.page import PAGE, build_report
from warpmarks.report.pictures import Deformations, Instances, Looks, draw_pictures
from warpmarks.report.regressor import regressor_sections
from warpmarks.report.stored import StoredContent, read_content, save_content
from warpmarks.runs.folder import RunFolder
from warpmarks.runs.record import RunRecord
from warpmarks.system.files import check_folder_place
from warpmarks.system.progress import Progress, SilentProgress
from warpmarks.system.whole_folder import whole_folder
from warpmarks.warps import RandomWarps, ThinPlateSpline, WarpRange, control_grid
from warpmarks.warps.sampling import sample_view, to_float_images
from warpmarks.wording import counted

SHOWN_INSTANCES = 96
SHOWN_MAPS = 2
DISPLAY_SIDE = 240
"""Pixels of a shown view's shorter side; the detector sees its own resolution."""

DEFORMED_ROWS = 4
DEFORMATIONS = (
    ("original", WarpRange(0, 0, 0, 0)),
    ("rotation", WarpRange(25, 0, 0, 0)),
    ("scale and shift", WarpRange(0, 0.25, 0.12, 0)),
    ("thin-plate spline", WarpRange(5, 0.05, 0.03, 0.08)),
    ("thin-plate spline", WarpRange(15, 0.1, 0.05, 0.08)),
)


def report_run(
    run: str | Path,
    images: ImageSet | str | Path,
    *,
    output: Path | None = None,
    ending: str = "",
    detector: Detector | None = None,
    advice: Sequence[str] = (),
    device: str = "auto",
    allow_unreadable: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Draw a run's pictures on some of the images and write its report.

    Args:
        run: the run folder.
        images: what the pictures show; a path stands for what `find_images` finds there.
        output: folder for ``pictures/`` and ``report.html``; the run folder if not given.
        ending: why training ended, as a clause; if not given, as the run's report has it.
        detector: the run's, if at hand.
        advice: sentences on what to try, likewise.
        device: auto, cpu or cuda, where the detector is not at hand.
        allow_unreadable: go on however many images cannot be read.
        progress: told of the pictures drawn.

    Returns:
        The path of ``report.html``.

    Raises:
        InputError: no run, no weights, no readable image, or the output cannot be written.
        TooManyUnreadable: more than 5 % of the images were found to be unreadable and
            ``allow_unreadable`` is not set; no more are read than are shown.
    """
    progress, images = progress or SilentProgress(), as_images(images)
    folder = RunFolder(run)
    detector = detector or Detector.load(run, device=device)
    output = folder.path if output is None else output
    check_folder_place(output)
    record, log = folder.record(), folder.read_log()
    if not ending:
        stored = read_content(folder.path / "pictures")
        ending, advice = stored.ending, advice or stored.advice
    progress.start("Drawing pictures", 3)
    instances, deformations, average = survey(
        detector, images, progress, allow_unreadable=allow_unreadable
    )
    shown = None
    elsewhere = output.resolve() != folder.path.resolve()
    if elsewhere or not set(images.names) <= set(folder.read_names() or ()):
        shown = ShownImages(images.set_name, len(images.names), len(instances.images))
    summary = summarise(folder, ending=ending, advice=advice, shown=shown)
    progress.advance()
    with whole_folder(output, last=PAGE) as fresh:  # where the page is, the pictures are as well
        sections: tuple[Section, ...] = draw_pictures(
            fresh / "pictures",
            instances,
            deformations,
            History.from_lines(log, scheduled_rates(record, log)),
            flags=summary.flags(),
            supervised=record.kind == "supervised",
            average=average,
        )
        content = StoredContent(summary.ending, summary.advice, sections, shown)
        save_content(fresh / "pictures", content)
        progress.advance()
        page = build_report(fresh, summary, (*sections, *_of_points(output, detector)))
    progress.advance()
    progress.finish()
    return output / page.name


def rebuild_report(
    run: str | Path,
    images: ImageSet,
    *,
    detector: Detector | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write a run's report again from the pictures that are there, with evaluations and regressors.

    Where they are not, they are drawn on some of the images.

    Raises:
        InputError: no run, or the page or pictures cannot be made.
    """
    folder = RunFolder(run)
    detector = detector or Detector.load(run)
    content = read_content(folder.path / "pictures")
    if not content.sections:
        return report_run(
            run,
            images,
            ending=content.ending,
            advice=content.advice,
            detector=detector,
            allow_unreadable=True,
            progress=progress,
        )
    summary = summarise(folder, ending=content.ending, advice=content.advice, shown=content.shown)
    sections = (*content.sections, *_of_points(folder.path, detector))
    return build_report(folder.path, summary, sections)


def summarise(
    folder: RunFolder,
    *,
    ending: str = "",
    advice: Sequence[str] = (),
    shown: ShownImages | None = None,
) -> RunSummary:
    """A run in numbers, from its record and the last line of its log."""
    record, log = folder.record(), folder.read_log()
    last = log[-1] if log else {}
    return RunSummary(
        name=folder.path.resolve().name,
        num_landmarks=record.config.num_landmarks,
        num_images=record.images.count,
        num_unreadable=record.images.unreadable,
        num_learned=record.config.learned_landmarks,
        steps=last.get("step", 0),
        seconds=last.get("seconds", 0.0),
        ending=ending or "as far as the run has come",
        equivariance_error_percent=last.get("equivariance_error_percent", float("nan")),
        dead=tuple(last.get("dead", ())),
        nailed=tuple(last.get("nailed", ())),
        doubled=tuple((i, j) for i, j in last.get("doubled", ())),
        lagging=tuple(last.get("lagging", ())),
        follow=tuple(last.get("follow", ())),
        training_error=_training_error(record, last),
        shown=shown,
        advice=tuple(advice),
        settings=record.config.model_dump(),
        versions=record.versions,
    )


def _of_points(run: Path, detector: Detector) -> tuple[Section, ...]:
    """What the run's folder holds on annotated points: label curves, evaluations, regressors."""
    digest = detector.digest
    return (*evaluation_sections(run, digest), *regressor_sections(run, digest))


def _training_error(record: RunRecord, last: Mapping[str, Any]) -> str | None:
    percent = last.get("training_error_percent")
    if percent is None or record.scheme is None:
        return None
    return f"{percent:.2f} % of {record.scheme.normaliser.words}"


def survey(
    detector: Detector,
    images: ImageSet,
    progress: Progress | None = None,
    *,
    allow_unreadable: bool = False,
) -> tuple[Instances, Deformations, AverageImage]:
    """What the detector finds on images spread over the set, and on deformations of the first.

    Last the average of these images. ``progress`` is told of images that cannot be read.

    Raises:
        InputError: no image can be read.
        TooManyUnreadable: see `report_run`.
    """
    record = detector.record
    enlarged = max(1.0, DISPLAY_SIDE / min(record.view_height, record.view_width))
    picture_size = round(record.picture_height * enlarged), round(record.picture_width * enlarged)
    view_size = round(record.view_height * enlarged), round(record.view_width * enlarged)
    small, large = _read_spread(
        detector, images, picture_size, allow_unreadable, progress or SilentProgress()
    )

    points, margin = pixel_centres(*view_size)[None], record.config.image.margin
    sight = detector.look(small)
    first = slice(SHOWN_MAPS)
    at = points.expand(len(large[first]), -1, -1, -1)
    if sight.pose is not None:
        pose = sight.pose.of(first)
        parts = at.to(sight.landmarks).split(8, dim=1)  # of a bend each point has K terms
        at = torch.cat([pose(part) for part in parts], dim=1).cpu()
    instances = Instances(
        _shown(large, points, margin),
        _pixels(sight.landmarks, view_size),
        Looks(
            _shown(large[first], at, margin),
            _pixels(sight.in_views[first], view_size),
            sight.maps[first].double().cpu().numpy(),
        ),
    )
    rows = min(DEFORMED_ROWS, len(small))
    average = average_image(
        large,
        sight.landmarks.double().cpu().numpy(),
        sight.scores.double().cpu().numpy(),
        size=view_size,
        margin=margin,
    )
    return instances, _deform(detector, small[:rows], large[:rows], view_size), average


def _read_spread(
    detector: Detector,
    images: ImageSet,
    large_size: tuple[int, int],
    allow_unreadable: bool,
    progress: Progress,
) -> tuple[Tensor, Tensor]:
    """Pictures at the detector's size and at ``large_size`` of images spread over the set."""
    record = detector.record
    paths = images.paths()
    order = np.random.default_rng(0).permutation(len(paths))
    small, large, failed = [], [], 0
    for name, path in ((images.names[index], paths[index]) for index in order):
        try:
            fit = record.config.image.fit
            seen, _ = read_picture(path, record.picture_height, record.picture_width, fit)
            shown, _ = read_picture(path, *large_size, fit)
        except UnreadableImage as error:
            failed += 1
            if not allow_unreadable:
                check_unreadable(images, failed, f"{name} ({error.reason})", of=len(paths))
            progress.message(f"left out: {error}")
            continue
        small.append(seen)
        large.append(shown)
        if len(small) == SHOWN_INSTANCES:
            break
    if not small:
        raise InputError(
            f"{images.source}: none of the images ({counted(len(paths), 'image')}) can be read"
        )
    return torch.from_numpy(np.stack(small)), torch.from_numpy(np.stack(large))


def _deform(
    detector: Detector, small: Tensor, large: Tensor, view_size: tuple[int, int]
) -> Deformations:
    record = detector.record
    aspect = record.view_width / record.view_height
    controls = control_grid(5, 5)
    generator = torch.Generator().manual_seed(1)
    columns = []
    original = None
    for name, warp_range in DEFORMATIONS:
        random_warps = RandomWarps(warp_range, aspect=aspect, controls=controls)
        warp = random_warps.draw(len(small), generator)
        margin = record.config.image.margin
        shown = _shown(large, _grid_through(warp, view_size), margin)
        landmarks = detector.look(small, warp.to(torch.empty(0, device=detector.device))).landmarks
        original = landmarks if original is None else original
        expected = warp.inverse(original.double().cpu())
        columns.append((shown, _pixels(landmarks, view_size), _pixels(expected, view_size), name))
    shown, found, expected, names = zip(*columns, strict=True)
    return Deformations(
        np.stack(shown, axis=1), np.stack(found, axis=1), np.stack(expected, axis=1), names
    )


def _grid_through(
    warp: ThinPlateSpline, size: tuple[int, int]
) -> Float[Tensor, "batch rows columns 2"]:
    centres = pixel_centres(*size, dtype=torch.float64).reshape(1, -1, 2)
    count = len(warp.weights)
    return warp(centres.expand(count, -1, -1)).reshape(count, *size, 2).float()


def _shown(pictures: Tensor, points: Tensor, margin: float) -> np.ndarray:
    views = sample_view(to_float_images(pictures), points.expand(len(pictures), -1, -1, -1), margin)
    return (255 * views).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()


def _pixels(landmarks: Tensor, size: tuple[int, int]) -> Float[np.ndarray, "images points 2"]:
    return to_pixels(landmarks.double().cpu(), *size).numpy()
