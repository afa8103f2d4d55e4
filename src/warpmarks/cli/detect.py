"""``warpmarks detect``: a run and images to a file of coordinates."""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from warpmarks.cli.options import (
    AllowUnreadable,
    Copies,
    Device,
    DeviceChoice,
    Overwrite,
    RunOrFile,
    Split,
    Threads,
)
from warpmarks.cli.video import ImagesOrVideo, Overlay, Smooth, Trails, VideoOutput
from warpmarks.errors import InputError
from warpmarks.wording import counted

if TYPE_CHECKING:
    from warpmarks.datasets.image_set import ImageSet
    from warpmarks.points import PointScheme
    from warpmarks.system.progress import Progress


LOW = 0.6
"""Share of the usual mean score below which images are doubted. Held-out images of a run's own set
have 1.0 to 1.07 of it, and one of them by itself 0.61 at least (cats, mice, shoes and faces);
images of other kinds have 0.26 to 0.50 (all four by a run of cats and by one of mice).
Points, whose scores are means of landmarks', are alike: by regressors from 20 cats those of
held-out cats have 1.04 of it, and of one cat 0.80 at least, and of other kinds 0.30 to 0.52."""


def detect(
    run: RunOrFile,
    images: ImagesOrVideo,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            show_default="landmarks.csv, or points.csv with a regressor",
            help="CSV file to write: image,x1,y1,...,xK,yK in pixels of the original image; "
            "the centre of its first pixel is (0, 0). Of a video frame,time,x1,y1,... The name "
            "ends in .csv; `warpmarks convert` makes other formats of it. Of images, - is stdout, "
            "written when all are done.",
        ),
    ] = None,
    regressor: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            show_default=False,
            help="Write annotated points in the place of landmarks, by a regressor that "
            "`warpmarks fit` saved: its name inside the run, or its path. Their names go into a "
            ".names.json file beside the CSV.",
        ),
    ] = None,
    scores: Annotated[
        bool,
        typer.Option(
            "--scores",
            help="Add score1,...,scoreK: confidence per landmark, 0 to 1 is best; that of a point "
            "is the mean of its landmarks', each by its share in the point.",
        ),
    ] = False,
    overlay: Overlay = None,
    trails: Trails = 0,
    smooth: Smooth = None,
    split: Split = None,
    batch_size: Annotated[
        int, typer.Option(min=1, help="Images that the network sees at a time.")
    ] = 32,
    allow_unreadable: AllowUnreadable = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on where a detection on images was stopped, from FILE.part; a video is read "
            "in one go, so one that was stopped starts anew.",
        ),
    ] = False,
    overwrite: Overwrite = False,
    copies: Copies = None,
    device: DeviceChoice = Device.AUTO,
    threads: Threads = None,
) -> None:
    """Find the landmarks of a run, or annotated points, on images or in a video."""
    from warpmarks.cli.listing import left_out
    from warpmarks.cli.loading import load_detector
    from warpmarks.cli.outputs import STDOUT, check_csv_name, file_for_stdout
    from warpmarks.cli.progress import terminal_progress
    from warpmarks.cli.video import detect_in_video
    from warpmarks.datasets.landmark_file import part_of
    from warpmarks.detectors.base import TooManyUnreadable
    from warpmarks.detectors.point_detector import PointDetector
    from warpmarks.detectors.to_csv import detect_to_file

    if resume and overwrite:
        raise InputError(
            "--resume and --overwrite were both given: one goes on, the other starts anew"
        )
    to_stdout = str(output) == STDOUT
    if to_stdout:
        _check_stdout(images, resume=resume)
    elif output is not None:
        check_csv_name(output)
    detector = load_detector(run, regressor, device, threads, copies)
    scheme = detector.regressor.scheme if isinstance(detector, PointDetector) else None
    count = detector.num_landmarks
    what = "landmark" if scheme is None else "point"
    if output is None:
        output = Path(f"{what}s.csv")
    if not to_stdout:
        _check_output(output, images, named=scheme is not None, resume=resume, overwrite=overwrite)
    video = VideoOutput(overlay, trails, smooth)
    in_video = video.check(images, split=split, resume=resume, overwrite=overwrite)
    if in_video:
        mean_score = detect_in_video(
            detector,
            images,
            output,
            num_landmarks=count,
            what=what,
            scores=scores,
            wanted=video,
            batch_size=batch_size,
        )
        _name_points(output, scheme)
        _tell_low_scores(run, mean_score)
        return
    with ExitStack() as stack:
        progress = stack.enter_context(terminal_progress())
        image_set = _find(images, split, output, progress)
        file = stack.enter_context(file_for_stdout()) if to_stdout else output
        try:
            written = detect_to_file(
                detector,
                image_set,
                file,
                scores=scores,
                batch_size=batch_size,
                resume=resume,
                overwrite=overwrite,
                allow_unreadable=allow_unreadable,
                progress=progress,
            )
        except TooManyUnreadable as error:
            raise InputError(str(error).removesuffix(" --resume" if to_stdout else "")) from None
        except KeyboardInterrupt:
            if part_of(output).exists() and not to_stdout:
                raise KeyboardInterrupt("go on with the same command and --resume") from None
            raise
    for line in left_out(written.unreadable):
        print(line, file=sys.stderr)
    found = f"{counted(count, what)} on {counted(written.images, 'image')}"
    _tell_found(found, None if to_stdout else output, scheme)
    _tell_low_scores(run, written.mean_score)


def _tell_found(found: str, output: Path | None, scheme: "PointScheme | None") -> None:
    """Say what was found; name the points beside the file, or on stderr where stdout is it."""
    if output is not None:
        print(f"{output}: {found}")
        _name_points(output, scheme)
    else:
        names = "" if scheme is None else f": {', '.join(scheme.names)}"
        print(f"{found}{names}", file=sys.stderr)


def _check_stdout(images: Path, *, resume: bool) -> None:
    """Raise where points cannot go to stdout."""
    from warpmarks.datasets.videos import is_video_name
    from warpmarks.system.streams import check_stdout

    check_stdout("--output")
    if resume:
        raise InputError(
            "--resume was given, but --output - leaves nothing to go on from: name a "
            "file, or leave --resume out"
        )
    if is_video_name(images):
        raise InputError("--output - is for images: name a .csv file for the points of a video")


def _check_output(
    output: Path, images: Path, *, named: bool, resume: bool, overwrite: bool
) -> None:
    """Raise where the file, or that of the points' names beside it, may not be written."""
    from warpmarks.cli.outputs import check_not_input, check_output_file
    from warpmarks.datasets.landmark_file import part_of
    from warpmarks.datasets.scheme_file import scheme_path

    begun = resume and part_of(output).exists()
    if resume and output.is_file() and not begun:
        raise InputError(
            f"--resume: {output} is whole and there is no {part_of(output)} to go on from: find "
            "the landmarks anew with --overwrite, or choose another --output"
        )
    check_output_file(output, overwrite=overwrite or begun)  # begun with --overwrite
    tables = ("landmarks.csv", "split.csv", "points.json")
    check_not_input(output, [images, *(images / table for table in tables)])
    names = scheme_path(output)
    if not named and names.exists():
        raise InputError(
            f"{names} names the points of {output}, which landmarks would bear then: choose "
            "another --output, or remove it"
        )
    if named and not resume:
        check_output_file(names, overwrite=overwrite, flag="names beside --output:")


def _find(images: Path, split: str | None, output: Path, progress: "Progress") -> "ImageSet":
    """The images, of which the output is none."""
    from warpmarks.cli.outputs import check_not_input
    from warpmarks.datasets.image_set import find_images, find_listed

    if str(images) == "-":
        if split is not None:
            raise InputError(
                f"--split {split} was given, but - is a list of images, which has no splits: give "
                "the folder of an image set"
            )
        if sys.stdin is None:
            raise InputError("- is a list of images on stdin, which is closed: give a text file")
        found = find_listed(sys.stdin.buffer.read(), progress=progress)
    else:
        found = find_images(images, split=split, progress=progress)
    check_not_input(output, found.paths())
    return found


def _name_points(output: Path, scheme: "PointScheme | None") -> None:
    """Write what a table of points does not say beside it."""
    from warpmarks.datasets.scheme_file import scheme_path, write_scheme

    if scheme is not None:
        write_scheme(scheme_path(output), scheme)
        print(f"{scheme_path(output)}: their names")


def _tell_low_scores(run: Path, mean_score: float) -> None:
    """Tell of scores far below those on the images that a run was trained on.

    There is nothing to compare them with of an exported file and of a run that kept none.
    """
    from warpmarks.runs.folder import RunFolder

    usual = RunFolder(run).usual_score()
    if usual is not None and mean_score < LOW * usual:
        print(
            f"the mean score is {mean_score:.2f}, where the images that {run} was trained on have "
            f"{usual:.2f}: if these show another kind of object, the points mean nothing",
            file=sys.stderr,
        )
